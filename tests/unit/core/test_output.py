"""One envelope, four formats, one exit code."""

import io
import json

import yaml

from ccops.core.errors import ExitCode, Refused
from ccops.core.masking import Masker
from ccops.core.output import Issue, Output, Report, error_report, issue_text, write


def _written(report: Report, output: Output) -> str:
    stream = io.StringIO()
    write(report, output, stream)
    return stream.getvalue()


def test_json_and_yaml_hold_the_same_object() -> None:
    report = Report("ccops.x/v1", {"n": 1}, ExitCode.NEGATIVE, env="dev", issues=(Issue("A", "b"),))
    as_json = json.loads(_written(report, Output.JSON))
    assert as_json == yaml.safe_load(_written(report, Output.YAML))
    assert (as_json["ok"], as_json["exit_code"]) == (False, 1)


def test_an_error_before_data_uses_the_same_object() -> None:
    error = Refused("LOCKED", "another run holds the lock", evidence="pid 4", next_step="wait")
    shape = json.loads(_written(error_report(error), Output.JSON))
    assert shape["data"] is None
    assert shape["issues"][0] | {"code": "LOCKED", "next": "wait"} == shape["issues"][0]


def test_the_text_of_an_issue_is_what_evidence_next() -> None:
    text = issue_text(Issue("X", "it broke", evidence="seen 5", next_step="ccops up"))
    assert text.splitlines() == ["error[X]: it broke", "  seen 5", "next: ccops up"]


def test_secrets_are_masked_on_the_screen_too() -> None:
    said = "s3cr3t-value of http://user:hunter2@prometheus:9090"
    report = Report(
        "x/v1", None, masker=Masker(["s3cr3t-value"]), text=lambda console: console.print(said, markup=False)
    )
    assert _written(report, Output.TEXT).strip() == "*** of http://user:***@prometheus:9090"


def test_secrets_are_masked_in_every_machine_format() -> None:
    report = Report("x/v1", {"token": "s3cr3t-value"}, masker=Masker(["s3cr3t-value"]))
    for output in (Output.JSON, Output.YAML, Output.MD):
        assert "s3cr3t" not in _written(report, output)
