"""A percentile out of a histogram's buckets, and what can be said exactly."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Buckets:
    """Cumulative counts by upper bound, in the unit of the bounds."""

    counts: tuple[tuple[float, float], ...]

    @property
    def total(self) -> float:
        """Return how many observations there are."""
        return self.counts[-1][1] if self.counts else 0.0

    def share_within(self, bound: float) -> float | None:
        """Return the share of observations up to `bound`; None when that is no bucket's bound."""
        for upper, count in self.counts:
            if math.isclose(upper, bound, rel_tol=1e-9):
                return count / self.total if self.total else None
        return None

    def quantile(self, share: float) -> float | None:
        """Return the estimate within the bucket that holds it, as histogram_quantile() does; None: no data.

        What lies above the last finite bound is given as that bound.
        """
        if not self.total:
            return None
        rank, below, lower = share * self.total, 0.0, 0.0
        for upper, count in self.counts:
            if count >= rank and count > below:
                return (
                    lower if math.isinf(upper) else lower + (upper - lower) * (rank - below) / (count - below)
                )
            below, lower = count, lower if math.isinf(upper) else upper
        return lower


def buckets_of(growth: Mapping[str, float]) -> Buckets:
    """Return buckets from the growth by `le`. Counts of a scrape in between may fall; they are levelled."""
    bounds = sorted((math.inf if le in {"+Inf", "inf"} else float(le), count) for le, count in growth.items())
    level, counts = 0.0, []
    for bound, count in bounds:
        level = max(level, count)
        counts.append((bound, level))
    return Buckets(tuple(counts))
