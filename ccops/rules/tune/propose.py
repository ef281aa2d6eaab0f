"""From a history to a proposal for one threshold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from ccops.rules.tune.baseline import Baseline, baseline, median_mad, quantile
from ccops.rules.tune.clean import doubtful, gaps, too_little
from ccops.rules.tune.intervals import matches
from ccops.rules.tune.model import (
    Candidate,
    Condition,
    History,
    Interval,
    Knob,
    Proposal,
    Stats,
    Verdict,
)
from ccops.rules.tune.plateau import Choice, choose
from ccops.rules.tune.scale import Scale, scale_of
from ccops.rules.tune.sweep import silent, sweep, without

# What a person can be asked to get up for, by how urgent the alert says it is.
BUDGET: Mapping[str, float] = {"critical": 1.0, "warning": 3.0, "info": 7.0}


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the caller wants of a proposal. `budget` None: what the severity allows."""

    budget: float | None = None
    guard: float = 1.2
    incidents: tuple[Interval, ...] = ()
    excluded: tuple[Interval, ...] = ()
    thresholds: tuple[Decimal, ...] = ()


def propose(history: History, knob: Knob, condition: Condition, wishes: Wishes) -> Proposal:
    """Return what `history` says about the threshold of `knob`."""
    budget = BUDGET.get(knob.severity, 3.0) if wishes.budget is None else wishes.budget
    base = Proposal(
        knob.rule,
        knob.env,
        Verdict.INSUFFICIENT,
        knob.var,
        knob.current,
        window=history.window,
        coverage=history.coverage,
        budget=budget,
    )
    if why := too_little(history):
        return replace(base, reason=why)
    incidents = tuple(
        one for one in wishes.incidents if one.overlaps(history.window.start, history.window.end)
    )
    scale = scale_of(knob, above=condition.above)
    silence = silent(history, wishes.excluded, lambda one, labels: matches(one, {**knob.labels, **labels}))
    normal = _normal(history, scale, silence)
    if not normal:
        return replace(base, reason="nothing is left once the excluded intervals are taken out")
    stats = _stats(history, normal, scale)
    floor = _floor(normal, knob, scale, wishes.guard)
    thresholds = _thresholds(history, normal, knob, scale, floor, wishes.thresholds)
    candidates = sweep(history, condition, thresholds, excluded=silence, incidents=incidents)
    choice = choose(candidates, knob, scale, floor=floor, budget=budget)
    warnings = (*_warnings(history, normal, choice, wishes, incidents), *choice.warnings)
    return _filled(base, choice, candidates, stats, scale.threshold(floor), warnings)


def _normal(history: History, scale: Scale, silence: Mapping[int, Sequence[Interval]]) -> list[Baseline]:
    found = []
    low = doubtful(history)
    for number, series in enumerate(history.series):
        at, values = without(history.window, series, low, silence[number])
        if values:
            found.append(baseline(history.window, at, [scale.badness(value) for value in values]))
    return found


def _floor(normal: Sequence[Baseline], knob: Knob, scale: Scale, guard: float) -> float:
    """Return the badness below which a threshold would ring for what is normal."""
    levels = [scale.worse(max(one.q999 for one in normal), guard), max(one.busy for one in normal)]
    easiest = knob.low if scale.above else knob.high
    if easiest is not None:
        levels.append(scale.badness(float(easiest)))
    return max(levels)


def _thresholds(
    history: History,
    normal: Sequence[Baseline],
    knob: Knob,
    scale: Scale,
    floor: float,
    more: Sequence[Decimal],
) -> list[Decimal]:
    """Return the candidates, ascending in badness."""
    worst = max(map(scale.badness, history.finite()))
    found = set(scale.ladder(min(max(one.q95 for one in normal), worst), worst)) | {knob.current} | set(more)
    if floor >= worst and (beyond := scale.next_worse(floor)) is not None:
        found.add(beyond)
    inside = {
        one
        for one in found
        if one == knob.current
        or ((knob.low is None or one >= knob.low) and (knob.high is None or one <= knob.high))
    }
    return sorted(inside, key=lambda one: scale.badness(float(one)))


def _stats(history: History, normal: Sequence[Baseline], scale: Scale) -> Stats:
    """Return the figures of all series together, in values; p95 .. p999 are towards the alert."""
    values = sorted(history.finite())
    median, mad = median_mad(values)
    worse = sorted(scale.badness(value) for value in values)
    kept = sorted(value for one in normal for value in one.kept)
    return Stats(
        median,
        mad,
        scale.threshold(quantile(worse, 0.95)),
        scale.threshold(quantile(worse, 0.99)),
        scale.threshold(quantile(worse, 0.999)),
        values[-1],
        values[0],
        len(values),
        sum(one.trimmed for one in normal),
        scale.threshold(quantile(kept, 0.999)),
    )


def _warnings(
    history: History,
    normal: Sequence[Baseline],
    choice: Choice,
    wishes: Wishes,
    incidents: Sequence[Interval],
) -> list[str]:
    found = []
    if holes := gaps(history):
        missing = sum(after - before - 1 for before, after in holes) * history.window.step
        found.append(
            f"{len(holes)} gap(s) in all series at once, {missing / 3600:.1f} h: the replay starts anew "
            "after each, a real server takes its pending alerts up again after a restart"
        )
    if history.resets:
        found.append("a counter was reset: samples around it are not used for what is normal")
    if any(one.sparse for one in normal):
        found.append("most samples are one and the same value: the quantiles are of the others")
    if left := len(wishes.incidents) - len(incidents):
        found.append(f"{left} incident(s) to keep lie outside of the window")
    found += [
        f"incident {one.name} lies in an excluded interval"
        for one in incidents
        if any(other.start <= one.start and one.end <= other.end for other in wishes.excluded)
    ]
    members = choice.plateau.members if choice.plateau else ()
    episodes = members[0].episodes if members else ()
    if count := sum(one.doubtful for one in episodes):
        found.append(f"{count} of {len(episodes)} episode(s) began on samples of low confidence")
    if any(one.open_start or one.open_end for one in episodes):
        found.append("an episode is cut off by an edge of the window")
    if choice.large_move:
        found.append("a move of more than the double: --write needs --force")
    return found


def _filled(
    base: Proposal,
    choice: Choice,
    candidates: tuple[Candidate, ...],
    stats: Stats,
    floor: float,
    warnings: tuple[str, ...],
) -> Proposal:
    plateau = None
    if choice.plateau is not None:
        ends = (choice.plateau.members[0].threshold, choice.plateau.members[-1].threshold)
        plateau = (min(ends), max(ends))
    return replace(
        base,
        verdict=choice.verdict,
        proposed=choice.proposed,
        reason="" if choice.plateau else choice.warnings[0],
        stats=stats,
        floor=floor,
        plateau=plateau,
        below=choice.below,
        above=choice.above,
        candidates=candidates,
        warnings=warnings,
        large_move=choice.large_move,
    )
