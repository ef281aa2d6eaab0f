"""Find the widest stretch of thresholds that all do the same, and the verdict that follows from it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from ccops.rules.tune.model import Candidate, Knob, Verdict
from ccops.rules.tune.scale import Scale

LARGEST_MOVE = 2.0


@dataclass(frozen=True, slots=True)
class Plateau:
    """Neighbouring candidates with the same number of pages, ascending in badness."""

    members: tuple[Candidate, ...]

    @property
    def pages(self) -> int:
        """Return how often each of them rings."""
        return self.members[0].pages

    def holds(self, threshold: Decimal) -> bool:
        """Return whether `threshold` lies on it."""
        low, high = sorted((self.members[0].threshold, self.members[-1].threshold))
        return low <= threshold <= high

    def width(self, scale: Scale) -> float:
        """Return its length on the logarithmic scale."""
        first, last = self.members[0].threshold, self.members[-1].threshold
        return abs(math.log(scale.magnitude(last) / scale.magnitude(first)))


@dataclass(frozen=True, slots=True)
class Choice:
    """The plateau to stand on, what lies beside it, and where on it."""

    verdict: Verdict
    proposed: Decimal
    plateau: Plateau | None = None
    below: Candidate | None = None
    above: Candidate | None = None
    large_move: bool = False
    warnings: tuple[str, ...] = ()


def plateaus(candidates: Sequence[Candidate]) -> list[Plateau]:
    """Return the candidates, ascending in badness, grouped into neighbours that behave alike."""
    found: list[list[Candidate]] = []
    for one in candidates:
        if found and _alike(found[-1][-1], one):
            found[-1].append(one)
        else:
            found.append([one])
    return [Plateau(tuple(members)) for members in found]


def choose(
    candidates: Sequence[Candidate], knob: Knob, scale: Scale, *, floor: float, budget: float
) -> Choice:
    """Return where the threshold should stand. `floor` is a badness that normal operation reaches.

    Of plateaus that miss no kept incident, fire within `budget` a week and reach above the floor the widest
    one wins, of equals the more sensitive. A threshold that nothing crossed proves nothing: such a plateau
    is taken only when nothing above the floor ever fired.
    """
    usable = _usable(candidates, scale, floor=floor, budget=budget)
    if not usable:
        return Choice(Verdict.KEEP, knob.current, warnings=(_why_none(candidates, budget),))
    best = max(usable, key=lambda one: (round(one.width(scale), 9), -candidates.index(one.members[0])))
    place = candidates.index(best.members[0])
    end = place + len(best.members)
    below = candidates[place - 1] if place else None
    above = candidates[end] if end < len(candidates) else None
    warnings = tuple(_lower_ones(usable, best, candidates))
    if not _reaches(best, scale, floor):
        warnings += ("this lies within what normal operation reaches, and will ring for it",)
    if best.holds(knob.current):
        return Choice(Verdict.KEEP, knob.current, best, below, above, warnings=warnings)
    proposed, clamped = _clamped(_centre(best, scale, floor), knob)
    if clamped:
        warnings += (clamped,)
    if proposed == knob.current:
        return Choice(Verdict.KEEP, knob.current, best, below, above, warnings=warnings)
    verdict = Verdict.RAISE if proposed > knob.current else Verdict.LOWER
    large = _move(knob.current, proposed, scale) > LARGEST_MOVE
    return Choice(verdict, proposed, best, below, above, large, warnings)


def _usable(candidates: Sequence[Candidate], scale: Scale, *, floor: float, budget: float) -> list[Plateau]:
    affordable = [
        one for one in plateaus(candidates) if not one.members[0].missed and one.members[0].per_week <= budget
    ]
    # What somebody named as real, and bounds that somebody set, count more than our idea of noise.
    good = [one for one in affordable if _reaches(one, scale, floor)] or affordable
    return [one for one in good if one.pages] or good


def _reaches(one: Plateau, scale: Scale, floor: float) -> bool:
    return scale.badness(float(one.members[-1].threshold)) >= floor


def _alike(one: Candidate, other: Candidate) -> bool:
    return one.pages == other.pages and one.missed == other.missed


def _centre(best: Plateau, scale: Scale, floor: float) -> Decimal:
    """Return the candidate nearest to the logarithmic centre of what lies above the floor."""
    members = [one for one in best.members if scale.badness(float(one.threshold)) >= floor] or best.members
    ends = scale.magnitude(best.members[0].threshold), scale.magnitude(best.members[-1].threshold)
    middle = sum(math.log(end) for end in ends) / 2
    return min(members, key=lambda one: abs(math.log(scale.magnitude(one.threshold)) - middle)).threshold


def _clamped(threshold: Decimal, knob: Knob) -> tuple[Decimal, str]:
    low = knob.low if knob.low is not None else threshold
    high = knob.high if knob.high is not None else threshold
    inside = min(max(threshold, low), high)
    said = f"{threshold} is outside of what {knob.var} allows" if inside != threshold else ""
    return inside, said


def _move(current: Decimal, proposed: Decimal, scale: Scale) -> float:
    one, other = scale.magnitude(current), scale.magnitude(proposed)
    return max(one, other) / min(one, other)


def _lower_ones(usable: Sequence[Plateau], best: Plateau, candidates: Sequence[Candidate]) -> list[str]:
    """Tell of a more sensitive plateau that was not taken only because it is narrower."""
    at = candidates.index(best.members[0])
    lower = [one for one in usable if candidates.index(one.members[0]) < at and len(one.members) > 1]
    return [
        f"{one.members[0].threshold} to {one.members[-1].threshold} would ring {one.pages} time(s), within "
        "the budget too: if what it caught was real, name it with --keep-incidents"
        for one in lower
    ]


def _why_none(candidates: Sequence[Candidate], budget: float) -> str:
    if all(one.missed for one in candidates):
        fewest = min(candidates, key=lambda one: len(one.missed))
        names = ", ".join(fewest.missed)
        return f"no candidate would have fired in every incident to keep: {names}"
    return f"no candidate keeps every incident and rings {budget:g} times a week at most"
