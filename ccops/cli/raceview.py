"""How a race is shown: who got what, how fast, and whether the data is still whole."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ccops.cli.dataview import issues_of, print_checks
from ccops.cli.smokeview import run_report
from ccops.core.errors import ExitCode, worst
from ccops.core.output import Output, Report
from ccops.core.profile import Profile
from ccops.data.check import Looked, Wanted, check_invariants
from ccops.smoke.race import Stampede, Stampedes
from ccops.smoke.run import Options
from ccops.smoke.run_prepare import Preparation

if TYPE_CHECKING:
    from rich.console import Console

# What was not run, or broken off, left nothing to look at.
_RAN = frozenset({ExitCode.OK, ExitCode.NEGATIVE})


def race_report(
    load: Callable[[], Profile],
    name: str,
    options: Options,
    prepare: Preparation,
    reports: Sequence[str],
    output: Output,
) -> Report:
    """Run the race and then every invariant of the contract. Raises Unreachable when that can't be asked.

    `load` is called again after the run: with --up only then the profile knows where the stores are.
    """
    heard = Stampedes()
    ran = run_report(load(), [name], options, prepare, reports, output, listeners=[heard.hear])
    looked = check_invariants(load(), Wanted()) if ran.exit_code in _RAN else Looked((), ())
    for secret in looked.secrets:
        ran.masker.add(secret)
    return replace(
        ran,
        schema="ccops.smoke.race/v1",
        data={
            "run": ran.data,
            "races": [one.as_data() for one in heard.found],
            "checks": [check.as_data() for check in looked.checks],
        },
        exit_code=worst([ran.exit_code, looked.exit_code]) if looked.checks else ran.exit_code,
        issues=(*ran.issues, *(issues_of(looked.checks) if looked.checks else ())),
        text=lambda console: _print(console, heard.found, looked),
    )


def _print(console: Console, found: Sequence[Stampede], looked: Looked) -> None:
    width = max((len(one.step) for one in found), default=0)
    for one in found:
        shown = ", ".join(f"{count} x {status}" for status, count in sorted(one.outcomes.items()))
        line = f"  {one.step:<{width}}  {one.n:>5} at once  {one.elapsed_ms:>8.1f} ms  {one.per_s:>8.1f}/s"
        console.print(f"{line}  {shown}", markup=False)
    if looked.checks:
        print_checks(console, looked.checks, only_bad=True)
