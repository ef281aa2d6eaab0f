"""A probe whose observations a test decides, moment by moment."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence

from ccops.core.errors import Unreachable
from ccops.smoke.model import CountRule, Effect, Place
from ccops.smoke.probes.base import Look, Observation

HERE = Place("scenarios/x.yaml", 7, 3)


class Scripted:
    """Shows each observation from its own second on (counted from the first look)."""

    system = "sql"

    def __init__(self, *timed: tuple[float, Mapping[str, object]], gone_at: float | None = None) -> None:
        self.timed, self.gone_at = timed, gone_at
        self.began: float | None = None
        self.looks = 0

    async def baseline(self, source: Mapping[str, object]) -> object:
        return None

    async def observe(self, look: Look) -> Sequence[Observation]:
        self.began = self.began or time.monotonic()
        self.looks += 1
        age = time.monotonic() - self.began
        if self.gone_at is not None and age >= self.gone_at:
            raise Unreachable("GONE", "sql at 127.0.0.1:1 did not answer")
        return [
            Observation(data, f"row:{number}", self.began + at)
            for number, (at, data) in enumerate(self.timed, 1)
            if age >= at
        ]

    async def wait(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def effect(
    rule: CountRule = CountRule.EXACTLY,
    count: int = 1,
    within: float = 0.3,
    settle: float = 0.0,
    match: object = None,
    where: str = "sql",
    **more: object,
) -> Effect:
    """Return an effect with the fields that a test is about."""
    return Effect(where, match or {}, rule, count, within, HERE, settle_s=settle, **more)  # type: ignore[arg-type]
