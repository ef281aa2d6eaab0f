"""What `ccops rules check` does and says."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ccops.cli.rulescheckmarks import TOOL, Judged, drawn, issues, mark_of, mark_report, merged, summary
from ccops.core.bundle import contract_folder
from ccops.core.errors import ExitCode, UsageError
from ccops.core.output import Output, Report
from ccops.core.profile import Project, find_project
from ccops.core.reports.marks import Mark, Severity
from ccops.core.reports.writing import check_reports, write_reports
from ccops.rules.catalogue import load_catalogue
from ccops.rules.check.engine import Checked, Settings, check_sources
from ccops.rules.check.entry import TEMPLATES, files_of, source_of
from ccops.rules.check.finding import Finding
from ccops.rules.check.layerb import promtool_findings
from ccops.rules.check.modes import PromtoolMode, chosen_promtool
from ccops.rules.check.runbooks import read_anchors
from ccops.rules.check.source import Source
from ccops.rules.check.targets import Target
from ccops.rules.check.texts import Demands
from ccops.rules.project import RuleSet
from ccops.rules.promtool import Promtool
from ccops.rules.values import BadValue, parse_duration

_RUNBOOKS = Path("docs") / "runbooks.md"


@dataclass(frozen=True, slots=True)
class CheckCall:
    """The options of one `ccops rules check`."""

    paths: tuple[Path, ...] = ()
    env: str = "dev"
    all_envs: bool = False
    target: Target = Target.V2_42
    promtool: PromtoolMode = PromtoolMode.AUTO
    scrape_interval: str = "15s"
    runbooks: Path | None = None
    sets: tuple[str, ...] = ()
    project: Path | None = None
    reports: tuple[str, ...] = ()


def check_report(call: CheckCall, output: Output) -> Report:
    """Judge files or the rendered set of each environment, write the reports, and say what was found."""
    if call.paths and (call.all_envs or call.sets):
        raise UsageError(
            "USAGE",
            "files are judged as they are",
            evidence="--all-envs and --set are for the project's templates",
            next_step=f"{TOOL} PATH, or {TOOL} --all-envs",
        )
    check_reports(call.reports, stdout_taken=output is not Output.TEXT)
    tool = chosen_promtool(call.promtool, call.target)
    judged = _judge_files(call, tool) if call.paths else _judge_project(call, tool)
    marks = tuple(mark_of(one) for one in merged(judged))
    said = summary(judged, marks, tool)
    write_reports(call.reports, mark_report(judged, marks, said))
    failed = any(mark.severity is Severity.ERROR for mark in marks)
    quiet = output is not Output.TEXT or any(spec.endswith("=-") for spec in call.reports)
    if not marks and not quiet:
        sys.stdout.write(said + "\n")
    return Report(
        "ccops.rules.check/v1",
        _data(call, judged, marks, tool),
        ExitCode.NEGATIVE if failed else ExitCode.OK,
        env="" if call.paths or call.all_envs else call.env,
        issues=() if output is Output.TEXT else issues(marks),
        text=None if quiet or not marks else drawn(marks, said),
    )


def _settings(call: CheckCall, folder: Path | None, env: str | None, runbooks: Path | None) -> Settings:
    try:
        scrape_s = float(parse_duration(call.scrape_interval))
    except BadValue as error:
        raise UsageError("USAGE", f"--scrape-interval: {error}", next_step="--scrape-interval 15s") from None
    path = call.runbooks or runbooks
    anchors = read_anchors(path) if path is not None else None
    if call.runbooks is not None and anchors is None:
        raise UsageError(
            "RULES_FILE_MISSING",
            f"{call.runbooks} can't be read",
            evidence="runbook anchors are looked up there",
            next_step="name a markdown file, or leave --runbooks out",
        )
    catalogue = load_catalogue(folder, env=env)
    return Settings(catalogue, call.target, Demands(anchors=anchors), scrape_s)


def _judge_files(call: CheckCall, tool: Promtool | None) -> tuple[Judged, ...]:
    sources = [source_of(path) for path in files_of(call.paths)]
    settings = _settings(call, None, None, None)
    anchored = settings.demands.anchors is not None
    return (Judged("", _both(sources, settings, tool), anchored=anchored),)


def _judge_project(call: CheckCall, tool: Promtool | None) -> tuple[Judged, ...]:
    from ccops.cli.rulesview import parse_sets
    from ccops.rules.project import Options, environments, rule_sets

    project = find_project(call.project)
    names = environments(project) if call.all_envs else (call.env,)
    sets = rule_sets(project, names, Options(parse_sets(call.sets)))
    return tuple(_judge_set(call, project, one, tool) for one in sets)


def _judge_set(call: CheckCall, project: Project, one: RuleSet, tool: Promtool | None) -> Judged:
    env = one.profile.env
    settings = _settings(call, contract_folder(one.profile), env, project.root / _RUNBOOKS)
    sources = [Source(file.name, file.text, file.origin, TEMPLATES) for file in one.rendered.files]
    anchored = settings.demands.anchors is not None
    return Judged(env, _both(sources, settings, tool), one.resolved, anchored)


def _both(sources: Sequence[Source], settings: Settings, tool: Promtool | None) -> Checked:
    """Return the findings of both layers; what promtool refuses is told even where layer A said so too."""
    checked = check_sources(sources, settings)
    if tool is None:
        return checked
    return replace(checked, findings=(*checked.findings, *promtool_findings(tool, sources)))


def _data(
    call: CheckCall, judged: Sequence[Judged], marks: Sequence[Mark], tool: Promtool | None
) -> dict[str, object]:
    return {
        "target": call.target.value,
        "promtool": tool.version if tool else None,
        "sets": [
            {
                "env": one.env or None,
                "files": one.checked.files,
                "groups": one.checked.groups,
                "rules": one.checked.rules,
                "findings": [_finding(finding) for finding in one.checked.findings],
            }
            for one in judged
        ],
        "errors": sum(mark.severity is Severity.ERROR for mark in marks),
    }


def _finding(one: Finding) -> dict[str, object]:
    return {
        "code": one.code,
        "severity": one.severity.value,
        "rule": one.rule or None,
        "file": one.file,
        "line": one.line,
        "rendered": one.rendered or None,
        "variables": list(one.variables),
        "message": one.message,
        "evidence": one.evidence,
        "next_step": one.next_step,
    }
