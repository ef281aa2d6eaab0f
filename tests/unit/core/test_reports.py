"""Reports of any gate: each format says the same, and no text breaks out of it."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import jsonschema
import pytest

from ccops.core.errors import Degraded, UsageError
from ccops.core.output import Issue
from ccops.core.reports.github import github
from ccops.core.reports.junit import junit
from ccops.core.reports.markdown import code_span, escaped, fenced, markdown
from ccops.core.reports.marks import Mark, MarkReport, Severity, of_issues
from ccops.core.reports.sarif import sarif
from ccops.core.reports.writing import check_reports, write_reports

SCHEMA = json.loads((Path(__file__).parents[2] / "data" / "sarif-2.1.0.json").read_text(encoding="utf-8"))
BREAK = Mark(
    "RESPONSE_FIELD_REMOVED",
    "balance is gone",
    file="api/open api.json",
    line=7,
    subject="GET /api/users/me",
    detail='{"balance": 1}',
    fingerprint="abc123",
)
ACCEPTED = Mark("PATH_REMOVED", "gone", accepted="dana: nobody calls it", subject="GET /old")
DOUBT = Mark("PATTERN_CHANGED", "undecided", Severity.WARNING)
SAFE = Mark("OPERATION_ADDED", "new", Severity.INFO)
REPORT = MarkReport(
    "ccops openapi diff",
    (BREAK, ACCEPTED, DOUBT, SAFE),
    checked=("GET /health",),
    rules={"PATH_REMOVED": "A path that callers use is gone."},
    summary="1 breaking",
)
NOTHING = MarkReport("ccops lint routes", broken="no file was looked at")


@pytest.mark.parametrize("report", [REPORT, NOTHING, MarkReport("empty")])
def test_sarif_is_valid_by_the_published_schema(report: MarkReport) -> None:
    jsonschema.Draft4Validator(SCHEMA).validate(json.loads(sarif(report, "0.1.0")))


def test_sarif_names_rule_place_fingerprint_and_approval() -> None:
    run = json.loads(sarif(REPORT, "0.1.0"))["runs"][0]
    broken, accepted, doubt, safe = run["results"]
    place = broken["locations"][0]["physicalLocation"]

    assert run["tool"]["driver"]["rules"][broken["ruleIndex"]]["id"] == "RESPONSE_FIELD_REMOVED"
    assert place == {"artifactLocation": {"uri": "api/open%20api.json"}, "region": {"startLine": 7}}
    assert broken["partialFingerprints"] == {"ccops/v1": "abc123"}
    assert accepted["suppressions"] == [{"kind": "external", "justification": "dana: nobody calls it"}]
    assert [broken["level"], doubt["level"], safe["level"]] == ["error", "warning", "note"]


def test_sarif_of_a_run_that_judged_nothing_is_not_a_success() -> None:
    invocation = json.loads(sarif(NOTHING, "0.1.0"))["runs"][0]["invocations"][0]
    assert invocation["executionSuccessful"] is False


def test_junit_fails_only_what_makes_the_run_red() -> None:
    suite = ET.fromstring(junit(REPORT)).find("testsuite")

    assert suite is not None
    assert {key: suite.get(key) for key in ("tests", "failures", "errors", "skipped")} == {
        "tests": "5", "failures": "1", "errors": "0", "skipped": "3",
    }  # fmt: skip
    failure = suite.find("testcase/failure")
    assert failure is not None
    assert failure.text == 'api/open api.json:7\n{"balance": 1}'


def test_junit_of_nothing_is_an_error_and_control_characters_are_replaced() -> None:
    strange = MarkReport("t", (Mark("X", "a\x00b"),), broken="nothing\x1b[31m")
    suite = ET.fromstring(junit(strange)).find("testsuite")
    assert suite is not None
    assert suite.get("errors") == "1"


def test_github_annotations_can_not_be_forged() -> None:
    evil = Mark("X", "a\n::set-output name=x::y", file="a,b:c.py", line=3)
    assert github(MarkReport("t", (evil,))) == (
        "::error file=a%2Cb%3Ac.py,line=3,title=X::a%0A::set-output name=x::y\n"
    )


def test_github_leaves_out_what_was_accepted() -> None:
    assert "PATH_REMOVED" not in github(REPORT)
    assert github(REPORT).splitlines()[1] == "::warning title=PATTERN_CHANGED::undecided"


def test_markdown_holds_every_mark_and_escapes_its_words() -> None:
    text = markdown(MarkReport("t", (Mark("X", "a | <img src=x> @everyone\nb", file="f|g.py", line=1),)))
    row = text.splitlines()[-1]
    assert row == "| ❌ | `X` | `f\\|g.py:1` | a \\| \\<img src=x\\> @\u200beveryone b |"


def test_ticks_in_a_text_do_not_end_its_code() -> None:
    assert code_span("a``b") == "```a``b```"
    assert code_span("`x`") == "`` `x` ``"
    assert fenced("```\nx").splitlines()[0] == "````"
    assert escaped("a_b*") == "a\\_b\\*"


def test_issues_of_an_envelope_become_marks() -> None:
    first, second = of_issues(
        [Issue("A", "m", where="dir/a.py:3:7"), Issue("B", "n", "warning", where="x:y")]
    )
    assert (first.file, first.line, first.column) == ("dir/a.py", 3, 7)
    assert (second.file, second.line, second.severity) == ("x:y", 0, Severity.WARNING)


def test_reports_are_checked_before_and_written_after(tmp_path: Path) -> None:
    specs = [f"junit={tmp_path / 'a.xml'}", f"md={tmp_path / 'b.md'}"]
    check_reports(specs, stdout_taken=True)
    write_reports(specs, REPORT, {"md": "own text\n"})

    assert (tmp_path / "a.xml").read_text(encoding="utf-8").startswith("<?xml")
    assert (tmp_path / "b.md").read_text(encoding="utf-8") == "own text\n"


@pytest.mark.parametrize("spec", ["html=x", "junit", "junit=", "junit=/no/such/folder/x", "junit=/proc/x"])
def test_a_report_that_can_not_be_written_is_a_usage_error(spec: str) -> None:
    with pytest.raises(UsageError):
        check_reports([spec], stdout_taken=False)


def test_a_full_disk_is_said(tmp_path: Path) -> None:
    with pytest.raises(Degraded):
        write_reports(["junit=/dev/full"], REPORT)
