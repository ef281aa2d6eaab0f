"""What `ccops rules test` found, how it looks, and its reports."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ccops.cli.rulesview import parse_sets
from ccops.core.errors import ExitCode, UsageError
from ccops.core.output import Issue, Report
from ccops.core.profile import find_project
from ccops.core.reports.marks import MarkReport, of_issues
from ccops.core.reports.writing import check_reports, write_reports
from ccops.rules.project import Options, environments, rule_sets
from ccops.rules.promtool import INSTALL_LINE, find_promtool
from ccops.rules.testing import Outcome, Tested, run_tests

if TYPE_CHECKING:
    from rich.console import Console

ALL = "all"


@dataclass(frozen=True, slots=True)
class TestCall:
    """The options of one `ccops rules test`."""

    __test__ = False

    env: str = ALL
    case: str = ""
    sets: tuple[str, ...] = ()
    reports: tuple[str, ...] = ()
    project: Path | None = None


def test_report(call: TestCall) -> Report:
    """Run the tests and return what came of them. Raises UsageError without promtool: nothing is skipped."""
    check_reports(call.reports, stdout_taken=True)
    started, at = datetime.now(UTC), time.monotonic()
    project = find_project(call.project)
    names = environments(project) if call.env == ALL else (call.env,)
    sets = rule_sets(project, names, Options(parse_sets(call.sets)))
    tool = find_promtool()
    if tool is None:
        raise UsageError(
            "PROMTOOL_MISSING",
            "rule tests are run by promtool, which is not installed",
            evidence="PATH has none that answers to --version; nothing was tested",
            next_step=INSTALL_LINE,
        )
    tested = run_tests(sets, tool, only=call.case)
    if not tested.outcomes and not tested.untested:
        raise UsageError(
            "RULE_TEST_NONE",
            f"no test is about {call.case!r}",
            evidence=f"environments: {', '.join(names)}",
            next_step="leave --case out, or name a part of an alert's name",
        )
    issues = _issues(tested)
    marks = MarkReport(
        "ccops rules test",
        of_issues(issues),
        tuple(f"{one.env}: {one.name}" for one in tested.outcomes if one.passed),
        summary=_summary(tested),
    )
    write_reports(call.reports, marks)
    return Report(
        "ccops.rules.test/v1",
        _data(tested, tool.version),
        ExitCode.NEGATIVE if issues else ExitCode.OK,
        env="" if call.env == ALL else call.env,
        issues=tuple(issues),
        started_at=started,
        duration_ms=int(1000 * (time.monotonic() - at)),
        text=lambda console: _draw(console, tested),
    )


# pytest would take them for tests of its own where they are imported.
test_report.__test__ = False  # type: ignore[attr-defined]


def _issues(tested: Tested) -> list[Issue]:
    failed = [
        Issue(
            "RULE_TEST_FAILED",
            f"{one.env}: {one.name}",
            evidence=one.said,
            next_step=f"ccops rules test --env {one.env} --case {one.alert}",
        )
        for one in tested.outcomes
        if not one.passed
    ]
    untested = [
        Issue(
            "RULE_UNTESTED",
            f"{one.env}: nothing proves that {one.alert} fires",
            evidence=one.why,
            next_step="add a recipe; docs/rules.md says what it holds",
        )
        for one in tested.untested
    ]
    return failed + untested


def _data(tested: Tested, version: str) -> dict[str, object]:
    return {
        "promtool": version,
        "tests": [
            {"env": one.env, "alert": one.alert, "name": one.name, "passed": one.passed, "said": one.said}
            for one in tested.outcomes
        ],
        "untested": [{"env": one.env, "alert": one.alert, "why": one.why} for one in tested.untested],
        "left_out": [{"env": env, "alert": alert} for env, alert in tested.left_out],
    }


def _summary(tested: Tested) -> str:
    bad = sum(not one.passed for one in tested.outcomes)
    word = "FAIL" if bad or tested.untested else "OK"
    return f"{word} {len(tested.outcomes) - bad} of {len(tested.outcomes)} tests passed"


def _draw(console: Console, tested: Tested) -> None:
    by_env: dict[str, list[Outcome]] = {}
    for one in tested.outcomes:
        by_env.setdefault(one.env, []).append(one)
    for env, outcomes in by_env.items():
        passed = Counter(one.passed for one in outcomes)[True]
        alerts = len({one.alert for one in outcomes})
        console.print(
            f"{env}: {alerts} alerts, {passed} of {len(outcomes)} tests passed", markup=False, highlight=False
        )
    for env, alert in tested.left_out:
        console.print(f"  {env} leaves {alert} out: its threshold is 0", markup=False, highlight=False)
    failed = not all(one.passed for one in tested.outcomes) or bool(tested.untested)
    console.print(_summary(tested), style="bold red" if failed else "bold green", markup=False)
