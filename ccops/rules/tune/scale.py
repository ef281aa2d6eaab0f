"""Badness: the signal turned so that it grows the nearer the alert is.

A rule with `>` fires on high values: badness is the value. A rule with `<` on a percentage (98 % of purchases
succeed) is about what is missing to 100. Any other `<` (purchases in half an hour) is about how near to
nothing the signal comes, so that its logarithm is turned around.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from ccops.rules.tune.model import Knob
from ccops.rules.values import Kind, canonical

# Steps of 1.2 to 1.33: what people write as thresholds, and no more of them than anybody reads.
NICE = tuple(Decimal(text) for text in ("1", "1.2", "1.5", "2", "2.5", "3", "4", "5", "6", "8"))
_HUNDRED = Decimal(100)
_SMALLEST = Decimal("1e-6")


@dataclass(frozen=True, slots=True)
class Scale:
    """How values become badness and badness becomes thresholds."""

    above: bool
    percent: bool = False
    whole: bool = False

    def badness(self, value: float) -> float:
        """Return how bad `value` is."""
        if self.above:
            return value
        return 100 - value if self.percent else -math.log(max(value, float(_SMALLEST)))

    def threshold(self, badness: float) -> float:
        """Return the value that is this bad (the way back)."""
        if self.above:
            return badness
        return 100 - badness if self.percent else math.exp(-badness)

    def worse(self, badness: float, times: float) -> float:
        """Return a badness that is `times` as far away from normal."""
        if not self.above and not self.percent:
            return badness + math.log(times)
        return badness * times if badness > 0 else badness / times

    def magnitude(self, threshold: Decimal) -> float:
        """Return the positive number whose logarithm is the scale of plateaus and moves."""
        far = _HUNDRED - threshold if self._from_hundred else threshold
        return max(float(far), 0.5 if self.whole else float(_SMALLEST))

    def ladder(self, low: float, high: float) -> list[Decimal]:
        """Return the nice thresholds whose badness is from `low` to `high`, ascending in badness."""
        ends = sorted((self._size(low), self._size(high)))
        sizes = list(_nice(*ends))
        if self.above and low <= 0 <= high:
            sizes.insert(0, Decimal(0))
        found = [_HUNDRED - size if self._from_hundred else size for size in sizes]
        if not self.above and not self.percent:
            found.reverse()
        return [one for one in found if not self.whole or one == one.to_integral_value()]

    def next_worse(self, badness: float) -> Decimal | None:
        """Return the first nice threshold that is at least this bad; None when there is none."""
        return next(iter(self.ladder(badness, self.worse(badness, 20) if badness else 20.0)), None)

    @property
    def _from_hundred(self) -> bool:
        return self.percent and not self.above

    def _size(self, badness: float) -> float:
        return max(0.0, badness) if self.above or self.percent else math.exp(-badness)


def scale_of(knob: Knob, *, above: bool) -> Scale:
    """Return the scale of a threshold."""
    return Scale(above, knob.kind is Kind.PERCENT, knob.kind is Kind.INT)


def _nice(low: float, high: float) -> Iterator[Decimal]:
    if high <= 0:
        return
    most = Decimal(repr(high))
    # Nobody wants to see seventy thresholds between nothing and something.
    least = max(Decimal(repr(low)), most / 1000, _SMALLEST)
    for exponent in range(math.floor(math.log10(least)), math.floor(math.log10(most)) + 1):
        for step in NICE:
            size = Decimal(canonical(step.scaleb(exponent)))
            if least <= size <= most:
                yield size
