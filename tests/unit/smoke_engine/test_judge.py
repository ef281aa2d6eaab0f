"""From verdicts to one exit code."""

from __future__ import annotations

import pytest

from ccops.core.errors import ExitCode
from ccops.smoke.engine_judge import Judge
from ccops.smoke.events import AssertionDone, Verdict
from ccops.smoke.model import Part, Text
from tests.fakes.probes import HERE

PART = Part(1, Text("Sign up"), ("http", "sql", "kafka"), HERE)


def done(
    system: str, verdict: Verdict = Verdict.PASSED, *, lost: bool = False, trace: str = "t"
) -> AssertionDone:
    return AssertionDone(
        "journey", 1, "buy", system, system, "one row", HERE, "exactly 1", "1", verdict, 3.0, trace, "row:1",
        lost=lost,
    )  # fmt: skip


def judged(*events: AssertionDone) -> tuple[Verdict, tuple[str, ...], ExitCode]:
    judge = Judge()
    for event in events:
        judge.hear(event)
    part = judge.part(PART, 0.0, 1.0, judged=True, scenario="journey")
    judge.hear(part)
    return part.verdict, part.missing, judge.exit_code()


def test_a_part_with_every_planned_system_is_green() -> None:
    assert judged(done("http"), done("sql"), done("kafka")) == (Verdict.PASSED, (), ExitCode.OK)


def test_a_planned_system_without_an_evaluated_assertion_fails_the_part() -> None:
    verdict, missing, code = judged(done("http"), done("sql"))

    assert verdict is Verdict.FAILED
    assert missing == ("kafka",)
    assert code is ExitCode.NEGATIVE


def test_one_failed_assertion_fails_the_part() -> None:
    verdict, _, code = judged(done("http"), done("sql", Verdict.FAILED), done("kafka"))

    assert (verdict, code) == (Verdict.FAILED, ExitCode.NEGATIVE)


def test_a_lost_watcher_is_never_green_and_exits_4() -> None:
    verdict, _, code = judged(
        done("http"), done("sql"), done("kafka"), done("kafka", Verdict.NOT_EVALUATED, lost=True)
    )

    assert (verdict, code) == (Verdict.NOT_EVALUATED, ExitCode.UNREACHABLE)


def test_what_was_skipped_after_a_failure_is_negative_not_unreachable() -> None:
    *_, code = judged(done("http"), done("sql"), done("kafka"), done("kafka", Verdict.NOT_EVALUATED))

    assert code is ExitCode.NEGATIVE


def test_a_run_that_evaluated_nothing_is_negative() -> None:
    assert Judge().exit_code() is ExitCode.NEGATIVE


@pytest.mark.parametrize("worse", [ExitCode.INTERRUPTED, ExitCode.UNREACHABLE])
def test_the_worst_code_wins(worse: ExitCode) -> None:
    judge = Judge()
    judge.hear(done("sql", Verdict.FAILED))

    assert judge.exit_code([worse]) is worse


def test_the_part_names_the_failed_trace_else_the_one_most_systems_saw() -> None:
    judge = Judge()
    for event in (done("http", trace="a"), done("http", trace="b"), done("sql", trace="b")):
        judge.hear(event)
    assert judge.part(PART, 0, 1, judged=True, scenario="j").trace == "b"

    judge.hear(done("http", Verdict.FAILED, trace="a"))
    assert judge.part(PART, 0, 1, judged=True, scenario="j").trace == "a"
