"""A gate's checks end as their commands do; what could not look is never a pass."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import psutil
import pytest

from ccops.core import evidence
from ccops.core.errors import ExitCode
from ccops.gate.model import Outcome, Verdict
from ccops.gate.results import exit_code, mark_report, table
from ccops.gate.run import Running, run, run_all
from tests.unit.gate.kit import check, ground

pytestmark = pytest.mark.timeout(60)


@pytest.mark.parametrize(
    ("how", "verdict", "code"),
    [
        ("ok", Verdict.OK, ExitCode.OK),
        ("warn", Verdict.OK, ExitCode.OK),
        ("bad", Verdict.FAILED, ExitCode.NEGATIVE),
        ("away", Verdict.NOT_RUN, ExitCode.UNREACHABLE),
        ("mute", Verdict.FAILED, ExitCode.BUG),
        ("crash", Verdict.FAILED, ExitCode.BUG),
    ],
)
def test_every_ending_has_its_verdict(tmp_path: Path, how: str, verdict: Verdict, code: ExitCode) -> None:
    outcome = run(check(how), ground(tmp_path))

    assert (outcome.verdict, outcome.code) == (verdict, code)


def test_the_evidence_says_what_ran_on_what_and_what_came_of_it(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a")
    outcome = run(check("bad", "bad", "--env", "{env}", inputs=("*.txt", "*.none")), ground(tmp_path))

    assert outcome.evidence is not None
    kept = evidence.read(outcome.evidence)
    assert kept is not None
    assert kept.argv == ("ccops", "bad", "--env", "dev")
    assert (kept.exit_code, kept.env, kept.versions) == (1, "dev", {"ccops": "0"})
    assert kept.inputs["*.none"] == ""
    assert len(kept.inputs["*.txt"]) == 64
    assert isinstance(kept.report, dict)
    assert kept.report["argv"] == ["bad", "--env", "dev", "-o", "json"]
    assert outcome.summary == "X_WRONG: it is wrong"


def test_all_scenarios_of_the_project_are_named(tmp_path: Path) -> None:
    place = ground(tmp_path)
    for name in ("b", "a"):
        (tmp_path / "scenarios" / f"{name}.yaml").write_text("")

    outcome = run(check("ok", "ok", "{scenarios}"), place)

    assert outcome.evidence is not None
    kept = evidence.read(outcome.evidence)
    assert kept is not None
    assert kept.argv == ("ccops", "ok", "a", "b")


def test_what_gives_no_result_in_time_is_ended_and_could_not_run(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    outcome = run(check("hang", "hang", str(note), timeout_s=1.0), ground(tmp_path))

    assert (outcome.verdict, outcome.code) == (Verdict.NOT_RUN, ExitCode.UNREACHABLE)
    assert "no result within 1 s" in outcome.summary
    assert not psutil.pid_exists(int(note.read_text()))


def test_a_program_that_is_not_there_could_not_run(tmp_path: Path) -> None:
    from dataclasses import replace

    outcome = run(check("ok"), replace(ground(tmp_path), program=("/nowhere/program",)))

    assert (outcome.verdict, outcome.code) == (Verdict.NOT_RUN, ExitCode.UNREACHABLE)


def test_outcomes_come_in_the_order_of_the_checks_and_are_told_as_they_end(tmp_path: Path) -> None:
    told: list[str] = []
    checks = [check("one", "slow", "1"), check("two", "ok"), check("three", "bad")]

    found = run_all(checks, ground(tmp_path), jobs=3, told=lambda outcome: told.append(outcome.check.name))

    assert [outcome.check.name for outcome in found] == ["one", "two", "three"]
    assert told[-1] == "one"


def test_what_must_be_alone_begins_after_all_others_have_ended(tmp_path: Path) -> None:
    order: list[str] = []
    checks = [
        check("alone", "ok", alone=True),
        check("slow", "slow", "0.5"),
        check("other", "ok", alone=True),
    ]

    run_all(checks, ground(tmp_path), jobs=3, told=lambda outcome: order.append(outcome.check.name))

    assert order == ["slow", "alone", "other"]


def test_fail_fast_begins_nothing_after_the_first_failure_and_is_no_pass(tmp_path: Path) -> None:
    checks = [check("bad"), check("ok", alone=True)]

    found = run_all(checks, ground(tmp_path), jobs=1, fail_fast=True)

    assert [outcome.verdict for outcome in found] == [Verdict.FAILED, Verdict.SKIPPED]
    assert exit_code(found) is ExitCode.NEGATIVE
    assert exit_code(found[1:]) is ExitCode.NEGATIVE


def test_an_interrupt_ends_every_process_that_was_started(tmp_path: Path) -> None:
    notes = [tmp_path / "one", tmp_path / "two"]
    checks = [check(note.name, "hang", str(note)) for note in notes]

    def interrupt(_: Outcome) -> None:
        raise KeyboardInterrupt

    checks.append(check("ok"))
    with pytest.raises(KeyboardInterrupt):
        run_all(checks, ground(tmp_path), jobs=3, told=interrupt)

    pids = [int(note.read_text()) for note in notes if note.exists()]
    assert not any(psutil.pid_exists(pid) for pid in pids)


def test_what_is_started_after_the_stop_is_ended_too(tmp_path: Path) -> None:
    running, note = Running(), tmp_path / "pid"
    running.stop()
    began = time.monotonic()

    outcome = run(check("hang", "hang", str(note)), ground(tmp_path), running)

    assert time.monotonic() - began < 20
    assert outcome.verdict is not Verdict.OK


def test_the_worst_code_wins(tmp_path: Path) -> None:
    found = run_all([check("ok"), check("bad"), check("away")], ground(tmp_path))

    assert exit_code(found) is ExitCode.UNREACHABLE


def test_reports_hold_each_checks_issues_with_their_places(tmp_path: Path) -> None:
    from ccops.gate.model import Stage

    found = run_all([check("ok"), check("bad"), check("mute"), check("warn")], ground(tmp_path))
    report = mark_report(found, Stage.PR)

    marks = {(mark.subject, mark.code, mark.file, mark.line) for mark in report.marks}
    assert marks == {
        ("bad", "X_WRONG", "f.py", 3), ("warn", "X_WRONG", "f.py", 3), ("mute", "GATE_CHECK_FAILED", "", 0),
    }  # fmt: skip
    assert report.checked == ("ok",)
    text = table(found, Stage.PR, "ccops 0")
    assert "| ❌ | `bad` |" in text
    assert "| ✅ | `ok` |" in text


def test_nothing_of_a_run_is_left_behind(tmp_path: Path) -> None:
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    run_all([check("ok"), check("bad"), check("crash")], ground(tmp_path), jobs=3)

    assert {child.pid for child in psutil.Process().children(recursive=True)} <= before
    assert threading.active_count() < 20
    assert os.path.exists(tmp_path / "evidence" / "dev" / "ok.json")  # noqa: PTH110
