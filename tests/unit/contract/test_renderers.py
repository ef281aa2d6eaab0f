"""Text, JSON and marks say the same of one comparison, and none hides a break."""

from __future__ import annotations

import json
from dataclasses import replace
from xml.etree import ElementTree as ET

from ccops.contract.model import Compared, DiffResult, Level
from ccops.contract.show import lines, outcome
from ccops.contract.tell import as_data, issues, marks
from ccops.core.errors import ExitCode
from ccops.core.reports.github import github
from ccops.core.reports.junit import junit
from ccops.core.reports.sarif import sarif
from tests.fakes.findings import APPROVED, BREAK, DOUBT, SAFE, STALE, result

ALL = replace(result(SAFE, DOUBT, BREAK), stale=(STALE,), timeouts=1)
NOTHING = DiffResult((), Compared())


def _text(of: DiffResult) -> list[str]:
    return [text for text, _ in lines(of, "ccops openapi approve")]


def test_text_begins_with_the_break_and_ends_with_the_verdict() -> None:
    assert _text(ALL) == [
        "ERR   GET /api/users/me  the property `gold_balance` is not there any more  "
        "[RESPONSE_REQUIRED_PROPERTY_REMOVED]",
        '      witness  {"id": 1}    may be sent now',
        "      why      old clients require it",
        "      used by  scenarios/journey.yaml:308  $.gold_balance",
        '      approve  ccops openapi approve 3f2a91c07d5e --owner NAME --reason "why this may break" '
        "--expires YYYY-MM-DD --apply",
        "WARN  POST /api/shop/buy  the pattern was changed  [REQUEST_PATTERN_CHANGED]",
        "      why      the search ran out of time",
        "INFO  POST /api/shop/buy  a new operation  [OPERATION_ADDED]",
        "stale approval dead00dead00 (lee): expired on 2026-01-01",
        "FAIL 1 breaking, 1 undecided, 1 safe · 31 operations, 210 schemas compared · 1 ran out of time",
    ]


def test_nothing_compared_is_red_in_every_form() -> None:
    assert NOTHING.exit_code is ExitCode.NEGATIVE
    assert _text(NOTHING)[-1].startswith("FAIL nothing was compared")
    assert [one.code for one in issues(NOTHING)] == ["NOTHING_COMPARED"]
    assert "<error" in junit(marks(NOTHING, "t"))
    assert github(marks(NOTHING, "t")).startswith("::error")
    assert (
        json.loads(sarif(marks(NOTHING, "t"), "0"))["runs"][0]["invocations"][0]["executionSuccessful"]
        is False
    )


def test_an_approved_break_is_shown_and_fails_nothing() -> None:
    of = result(APPROVED)

    assert of.exit_code is ExitCode.OK
    assert "approved by dana until 2027-01-31" in _text(of)[0]
    assert not any("--owner NAME" in line for line in _text(of))
    assert outcome(of).startswith("OK 0 breaking, 0 undecided, 0 safe, 1 approved")
    assert issues(of) == ()
    assert "<failure" not in junit(marks(of, "t"))


def test_json_holds_everything_and_the_witness_as_a_value() -> None:
    data = json.loads(json.dumps(as_data(ALL)))

    assert data["summary"] == {
        "breaking": 1, "undecided": 1, "safe": 1, "unknown": 2, "approved": 0, "witness_timeouts": 1,
        "identical": False, "fail_on": "ERR",
    }  # fmt: skip
    assert [one["level"] for one in data["findings"]] == ["ERR", "WARN", "INFO"]
    assert data["findings"][0]["witness"]["value"] == {"id": 1}
    assert data["findings"][0]["consumers"][0]["line"] == 308
    assert data["stale_approvals"][0]["owner"] == "lee"


def test_marks_stand_at_the_line_of_the_scenario_that_breaks() -> None:
    report = marks(ALL, "ccops openapi diff")
    assert [(one.code, one.file, one.line) for one in report.marks] == [
        ("RESPONSE_REQUIRED_PROPERTY_REMOVED", "scenarios/journey.yaml", 308),
        ("REQUEST_PATTERN_CHANGED", "ccops/backend/contract/openapi.json", 0),
    ]


def test_a_source_that_is_no_file_of_the_checkout_is_no_place() -> None:
    for source in ("https://game.example/openapi.json", "origin/main:openapi.json", "app shop:app"):
        assert marks(result(replace(DOUBT, source=source)), "t").marks[0].file == ""


def test_fail_on_decides_what_fails_and_what_is_shown() -> None:
    strict = result(SAFE, fail_on=Level.INFO)

    assert strict.exit_code is ExitCode.NEGATIVE
    assert _text(strict)[0].startswith("INFO  POST /api/shop/buy")
    assert len(ET.fromstring(junit(marks(strict, "t"))).findall(".//failure")) == 1
    assert len(ET.fromstring(junit(marks(result(DOUBT), "t"))).findall(".//failure")) == 0
    assert len(ET.fromstring(junit(marks(result(DOUBT, fail_on=Level.WARN), "t"))).findall(".//failure")) == 1


def test_many_safe_changes_do_not_fill_the_screen() -> None:
    many = result(*(replace(SAFE, fingerprint=str(number)) for number in range(500)))
    assert len(_text(many)) == 22
    assert "and 480 more" in _text(many)[-2]


def test_a_huge_witness_is_cut_on_the_screen_and_whole_in_json() -> None:
    assert BREAK.witness is not None
    big = replace(BREAK, witness=replace(BREAK.witness, value={"x": "y" * 5000}))
    assert max(map(len, _text(result(big)))) < 300
    assert len(json.dumps(as_data(result(big)))) > 5000
