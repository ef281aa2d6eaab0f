"""How checks of data and keys look on a screen and in JSON."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ccops.core.masking import Masker
from ccops.core.output import Issue, Report
from ccops.data.check import Looked
from ccops.data.model import Check, Verdict

if TYPE_CHECKING:
    from rich.console import Console

_WORD = {Verdict.HOLDS: "ok", Verdict.BROKEN: "FAIL", Verdict.NOT_EVALUATED: "????"}
_MAX_SHOWN = 50  # a database without its migrations misses hundreds of objects


def data_report(env: str, look: Callable[[], Looked]) -> Report:
    """Run `look` and return its report."""
    begun, started = time.monotonic(), datetime.now(UTC)
    looked = look()
    return Report(
        "ccops.data.check/v1",
        {"checks": [check.as_data() for check in looked.checks]},
        looked.exit_code,
        env=env,
        issues=tuple(issues_of(looked.checks)),
        started_at=started,
        duration_ms=round((time.monotonic() - begun) * 1000),
        text=lambda console: print_checks(console, looked.checks),
        masker=Masker(looked.secrets),
    )


def issues_of(checks: Sequence[Check]) -> list[Issue]:
    """Return what `checks` found as issues of a report."""
    found: list[Issue] = []
    for check in checks:
        bad = [one for one in check.offences if not one.info]
        found += [Issue(one.code, one.text, where=check.name) for one in bad[:_MAX_SHOWN]]
        if len(bad) > _MAX_SHOWN:
            found.append(
                Issue("MORE", f"and {len(bad) - _MAX_SHOWN} more; -o json has all", where=check.name)
            )
        if check.verdict is Verdict.NOT_EVALUATED:
            said = f"{check.name} could not be evaluated"
            found.append(Issue("CHECK_NOT_EVALUATED", said, evidence=check.reason))
        elif check.verdict is Verdict.BROKEN and not bad:
            said = f"{check.name}: {check.rows} row(s) break it. {check.rule}"
            found.append(Issue("INVARIANT_BROKEN", said, evidence="\n".join(map(_line, check.samples))))
    if not checks:
        found.append(Issue("NOTHING_CHECKED", "there was nothing to look at"))
    return found


def _line(sample: object) -> str:
    pairs = sample.items() if isinstance(sample, dict) else ()
    # repr keeps whatever a row holds on one line of plain characters
    return ", ".join(
        f"{name}={value!r}" if isinstance(value, str) else f"{name}={value}" for name, value in pairs
    )


def print_checks(console: Console, checks: Sequence[Check], *, only_bad: bool = False) -> None:
    """Draw one line a check (`only_bad`: a check that does not hold) and the sum."""
    width = max((len(check.name) for check in checks), default=0)
    for check in checks:
        if only_bad and check.verdict is Verdict.HOLDS:
            continue
        infos = sum(one.info for one in check.offences)
        said = "" if check.verdict is Verdict.HOLDS else f"{check.rows} offender(s)"
        if check.verdict is Verdict.NOT_EVALUATED:
            said = "not evaluated"
        more = f"  {infos} not in the contract" if infos else ""
        line = f"  {_WORD[check.verdict]:<4} {check.name:<{width}} {check.duration_ms:>8.1f} ms  {said}{more}"
        console.print(line.rstrip(), markup=False)
    bad = sum(check.verdict is not Verdict.HOLDS for check in checks)
    console.print(f"{len(checks) - bad} of {len(checks)} checks hold", markup=False)
