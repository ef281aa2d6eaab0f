"""SARIF 2.1.0 (OASIS), the subset that code scanning reads."""

from __future__ import annotations

import json
from urllib.parse import quote

from ccops.core.reports.marks import Mark, MarkReport, Severity

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVEL = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}


def sarif(report: MarkReport, version: str) -> str:
    """Return the log of one run; an accepted mark is a suppressed result."""
    codes = sorted({mark.code for mark in report.marks})
    index = {code: place for place, code in enumerate(codes)}
    run: dict[str, object] = {
        "tool": {
            "driver": {
                "name": report.tool,
                "version": version,
                "rules": [_rule(code, report.rules.get(code, "")) for code in codes],
            }
        },
        "columnKind": "unicodeCodePoints",
        "results": [_result(mark, index[mark.code]) for mark in report.marks],
        "invocations": [_invocation(report)],
    }
    log = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(log, ensure_ascii=False, indent=2) + "\n"


def _rule(code: str, about: str) -> dict[str, object]:
    rule: dict[str, object] = {"id": code, "help": {"text": f"ccops explain {code}"}}
    if about:
        rule["shortDescription"] = {"text": about}
    return rule


def _invocation(report: MarkReport) -> dict[str, object]:
    told = {"executionSuccessful": not report.broken}
    if not report.broken:
        return {**told}
    notes = [{"level": "error", "message": {"text": report.broken}}]
    return {**told, "toolExecutionNotifications": notes}


def _result(mark: Mark, rule: int) -> dict[str, object]:
    subject = f"{mark.subject}: " if mark.subject else ""
    text = "\n".join(part for part in (f"{subject}{mark.message}", mark.detail, mark.next_step) if part)
    result: dict[str, object] = {
        "ruleId": mark.code,
        "ruleIndex": rule,
        "level": _LEVEL[mark.severity],
        "message": {"text": text},
    }
    if mark.file:
        result["locations"] = [{"physicalLocation": _place(mark)}]
    if mark.fingerprint:
        result["partialFingerprints"] = {"ccops/v1": mark.fingerprint}
    if mark.accepted:
        result["suppressions"] = [{"kind": "external", "justification": mark.accepted}]
    return result


def _place(mark: Mark) -> dict[str, object]:
    place: dict[str, object] = {"artifactLocation": {"uri": quote(mark.file, safe="/:")}}
    # Code scanning refuses a result without a region, so that a whole file is its first line.
    region: dict[str, object] = {"startLine": max(mark.line, 1)}
    if mark.column:
        region["startColumn"] = mark.column
    return {**place, "region": region}
