"""`ccops smoke trace`: look one trace or event up in every system of a profile."""

from __future__ import annotations

import asyncio
import re
import time

from ccops.core.errors import UsageError
from ccops.core.masking import Masker
from ccops.core.profile import Profile
from ccops.smoke.engine_systems import Systems, Targets
from ccops.smoke.timeline import Path, path_of
from ccops.smoke.timeline_stops import YOUNG_SECONDS, State

_TRACE = re.compile(r"[0-9a-fA-F]{32}")
_EVENT = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def trace(profile: Profile, ident: str, masker: Masker | None = None) -> Path:
    """Return the path of `ident`, a trace id (32 hex digits) or an event id (UUID).

    Raises UsageError for anything else, Unreachable when a system does not answer.
    """
    if not (_TRACE.fullmatch(ident) or _EVENT.fullmatch(ident)):
        raise UsageError(
            "TRACE_INVALID",
            f"{ident!r} is no trace id and no event id",
            evidence="a trace id has 32 hex digits, an event id is a UUID",
            next_step="ccops smoke journey    ends every part with its trace command",
        )
    targets = Targets.of(profile)
    for password in targets.passwords():
        (masker or Masker()).add(password)
    return asyncio.run(_path(targets, ident))


def as_data(path: Path) -> dict[str, object]:
    """Return the path as JSON."""
    return {
        "id": path.ident,
        "trace_id": path.trace,
        "request_id": path.request_id,
        "complete": path.complete,
        "hops": [
            {
                "system": hop.system,
                "event_id": hop.event_id,
                "what": hop.what,
                "evidence": hop.evidence,
                "state": hop.state.value,
                "since_ms": None if hop.since_ms is None else round(hop.since_ms, 1),
            }
            for hop in path.hops
        ],
    }


def lines(path: Path) -> list[str]:
    """Return the path as lines, an event a block."""
    if not path.hops:
        return [
            f"{path.ident}: PostgreSQL's outbox has no such trace or event",
            "  (published rows are kept for a day; reads and refused requests leave none)",
        ]
    shown = [f"trace {path.trace}", f"  http        request_id {path.request_id}"]
    for hop in path.hops:
        shown += [""] if hop.system == "outbox" else []
        shown.append(f"  {hop.line()}")
    lacking = sorted({hop.system for hop in path.hops if hop.state.value != "seen"})
    verdict = f"lacking on: {', '.join(lacking)}" if lacking else "complete: every system has what it should"
    return [*shown, "", verdict]


async def _path(targets: Targets, ident: str) -> Path:
    """Look again while something of a young event may still be on its way."""
    systems = Systems(targets)
    try:
        await systems.require(["sql", "redis", "clickhouse"])
        deadline = time.monotonic() + YOUNG_SECONDS
        while True:
            path = await path_of(systems, ident)
            late = any(hop.state is State.LATE for hop in path.hops)
            if not late or time.monotonic() > deadline:
                return path
            await asyncio.sleep(0.2)
    finally:
        await systems.close()
