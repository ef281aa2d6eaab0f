"""How much a count of losses says about the rate of losses: the exact binomial bound.

C. J. Clopper and E. S. Pearson, "The use of confidence or fiducial limits illustrated in the case of the
binomial", Biometrika 26 (1934) 404-413. With nothing lost it is 1 - 0.05 ** (1 / n), which the "rule of
three" rounds to 3 / n (J. A. Hanley and A. Lippman-Hand, JAMA 249 (1983) 1743-1745).
"""

from __future__ import annotations

import math

CONFIDENCE = 0.95
_STEPS = 200
_TINY = 1e-300


def upper_bound(lost: int, seen: int, confidence: float = CONFIDENCE) -> float:
    """Return the largest loss rate that `lost` of `seen` leaves possible, one-sided, with `confidence`.

    1.0 when nothing was seen. Raises ValueError for counts that can't be.
    """
    if not 0 <= lost <= seen:
        raise ValueError(f"{lost} lost of {seen} can't be")
    if lost == seen:
        return 1.0
    if lost == 0:
        return -math.expm1(math.log1p(-confidence) / seen)
    low, high = lost / seen, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        # P(X <= lost | rate) falls as the rate grows; the bound is where it is 1 - confidence.
        if 1 - _beta(lost + 1, seen - lost, middle) > 1 - confidence:
            low = middle
        else:
            high = middle
    return high


def _beta(a: float, b: float, x: float) -> float:
    """Return the regularised incomplete beta function I_x(a, b)."""
    if x <= 0 or x >= 1:
        return 0.0 if x <= 0 else 1.0
    front = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    )
    if x < (a + 1) / (a + b + 2):
        return front * _fraction(a, b, x) / a
    return 1 - front * _fraction(b, a, 1 - x) / b


def _fraction(a: float, b: float, x: float) -> float:
    """Return its continued fraction by Lentz's method (Abramowitz and Stegun 26.5.8)."""
    c, d = 1.0, 1 / _kept(1 - (a + b) * x / (a + 1))
    total = d
    for step in range(1, _STEPS + int(3 * math.sqrt(max(a, b)))):
        even = step * (b - step) * x / ((a + 2 * step - 1) * (a + 2 * step))
        odd = -(a + step) * (a + b + step) * x / ((a + 2 * step) * (a + 2 * step + 1))
        for term in (even, odd):
            d = 1 / _kept(1 + term * d)
            c = _kept(1 + term / c)
            total *= d * c
        if abs(d * c - 1) < 1e-12:
            break
    return total


def _kept(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
