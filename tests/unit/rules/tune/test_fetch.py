"""Reading history: chunks on one grid, guards as a mask, files, intervals and silences."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs

import httpx
import pytest

from ccops.core.errors import Unreachable, UsageError
from ccops.core.profile import Profile
from ccops.rules.flat import flatten
from ccops.rules.project import rule_set, templates_of
from ccops.rules.tune.fetch import CHUNK, as_json, chunks, fetch, load_history
from ccops.rules.tune.intervals import load_intervals, matches, moment
from ccops.rules.tune.model import Interval, Window
from ccops.rules.tune.run import window_of
from ccops.rules.tune.silences import silence_history
from ccops.rules.tune.target import Target, target_of
from tests.tune_kit import example

WINDOW = Window(1_000_000_000, 1_000_000_000 + 30 * 25_000, 30)


@pytest.fixture
def target(dev: Profile) -> Target:
    rules = rule_set(dev)
    flat = flatten((file.name, file.text) for file in rules.rendered.files)
    rule = next(one for one in flat if one.name == "Success")
    return target_of(rule, rules.resolved, templates_of(dev.project))


def client(answer: Callable[[dict[str, str]], httpx.Response]) -> httpx.Client:
    def handle(request: httpx.Request) -> httpx.Response:
        return answer({name: one[0] for name, one in parse_qs(request.content.decode()).items()})

    return httpx.Client(base_url="http://prom", transport=httpx.MockTransport(handle))


def matrix(*series: tuple[dict[str, str], list[tuple[int, str]]]) -> httpx.Response:
    result = [{"metric": labels, "values": values} for labels, values in series]
    return httpx.Response(200, json={"status": "success", "data": {"resultType": "matrix", "result": result}})


def test_chunks_cover_the_grid_once_and_stay_below_the_servers_limit() -> None:
    parts = list(chunks(WINDOW))
    assert [part.size for part in parts] == [CHUNK, CHUNK, 5_001]
    moments = [part.at(index) for part in parts for index in range(part.size)]
    assert moments == [WINDOW.at(index) for index in range(WINDOW.size)]
    assert list(chunks(Window(60, 60, 30))) == [Window(60, 60, 30)]


def test_the_window_ends_at_the_last_whole_step() -> None:
    window = window_of(datetime(2026, 11, 30, 9, 0, 29, tzinfo=UTC), 86_400, 30)
    assert window.end % 30 == 0
    assert window.end == int(datetime(2026, 11, 30, 9, tzinfo=UTC).timestamp())
    assert window.size == 2880


def test_a_history_has_values_of_the_guarded_and_presence_of_the_bare_signal(target: Target) -> None:
    asked: list[dict[str, str]] = []

    def answer(form: dict[str, str]) -> httpx.Response:
        asked.append(form)
        first = int(form["start"])
        if form["query"] == target.resets:
            return matrix(({}, [(first + 30, "1")]))
        if form["query"] == target.signal:
            return matrix(({"__name__": "x"}, [(first, "NaN"), (first + 30, "99"), (first + 60, "+Inf")]))
        return matrix(({}, [(first + 30, "99.5"), (first + 60, "+Inf")]))

    history = fetch(client(answer), target, WINDOW)
    assert history.present == [0, 1, 2, 10_000, 10_001, 10_002, 20_000, 20_001, 20_002]
    assert history.series[0].at == [1, 2, 10_001, 10_002, 20_001, 20_002]
    assert history.series[0].values[:2] == [99.5, float("inf")]
    assert history.finite() == [99.5] * 3
    assert history.resets == [1, 10_001, 20_001]
    assert len(asked) == 9
    assert {form["step"] for form in asked} == {"30"}


def test_a_refused_query_is_told_with_the_servers_words(target: Target) -> None:
    refusing = client(lambda _: httpx.Response(400, json={"status": "error", "error": "exceeded 11,000"}))
    with pytest.raises(UsageError, match="refuses") as caught:
        fetch(refusing, target, WINDOW)
    assert "exceeded 11,000" in caught.value.evidence
    strange = client(lambda _: httpx.Response(200, json={"data": {"resultType": "vector", "result": []}}))
    with pytest.raises(Unreachable, match="does not answer"):
        fetch(strange, target, WINDOW)


def test_a_saved_history_is_the_same_again(tmp_path: Path) -> None:
    path = tmp_path / "h.json"
    path.write_text(as_json({"Spike": example()}))
    again = load_history(path, "Spike")
    first = example()
    assert (again.window, again.present, again.resets) == (first.window, first.present, list(first.resets))
    assert again.series == first.series
    assert again.range_s == 300


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"histories": {}}',
        '{"histories": {"Spike": {"start": 0, "end": 10}}}',
        '{"histories": {"Spike": {"start": 0, "end": 90, "step": 0, "series": []}}}',
        '{"histories": {"Spike": {"start": 0, "end": 90, "step": 30, "series": [{"points": [[9, 1]]}]}}}',
    ],
)
def test_a_file_that_is_no_history_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "h.json"
    path.write_text(text)
    with pytest.raises(UsageError, match="can't be read as a history"):
        load_history(path, "Spike")


def test_intervals_are_read_in_every_form(tmp_path: Path) -> None:
    path = tmp_path / "i.yml"
    path.write_text(
        "- [2026-11-22T09:00:00Z, '2026-11-22T18:30:00+09:00']\n"
        + "- {start: 2026-11-23 00:00:00+00:00, end: 2026-11-23T01:00:00Z, name: night}\n"
        + "- [1763800000, 1763800060.5]\n"
    )
    first, second, third = load_intervals(path)
    assert (first.end - first.start, first.name) == (1800, "#1")
    assert (second.end - second.start, second.name) == (3600, "night")
    assert third.start == 1_763_800_000


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("- [2026-11-22T09:00:00, 2026-11-22T10:00:00Z]", "has no zone"),
        ("- [2026-11-22, 2026-11-23]", "has no time of day"),
        ("- [2026-11-22T10:00:00Z, 2026-11-22T09:00:00Z]", "before its start"),
        ("- [soon, later]", "is no time"),
        ("- [true, false]", "is no time"),
        ("- [1]", "expected"),
        ("- {start: 1, end: 2, nmae: x}", "expected"),
        ("a: 1", "expected a list"),
        ("- [", "ParserError"),
    ],
)
def test_bad_intervals_are_named(tmp_path: Path, text: str, why: str) -> None:
    path = tmp_path / "i.yml"
    path.write_text(f"- [1, 2]\n{text}\n" if text.startswith("- ") else text)
    with pytest.raises(UsageError) as caught:
        load_intervals(path)
    assert why in caught.value.evidence


def test_silences_match_as_alertmanager_does() -> None:
    plain = [
        {
            "id": "a",
            "startsAt": "2026-11-22T09:00:00.123Z",
            "endsAt": "2026-11-22T10:00:00Z",
            "status": {"state": "expired"},
            "matchers": [
                {"name": "alertname", "value": "Spike", "isRegex": False},
                {"name": "flow", "value": "g.*", "isRegex": True, "isEqual": True},
                {"name": "env", "value": "dev", "isRegex": False, "isEqual": False},
            ],
        }
    ]
    serving = httpx.Client(
        base_url="http://am/api/v2",
        transport=httpx.MockTransport(lambda _: httpx.Response(200, text=json.dumps(plain))),
    )
    (one,) = silence_history(serving)
    assert one.end == moment("2026-11-22T10:00:00Z")
    assert matches(one, {"alertname": "Spike", "flow": "gold"})
    assert not matches(one, {"alertname": "Spike", "flow": "a-gold"})
    assert not matches(one, {"alertname": "Spike", "flow": "gold", "env": "dev"})
    assert not matches(one, {"alertname": "Other", "flow": "gold"})
    assert not matches(Interval(0, 1, "", (("a", "=~", "("),)), {"a": "("})
