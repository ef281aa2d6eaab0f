"""How a check of the realtime channel looks."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ccops.core.errors import UsageError
from ccops.core.masking import Masker
from ccops.core.output import Issue, Report
from ccops.core.profile import Profile
from ccops.smoke.durations import parse_duration
from ccops.smoke.wscheck import Wanted, check_ws
from ccops.smoke.wscheck_heard import Heard, quantile

if TYPE_CHECKING:
    from rich.console import Console


def seconds(option: str, text: str) -> float:
    """Return the seconds of `text`. Raises UsageError for what is no duration, or none at all."""
    try:
        found = parse_duration(text)
    except ValueError as error:
        raise UsageError(
            "DURATION_INVALID", f"{option} {text!r}: {error}", next_step=f"{option} 10s"
        ) from None
    if found <= 0:
        raise UsageError(
            "DURATION_INVALID", f"{option} must be longer than nothing", next_step=f"{option} 10s"
        )
    return found


def ws_report(profile: Profile, wanted: Wanted) -> Report:
    """Run the check and report it."""
    begun, started, masker = time.monotonic(), datetime.now(UTC), Masker()
    # A token in the arguments would be in every process list.
    with_token = replace(wanted, token=os.environ.get("CCOPS_WS_TOKEN", ""))
    heard = check_ws(profile, with_token, masker.add)
    wrong = heard.wrong(wanted.max_p95_ms)
    issue = Issue("WS_BROKEN", "; ".join(wrong), evidence="\n".join(heard.closed_by_server[:5]))
    return Report(
        "ccops.smoke.ws/v1",
        {**heard.as_data(), "max_p95_ms": wanted.max_p95_ms},
        heard.exit_code(wanted.max_p95_ms),
        env=profile.env,
        issues=(issue,) if wrong else (),
        started_at=started,
        duration_ms=round((time.monotonic() - begun) * 1000),
        text=lambda console: _print(console, heard),
        masker=masker,
    )


def _print(console: Console, heard: Heard) -> None:
    def show(line: str) -> None:
        console.print(line, markup=False)

    show(f"  {heard.acts} acts, {heard.reconnects} reconnects, {heard.snapshots} of them with a snapshot")
    if heard.failed_acts:
        show(f"  {heard.failed_acts} acts failed")
    for name, samples in (("act to frame", heard.latencies), ("reconnect to first frame", heard.back)):
        if samples:
            found = [f"p{share:g} {quantile(samples, share / 100):.1f}" for share in (50, 95, 99)]
            show(f"  {name:<26} {'  '.join(found)} ms  (n={len(samples)})")
    frames = ", ".join(f"{kind} {count}" for kind, count in sorted(heard.frames.items()))
    show(f"  frames: {frames}; {heard.replayed} replayed")
    counts = f"{heard.gaps} gaps, {heard.duplicates} duplicates, {heard.unseen} unseen, {heard.disorder}"
    show(f"  {counts} out of order; {len(heard.closed_by_server)} closed by the server")
