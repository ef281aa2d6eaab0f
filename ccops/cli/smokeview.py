"""How runs, lists and traces look on a screen."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ccops.cli.stackview import Progress
from ccops.core.errors import CcopsError, ExitCode, UsageError
from ccops.core.masking import Masker
from ccops.core.output import Issue, Output, Report, console
from ccops.core.profile import Profile, Project
from ccops.smoke.events import Listener
from ccops.smoke.loader import check_file
from ccops.smoke.reporters.console import ConsoleReporter, padded, titled
from ccops.smoke.reporters.files import check_specs
from ccops.smoke.run import Options
from ccops.smoke.run_contract import vocabulary_findings
from ccops.smoke.run_many import run_all, scenarios_of
from ccops.smoke.run_prepare import Preparation
from ccops.smoke.show import as_data as scenario_data
from ccops.smoke.show import outline
from ccops.smoke.trace import as_data as path_data
from ccops.smoke.trace import lines, trace
from ccops.smoke.validate import catalogue, find, scenario_files, validate

if TYPE_CHECKING:
    from rich.console import Console


def variables(pairs: Iterable[str] | None) -> dict[str, str]:
    """Return `K=V` pairs as a mapping. Raises UsageError for one without `=`."""
    found = {}
    for pair in pairs or ():
        name, sign, value = pair.partition("=")
        if not sign or not name:
            raise UsageError(
                "VAR_INVALID",
                f"--var {pair!r} is not K=V",
                evidence="no name or no equals sign",
                next_step="--var invite=5858",
            )
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
    listeners: Sequence[Listener] = (),
) -> Report:
    """Run scenarios and return the report. The screen is live in text, and silent in the machine formats."""
    begun, started = time.monotonic(), datetime.now(UTC)
    # A report on stdout must stay parseable, so the live lines then go to stderr.
    quiet = output is not Output.TEXT or any(spec.endswith("=-") for spec in reports)
    stream = sys.stderr if quiet else sys.stdout
    screen = console(stream)

    def say(text: str) -> None:
        with suppress(BrokenPipeError):  # the verdict does not hang on somebody reading along
            stream.write(f"{text}\n")
            stream.flush()

    check_specs(reports, stdout_taken=output is not Output.TEXT)
    scenarios = scenarios_of(profile.project, names)
    live = [*listeners, *([ConsoleReporter(screen).hear] if output is Output.TEXT else ())]
    with prepare.around(profile, say, Progress(stream)) as ready:
        result = run_all(ready, scenarios, options, parallel=parallel, reports=reports, listeners=live)
    code, issues = result.exit_code, [issue_of(error) for error in result.errors]
    if prepare.fault:
        say(f"what the fault did stays in the data of {profile.env}; to remove all data: {_undo(profile)}")
    if prepare.fault and code is ExitCode.NEGATIVE:
        say(f"fault {prepare.fault!r} was caught: the run is red, as it must be")
    elif prepare.fault and code is ExitCode.OK:
        # A planted fault that nobody saw means that green proves nothing.
        code = ExitCode.NEGATIVE
        said = f"fault {prepare.fault!r} was planted and nothing failed"
        issues.append(
            Issue("FAULT_NOT_CAUGHT", said, evidence="every assertion was green", next_step=_undo(profile))
        )
    return Report(
        "ccops.smoke.run/v1",
        result.data,
        code,
        env=profile.env,
        issues=tuple(issues),
        started_at=started,
        duration_ms=round((time.monotonic() - begun) * 1000),
        text=lambda _: None,
        masker=result.masker,
    )


def _undo(profile: Profile) -> str:
    name = "" if profile.env == "dev" else f"--env {profile.env} "
    return f"ccops down {name}--wipe --confirm {profile.env}"


def issue_of(error: CcopsError) -> Issue:
    """Return an error as an issue of a report."""
    return Issue(error.code, error.message, evidence=error.evidence, next_step=error.next_step)


def list_report(project: Project) -> Report:
    """Return the catalogue; a malformed file is listed with its first error."""
    listed = catalogue(project)
    rows = [
        {
            "name": one.name,
            "file": one.label,
            "title": one.scenario.title.en if one.scenario else None,
            "title_ko": one.scenario.title.ko if one.scenario else None,
            "tags": list(one.scenario.tags) if one.scenario else [],
            "systems": list(one.scenario.requires) if one.scenario else [],
            "mutates": one.scenario.mutates if one.scenario else None,
            "errors": [str(finding) for finding in one.findings],
        }
        for one in listed
    ]

    def draw(screen: Console) -> None:
        for one in listed:
            title = titled(one.scenario.title, language()) if one.scenario else f"invalid: {one.findings[0]}"
            systems = ", ".join(one.scenario.requires) if one.scenario else ""
            screen.print(f"{one.name:<18} {padded(title, 44)} {systems}".rstrip(), markup=False)

    return Report("ccops.smoke.list/v1", {"scenarios": rows}, text=draw)


def validate_report(project: Project, names: Sequence[str], contract: Path | None) -> Report:
    """Return every error of the named scenarios (none named: all); any is exit 2."""
    paths = [find(project, name) for name in names] if names else scenario_files(project)
    findings = validate(paths, root=project.root)
    for one in paths:
        scenario, wrong = check_file(one, root=project.root)
        findings += vocabulary_findings(scenario, contract) if scenario and not wrong else []
    issues = tuple(
        Issue("SCENARIO_INVALID", finding.message, evidence=finding.hint, where=str(finding.place))
        for finding in findings
    )
    data = {"files": len(paths), "errors": len(findings)}
    code = ExitCode.USAGE if findings or not paths else ExitCode.OK
    said = f"{len(paths)} scenarios, {len(findings)} errors"
    return Report(
        "ccops.smoke.validate/v1", data, code, issues=issues, text=lambda screen: screen.print(said)
    )


def show_report(project: Project, name: str) -> Report:
    """Return the outline of one scenario."""
    scenario = scenarios_of(project, [name])[0]

    def draw(screen: Console) -> None:
        for line in outline(scenario, language()):
            screen.print(line, markup=False, soft_wrap=True)

    return Report("ccops.smoke.show/v1", scenario_data(scenario), text=draw)


def trace_report(profile: Profile, ident: str) -> Report:
    """Return the path of a trace or event; incomplete is exit 1."""
    masker = Masker()
    path = trace(profile, ident, masker)

    def draw(screen: Console) -> None:
        for line in lines(path):
            screen.print(line, markup=False, soft_wrap=True)

    code = ExitCode.OK if path.complete else ExitCode.NEGATIVE
    return Report("ccops.smoke.trace/v1", path_data(path), code, env=profile.env, text=draw, masker=masker)


def language() -> str:
    """Return the reader's language: `CCOPS_LANG=ko` is Korean."""
    return os.environ.get("CCOPS_LANG", "en")
