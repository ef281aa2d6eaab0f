"""Where a round of crash ends: a pure, exact function of its seed.

crash = floor(100 * (1 - edge) * 2^52 / (2^52 - h)) hundredths, with h the first 52 bits of
HMAC-SHA256(seed, round id); never below 1.00, never above the table's maximum. In integers, so that every
implementation agrees. Any multiplier x is reached with probability (1 - edge) / x: no strategy beats another.
"""

from __future__ import annotations

import hashlib
import hmac
from fractions import Fraction
from math import log
from uuid import UUID

_BITS = 52


def crash_x100(seed: bytes, round_id: UUID, *, edge_bp: int, max_x100: int) -> int:
    """Return the crash point in hundredths; `edge_bp` is the house's share in hundredths of a percent."""
    digest = hmac.new(seed, str(round_id).encode(), hashlib.sha256).digest()
    return point(int.from_bytes(digest[:8], "big") >> (64 - _BITS), edge_bp=edge_bp, max_x100=max_x100)


def point(drawn: int, *, edge_bp: int, max_x100: int) -> int:
    """Return the crash point of a number from 0 to 2^52 - 1."""
    raw: int = 100 * (10_000 - edge_bp) * 2**_BITS // (10_000 * (2**_BITS - drawn))
    return min(max(100, raw), max_x100)


def chance_of(x100: int, *, edge_bp: int, max_x100: int) -> Fraction:
    """Return the exact probability that a cash-out at `x100` succeeds (at 1.00: that the round starts)."""
    if x100 > max_x100:
        return Fraction(0)
    # point >= x  <=>  2^52 - h <= 100 (1 - edge) 2^52 / x; 2^52 - h takes every value from 1 to 2^52 once.
    reached = 100 * (10_000 - edge_bp) * 2**_BITS // (10_000 * max(101, x100))
    return Fraction(reached, 2**_BITS)


def seconds_to(x100: int, growth_e6: int) -> float:
    """Return how long after the start the multiplier reaches `x100`."""
    return log(x100 / 100) * 1e6 / growth_e6
