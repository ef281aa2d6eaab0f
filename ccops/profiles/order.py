"""How thresholds may move from dev over staging to prod."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import pairwise

from ccops.core.output import Issue
from ccops.core.profile import Value
from ccops.profiles.envfile import EnvFile
from ccops.rules.thresholds import Order, Threshold
from ccops.rules.values import BadValue

STAGES = ("dev", "staging", "prod")


def order_findings(thresholds: Mapping[str, Threshold], files: Sequence[EnvFile]) -> Iterator[Issue]:
    """Yield one finding for each threshold that goes the wrong way between two neighbouring stages."""
    stages = sorted((one for one in files if one.env in STAGES), key=lambda one: STAGES.index(one.env))
    for threshold in thresholds.values():
        found = [(one, *given) for one in stages if (given := _value(threshold, one)) is not None]
        for (before, low, at), (after, high, where) in pairwise(found):
            if _goes_wrong(threshold, low, high):
                word = "below" if high < low else "above"
                yield Issue(
                    "ENV_ORDER",
                    f"{threshold.name} is {threshold.show(high)} in {after.env}, {word} the "
                    f"{threshold.show(low)} of {before.env}",
                    evidence=f"{at}; its order is {threshold.order.value}",
                    next_step="change one of them, or `order` in thresholds.yml",
                    where=where,
                )


def _goes_wrong(threshold: Threshold, low: Decimal, high: Decimal) -> bool:
    order = threshold.order
    return (order is Order.UP and high < low) or (order is Order.DOWN and high > low)


def _value(threshold: Threshold, file: EnvFile) -> tuple[Decimal, str] | None:
    default = threshold.defaults.get(file.env)
    given = file.values.get(threshold.name) or (None if default is None else Value(default, ""))
    if given is None:
        return None
    try:
        return threshold.parse(given.text), given.origin or f"{file.label} (default)"
    except BadValue:
        return None  # said elsewhere
