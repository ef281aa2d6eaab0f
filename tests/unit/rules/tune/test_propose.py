"""Proposals over two weeks of history: the measured example, and every way in which there is none."""

from __future__ import annotations

import random
from dataclasses import replace
from decimal import Decimal

import pytest

from ccops.rules.tune.model import Candidate, Condition, History, Interval, Knob, Proposal, Verdict
from ccops.rules.tune.propose import Wishes, propose
from ccops.rules.values import Kind
from tests.tune_kit import START, STEP, WINDOW, example, history, incident_spans, signal, with_incidents

SPIKE = Condition(">", 120)
TRIED = tuple(map(Decimal, (10, 12, 15, 18, 20, 25, 30, 40, 60, 100)))


def knob(current: str = "25", **more: object) -> Knob:
    base = Knob("Spike", "dev", "ALERT_SPIKE", Decimal(current), Kind.INT, Decimal(1), Decimal(1000))
    return replace(base, **more)  # type: ignore[arg-type]


def asked(made: History | None = None, current: str = "25", **wishes: object) -> Proposal:
    return propose(made or example(), knob(current), SPIKE, Wishes(**wishes))  # type: ignore[arg-type]


def fires(proposal: Proposal) -> dict[int, int]:
    return {int(one.threshold): one.fires for one in proposal.candidates}


def test_the_measured_example_has_a_plateau_from_20_to_40() -> None:
    found = asked(thresholds=TRIED)
    counted = fires(found)
    assert {counted[one] for one in (20, 25, 30, 40)} == {3}
    assert (counted[60], counted[100]) == (2, 1)
    assert counted[10] > 200 > counted[12] > 50 > counted[15] > 20 > counted[18] > 3
    assert found.plateau == (20, 40)
    # What a quantile would have said: the one pages all the time, the other misses an incident.
    assert found.stats is not None
    assert counted[15] / 2 > 10
    assert 15 < found.stats.p99 < 18
    assert 60 < found.stats.p999 < 80
    assert found.stats.trimmed_p999 == pytest.approx(19.2, abs=1)


@pytest.mark.parametrize("current", ["20", "25", "30", "40"])
def test_who_stands_on_the_plateau_stays_there(current: str) -> None:
    found = asked(current=current)
    assert (found.verdict, found.proposed, found.moves) == (Verdict.KEEP, Decimal(current), False)


@pytest.mark.parametrize(
    ("current", "verdict", "large"), [("15", Verdict.RAISE, False), ("50", Verdict.LOWER, False),
                                      ("10", Verdict.RAISE, True), ("500", Verdict.LOWER, True)],
)  # fmt: skip
def test_who_stands_beside_it_is_led_to_its_centre(current: str, verdict: Verdict, large: bool) -> None:
    found = asked(current=current)
    assert (found.verdict, found.proposed, found.large_move) == (verdict, 30, large)
    assert found.below is not None
    assert (found.below.threshold < 20, found.below.fires > 3) == (True, True)
    assert found.above is not None
    assert (found.above.threshold, found.above.fires) == (50, 2)


def test_a_kept_incident_is_never_given_up() -> None:
    small = 16.0
    values = with_incidents(signal(7))
    begin = 5 * 86_400 // STEP
    for index in range(begin, begin + 20):
        values[index] = small
    kept = Interval(START + begin * STEP, START + (begin + 20) * STEP, "the quiet one")
    found = asked(history(values), incidents=(kept,), budget=40)
    assert found.proposed is not None
    assert found.proposed < 16
    chosen = next(one for one in found.candidates if one.threshold == found.proposed)
    assert chosen.missed == ()
    assert all("the quiet one" in one.missed for one in found.candidates if one.threshold > 16)


def test_an_incident_that_nothing_catches_leaves_the_threshold_alone() -> None:
    never = Interval(START + 100, START + 200, "unheard")
    found = asked(incidents=(never,), current="10")
    assert (found.verdict, found.proposed) == (Verdict.KEEP, 10)
    assert "unheard" in found.reason


def test_a_budget_decides_between_plateaus() -> None:
    assert asked(budget=0.6).plateau == (100, 150)
    assert asked(budget=1.2).plateau == (50, 80) or asked(budget=1.2).plateau == (100, 150)
    critical = propose(example(), replace(knob(), severity="critical"), SPIKE, Wishes())
    assert critical.budget == 1
    assert critical.plateau is not None
    assert critical.plateau[0] > 40


def test_what_was_excluded_does_not_count_but_still_happens() -> None:
    spans = incident_spans()
    quiet = tuple(Interval(start - 600, end + 600) for start, end in spans[:2])
    counted = fires(asked(excluded=quiet, thresholds=TRIED))
    assert counted[25] == 1
    elsewhere = tuple(replace(one, matchers=(("flow", "=", "gem"),)) for one in quiet)
    assert fires(asked(excluded=elsewhere, thresholds=TRIED))[25] == 3
    here = tuple(replace(one, matchers=(("flow", "=~", "go.*"),)) for one in quiet)
    assert fires(asked(excluded=here, thresholds=TRIED))[25] == 1


def test_half_a_silence_leaves_the_other_half_audible() -> None:
    start, end = incident_spans()[2]
    half = Interval(start, (start + end) / 2)
    before = _at(asked(thresholds=TRIED), 25)
    after = _at(asked(excluded=(half,), thresholds=TRIED), 25)
    assert after.fires == before.fires
    assert 2 < before.firing_minutes - after.firing_minutes < 6


def _at(found: Proposal, threshold: int) -> Candidate:
    return next(one for one in found.candidates if one.threshold == threshold)


def test_too_little_is_said_and_proposes_nothing() -> None:
    two_days = [1.0, 2.0] * 2880
    sparse = [value if index % 2 else None for index, value in enumerate(with_incidents(signal(3)))]
    young: list[float | None] = [None] * WINDOW.size
    young[-5 * 2880 :] = signal(3)[-5 * 2880 :]
    for values, why in (
        (two_days, "2.0 days observed"),
        (sparse, "50 % of the evaluations"),
        (young, "try --since 5d"),
        ([5.0] * WINDOW.size, "never moved"),
        ([None] * WINDOW.size, "no sample"),
    ):
        found = asked(history(values))
        assert (found.verdict, found.proposed) == (Verdict.INSUFFICIENT, None)
        assert why in found.reason


def test_a_quiet_history_asks_for_no_more_than_its_noise() -> None:
    found = asked(history(signal(3)), current="12")
    assert found.verdict is Verdict.RAISE
    assert found.floor is not None
    assert found.proposed is not None
    assert found.floor <= found.proposed <= 30
    assert asked(history(signal(3)), current="40").verdict is Verdict.KEEP


def test_bounds_hold() -> None:
    high = replace(knob("10"), high=Decimal(22))
    found = propose(example(), high, SPIKE, Wishes())
    assert found.proposed == 20
    assert max(one.threshold for one in found.candidates) <= 22


def test_what_is_mostly_zero_is_told_and_still_answered() -> None:
    rng = random.Random(11)
    values = [float(rng.choice((0,) * 9 + (1, 1, 2))) for _ in range(WINDOW.size)]
    for index in range(30_000, 30_020):
        values[index] = 14.0
    found = propose(history(values), knob("1"), Condition(">", 60), Wishes())
    assert any("quantiles are of the others" in one for one in found.warnings)
    assert found.verdict is Verdict.RAISE
    assert found.proposed is not None
    assert 3 <= found.proposed <= 12


def test_low_percentages_are_mirrored() -> None:
    rng = random.Random(5)
    values = [min(100.0, 99.4 + rng.gauss(0, 0.25)) for _ in range(WINDOW.size)]
    for index in range(20_000, 20_060):
        values[index] = 91.0
    success = Knob("Low", "prod", "ALERT_MIN", Decimal("99.5"), Kind.PERCENT, Decimal(50), Decimal(100))
    found = propose(history(values), success, Condition("<", 300), Wishes())
    assert found.verdict is Verdict.LOWER
    assert found.proposed is not None
    assert 91 < found.proposed < 98.5
    assert _at(found, int(found.proposed)).fires == 1 if found.proposed % 1 == 0 else True


def test_low_counts_are_mirrored_on_their_logarithm() -> None:
    rng = random.Random(5)
    values = [max(40.0, rng.gauss(200, 25)) for _ in range(WINDOW.size)]
    for index in range(20_000, 20_060):
        values[index] = 2.0
    traffic = Knob("Absent", "prod", "ALERT_MIN", Decimal(250), Kind.INT, Decimal(0), Decimal(10_000))
    found = propose(history(values), traffic, Condition("<", 300), Wishes())
    assert found.verdict is Verdict.LOWER
    assert found.proposed is not None
    assert 2 < found.proposed < 100


def test_episodes_at_a_gap_and_at_the_edges_are_flagged() -> None:
    values: list[float | None] = [*with_incidents(signal(3))]
    values[:30] = [80.0] * 30
    after = 20_000
    values[after - 100 : after] = [None] * 100
    values[after : after + 10] = [80.0] * 10
    found = propose(replace(history(values), range_s=300), knob(), SPIKE, Wishes())
    assert any("edge of the window" in one for one in found.warnings)
    assert any("low confidence" in one for one in found.warnings)
    assert any("1 gap(s) in all series at once, 0.8 h" in one for one in found.warnings)


def test_the_worst_of_several_series_sets_the_floor() -> None:
    one = example()
    loud = history([value * 3 for value in signal(1)], labels={"flow": "gem"})
    both = replace(one, series=(*one.series, *loud.series))
    alone, together = asked(one), asked(both)
    assert alone.floor is not None
    assert together.floor is not None
    assert together.floor > 2 * alone.floor
    assert together.verdict is Verdict.RAISE


def test_series_that_fire_together_are_one_page() -> None:
    one = example()
    twin = replace(one.series[0], labels={"flow": "gem"})
    found = asked(replace(one, series=(one.series[0], twin)))
    assert found.plateau == (20, 40)
    at = _at(found, 25)
    assert (at.fires, at.pages, at.series, round(at.per_week, 1)) == (6, 3, 2, 1.5)


def test_a_peak_of_every_week_is_no_incident() -> None:
    rng = random.Random(2)
    values = [5 + rng.gauss(0, 0.5) for _ in range(WINDOW.size)]
    for week in range(2):
        begin = (week * 7 * 86_400 + 9 * 3600) // STEP
        for index in range(begin, begin + 120):
            values[index] = 40 + rng.gauss(0, 1)
    found = asked(history(values), current="20")
    assert found.stats is not None
    assert found.stats.trimmed < 40
    assert found.floor is not None
    assert found.floor > 40
