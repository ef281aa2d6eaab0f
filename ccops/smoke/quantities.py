"""Comparisons of numbers, durations and texts that have an order; nothing here raises."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Final

from ccops.smoke.durations import is_duration, parse_duration
from ccops.smoke.values import Literal, is_number, normal

_ABSOLUTE: Final = 1e-9
_RELATIVE: Final = 1e-6
_ORDERS: Final[Mapping[str, Callable[..., object]]] = {
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
}


def unwrap(value: object) -> object:
    """Return the value of a Literal, and anything else as it is."""
    return value.value if isinstance(value, Literal) else value


def is_ordered(name: str, limit: object, got: object) -> bool:
    """Return whether `got` is gt, ge, lt or le `limit`: two numbers or two texts.

    A limit like `23h` counts as seconds when `got` is a number, as a time to live is.
    """
    limit, got = normal(unwrap(limit)), normal(got)
    if is_number(got) and is_duration(limit):
        limit = parse_duration(limit)
    if not (is_number(limit) and is_number(got)) and not (isinstance(limit, str) and isinstance(got, str)):
        return False
    try:
        return bool(_ORDERS[name](got, limit))
    except ArithmeticError:  # a Decimal that is not a number has no order
        return False


def is_between(limits: object, got: object) -> bool:
    """Return whether `got` is inside [low, high], both ends included."""
    limits = unwrap(limits)
    if not isinstance(limits, Sequence) or isinstance(limits, str) or len(limits) != 2:
        return False
    return is_ordered("ge", limits[0], got) and is_ordered("le", limits[1], got)


def is_close(parts: Sequence[object], got: object) -> bool:
    """Return whether `got` is within a millionth of [value], or within t of [value, t]."""
    numbers = [_real(unwrap(part)) for part in (*parts, got)]
    if len(numbers) not in (2, 3) or None in numbers:
        return False
    value, *tolerance, seen = [number for number in numbers if number is not None]
    if tolerance:
        return tolerance[0] >= 0 and math.isclose(seen, value, rel_tol=0.0, abs_tol=tolerance[0])
    return math.isclose(seen, value, rel_tol=_RELATIVE, abs_tol=_ABSOLUTE)


def change(baseline: object, got: object) -> object:
    """Return `got - baseline`, whole when both are; None when one is no number."""
    if isinstance(baseline, int) and isinstance(got, int) and is_number(baseline) and is_number(got):
        return got - baseline
    before, after = _real(baseline), _real(got)
    return None if before is None or after is None else after - before


def _real(value: object) -> float | None:
    try:
        return float(value) if isinstance(value, int | float | Decimal) and is_number(value) else None
    except (OverflowError, ValueError):
        return None
