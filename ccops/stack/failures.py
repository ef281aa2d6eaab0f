"""The errors of a stack that did not come up, with everything needed to see why."""

from __future__ import annotations

from collections.abc import Sequence

from ccops.core.errors import Unreachable
from ccops.core.masking import mask_urls
from ccops.stack.logfiles import tail
from ccops.stack.paths import StateDir
from ccops.stack.state import Phase, ServiceState

LOG_LINES = 15


def not_ready(state_dir: StateDir, failed: Sequence[ServiceState], total: int) -> Unreachable:
    """Return the error for `failed` of `total` services: probe, last answer, last log lines of each cause."""
    lines: list[str] = []
    for item in failed:
        lines.append(f"{item.name}: {item.phase} {item.detail}".rstrip())
        if item.phase is Phase.FAILED and item.detail.startswith("needs "):
            continue
        if item.probe:
            lines.append(f"  probe   {item.probe}")
            lines.append(f"  answer  {item.answer or 'none yet'}")
        last = tail(state_dir.log(item.name), LOG_LINES)
        lines.append(f"  last {len(last)} log lines:" if last else "  the log is empty")
        lines += [f"    {line[:300]}" for line in last]
    first = next((item for item in failed if not item.detail.startswith("needs ")), failed[0])
    verb = "is" if len(failed) == 1 else "are"
    return Unreachable(
        "STACK_NOT_READY",
        f"{len(failed)} of {total} services {verb} not ready",
        evidence=mask_urls("\n".join(lines)),
        next_step=f"ccops logs {first.name} --tail 100    then again: ccops up",
    )


def supervisor_died(state_dir: StateDir, said: str = "") -> Unreachable:
    """Return the error for a supervisor that ended before it was asked to."""
    last = tail(state_dir.log("supervisor"), LOG_LINES)
    return Unreachable(
        "SUPERVISOR_DIED",
        "the supervisor ended (was the stack stopped meanwhile?)",
        evidence="\n".join([*said.strip().splitlines()[-5:], *last]) or "it said nothing",
        next_step="ccops up    again; its log: ccops logs supervisor",
    )
