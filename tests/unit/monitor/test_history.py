"""Growth out of history is whole, quantiles are those of the reference, windows are read strictly."""

import math
from datetime import UTC, datetime

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccops.core.errors import Unreachable, UsageError
from ccops.monitor.history import Window, grown, open_history, parse_since, query_range
from ccops.monitor.quantile import buckets_of

NOW = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1h", 3600), ("90s", 90), ("7d", 604_800), ("1h30m", 5400), ("2026-11-23T05:00:00Z", 3600),
     ("2026-11-23T14:00:00+09:00", 3600)],
)  # fmt: skip
def test_a_window_is_a_length_or_a_moment_with_a_zone(text: str, seconds: float) -> None:
    assert parse_since(text, NOW).seconds == seconds


@pytest.mark.parametrize(
    "text",
    ["", "3600", "1.5h", "-1h", "0", "h", "2026-11-23T05:00:00", "2026-11-23T07:00:00Z", "401d", "now"],
)  # fmt: skip
def test_what_is_no_window_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_since(text, NOW)
    assert caught.value.code == "WINDOW_INVALID"


def test_a_series_that_begins_at_one_has_grown_by_one() -> None:
    assert grown([(10, 1), (20, 1)], from_zero=True) == 1
    assert grown([(0, 1), (10, 1)], from_zero=False) == 0
    assert grown([(0, 5), (10, 7), (20, 2), (30, 3)], from_zero=False) == 5
    assert grown([], from_zero=True) == 0


LIFE = st.lists(st.one_of(st.integers(0, 9), st.just("restart")), max_size=30)


@given(LIFE, st.booleans())
def test_growth_is_never_more_than_what_happened(life: list[int | str], from_zero: bool) -> None:
    value = begun = 0 if from_zero else 7
    happened, points = 0, [(0.0, float(value))]
    for step, act in enumerate(life, 1):
        if act == "restart":
            value = 0
        else:
            value += int(act)
            happened += int(act)
        points.append((float(step), float(value)))
    assert grown(points, from_zero=False) <= happened
    assert grown(points, from_zero=False) == happened or "restart" in life
    assert begun in {0, 7}


@given(LIFE)
def test_growth_is_exact_when_each_restart_is_seen_before_anything_happens(life: list[int | str]) -> None:
    value, happened, points = 0, 0, [(0.0, 0.0)]
    for step, act in enumerate(life, 1):
        value = 0 if act == "restart" else value + int(act)
        happened += 0 if act == "restart" else int(act)
        points.append((float(step), float(value)))
    assert grown(points, from_zero=True) == happened


@given(st.lists(st.floats(0, 20), min_size=1, max_size=60), st.sampled_from([0.5, 0.9, 0.95, 0.99]))
def test_a_quantile_lies_in_the_bucket_that_holds_it(seen: list[float], share: float) -> None:
    bounds = [1.0, 2.0, 5.0, 10.0]
    growth = {f"{bound:g}": float(sum(one <= bound for one in seen)) for bound in bounds}
    buckets = buckets_of({**growth, "+Inf": float(len(seen))})
    found = buckets.quantile(share)
    assert found is not None
    exact = sorted(seen)[math.ceil(share * len(seen) - 1e-9) - 1]
    upper = next((bound for bound in bounds if exact <= bound), math.inf)
    lower = max([bound for bound in bounds if bound < exact], default=0.0)
    assert lower <= found <= upper or (math.isinf(upper) and found == bounds[-1])
    assert buckets.share_within(5) == sum(one <= 5 for one in seen) / len(seen)
    assert buckets.share_within(6) is None


def test_no_observation_has_no_quantile() -> None:
    empty = buckets_of({"1.0": 0.0, "+Inf": 0.0})
    assert (empty.quantile(0.95), empty.share_within(1), empty.total) == (None, None, 0)
    assert buckets_of({}).quantile(0.95) is None


def client(answer: dict[str, object] | str, status: int = 200) -> httpx.Client:
    def reply(_: httpx.Request) -> httpx.Response:
        return (
            httpx.Response(status, text=answer)
            if isinstance(answer, str)
            else httpx.Response(status, json=answer)
        )

    return httpx.Client(base_url="http://prometheus", transport=httpx.MockTransport(reply))


def test_instances_that_came_later_and_series_that_came_later_are_told_apart() -> None:
    def reply(request: httpx.Request) -> httpx.Response:
        text = request.content.decode()
        old, new = {"instance": "old"}, {"instance": "new"}
        young = {"instance": "young"}
        if "up%7B" in text:
            rows = [(old, [[0, "1"], [20, "1"]]), (new, [[10, "1"], [20, "1"]]), (young, [[10, "1"]])]
        elif "process_start" in text:
            rows = [(old, [[0, "-900"]]), (new, [[10, "-900"]]), (young, [[10, "7"]])]
        else:
            # old: an error that came later; new: its counter stood at 3 when it was first scraped, though it
            # had run before; young: it began within the window
            rows = [(old, [[20, "2"]]), (new, [[10, "3"], [20, "4"]]), (young, [[10, "5"]])]
        result = [{"metric": labels, "values": values} for labels, values in rows]
        return httpx.Response(200, json={"status": "success", "data": {"result": result}})

    with httpx.Client(base_url="http://prometheus", transport=httpx.MockTransport(reply)) as fake:
        history = open_history(fake, Window(20, 20), "job")
        assert history.growth("errors_total") == {"": 8.0}
        assert history.coverage == 1.0


@pytest.mark.parametrize("answer", ["<html>", {"status": "error", "error": "exceeded maximum resolution"}])
def test_what_refuses_a_range_is_unreachable(answer: dict[str, object] | str) -> None:
    with client(answer, 400) as fake, pytest.raises(Unreachable):
        query_range(fake, "up", Window(0, 60))
