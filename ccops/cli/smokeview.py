"""How runs, lists and traces look on a screen."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from ccops.cli.stackview import Progress
from ccops.core.errors import CcopsError, UsageError
from ccops.core.output import Issue, Output, Report, console
from ccops.core.profile import Profile
from ccops.smoke.reporters.console import ConsoleReporter
from ccops.smoke.run import Options
from ccops.smoke.run_many import run_all, scenarios_of
from ccops.smoke.run_prepare import Preparation


def variables(pairs: Iterable[str] | None) -> dict[str, str]:
    """Return `K=V` pairs as a mapping. Raises UsageError for one without `=`."""
    found = {}
    for pair in pairs or ():
        name, sign, value = pair.partition("=")
        if not sign or not name:
            raise UsageError("VAR_INVALID", f"--var {pair!r} is not K=V", next_step="--var invite=5858")
        found[name] = value
    return found


def run_report(
    profile: Profile,
    names: Sequence[str],
    options: Options,
    prepare: Preparation,
    reports: Sequence[str],
    output: Output,
    parallel: int = 1,
) -> Report:
    """Run scenarios and return the report. The screen is live in text, and silent in the machine formats."""
    begun, started = time.monotonic(), datetime.now(UTC)
    # A report on stdout must stay parseable, so the live lines then go to stderr.
    quiet = output is not Output.TEXT or any(spec.endswith("=-") for spec in reports)
    stream = sys.stderr if quiet else sys.stdout
    screen = console(stream)

    def say(text: str) -> None:
        stream.write(f"{text}\n")
        stream.flush()

    say(f"ccops smoke: {', '.join(names)} on {profile.env}")
    scenarios = scenarios_of(profile.project, names)
    live = [ConsoleReporter(screen).hear] if output is Output.TEXT else []
    with prepare.around(profile, say, Progress(stream)) as ready:
        result = run_all(ready, scenarios, options, parallel=parallel, reports=reports, listeners=live)
    return Report(
        "ccops.smoke.run/v1",
        result.data,
        result.exit_code,
        env=profile.env,
        issues=tuple(issue_of(error) for error in result.errors),
        started_at=started,
        duration_ms=round((time.monotonic() - begun) * 1000),
        text=lambda _: None,
        masker=result.masker,
    )


def issue_of(error: CcopsError) -> Issue:
    """Return an error as an issue of a report."""
    return Issue(error.code, error.message, evidence=error.evidence, next_step=error.next_step)
