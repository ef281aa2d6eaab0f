"""The functions that `${...}` may call. With the same seed they give the same values in the same order."""

from __future__ import annotations

import random
import string
import uuid as uuids
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ccops.core.clock import Clock, SystemClock

FUNCTIONS: Final = ("unique", "random_password", "now_iso", "uuid", "today")
_ALPHABET = string.ascii_lowercase + string.digits


def make_functions(seed: str, clock: Clock | None = None) -> dict[str, Callable[..., object]]:
    """Return the functions by name. `seed` must be fresh per run, or `unique` repeats earlier users."""
    source = random.Random(f"ccops.smoke.functions:{seed}")  # a str seed is hashed the same in every process
    clock = clock or SystemClock()

    def unique(prefix: object = "u") -> str:
        """Return `prefix` with ten random letters and digits: 51 bits, so two runs never meet."""
        return f"{prefix}{''.join(source.choices(_ALPHABET, k=10))}"

    def random_password() -> str:
        """Return 20 characters with a letter of each case, a digit and a sign, as password rules ask for."""
        body = "".join(source.choices(string.ascii_letters + string.digits, k=16))
        return f"Aa1!{body}"

    def now_iso() -> str:
        return clock.now().astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def uuid() -> str:
        return str(uuids.UUID(int=source.getrandbits(128), version=4))

    def today(zone: str = "UTC") -> str:
        return _in_zone(clock.now(), zone).date().isoformat()

    return dict(zip(FUNCTIONS, (unique, random_password, now_iso, uuid, today), strict=True))


def _in_zone(moment: datetime, zone: str) -> datetime:
    try:
        return moment.astimezone(ZoneInfo(zone))
    except (ZoneInfoNotFoundError, ValueError) as err:
        raise TypeError("there is no such time zone") from err
