"""A comparison for programs: plain data for JSON, marks for the shared reports, issues for the envelope."""

from __future__ import annotations

from ccops.contract.model import DiffResult, Finding, Level, Witness
from ccops.contract.show import evidence, loud, ordered, outcome, sentence
from ccops.core.output import Issue
from ccops.core.reports.marks import Mark, MarkReport, Severity

_SEVERITY = {Level.ERR: Severity.ERROR, Level.WARN: Severity.WARNING, Level.INFO: Severity.INFO}


def as_data(result: DiffResult) -> dict[str, object]:
    """Return the machine form; every finding is in it, approved ones too."""
    return {
        "summary": {
            "breaking": result.count(Level.ERR),
            "undecided": result.count(Level.WARN),
            "safe": result.count(Level.INFO),
            "unknown": result.unknown,
            "approved": sum(one.approval is not None for one in result.findings),
            "witness_timeouts": result.timeouts,
            "identical": result.identical,
            "fail_on": result.fail_on.name,
        },
        "compared": {
            "operations": result.compared.operations,
            "schemas": result.compared.schemas,
            "pairs": result.compared.pairs,
        },
        "findings": [_finding(one) for one in ordered(result.findings)],
        "stale_approvals": [
            {
                "fingerprint": one.approval.fingerprint,
                "owner": one.approval.owner,
                "expires": one.approval.expires.isoformat(),
                "why": one.why,
            }
            for one in result.stale
        ],
        "notes": list(result.notes),
    }


def issues(result: DiffResult) -> tuple[Issue, ...]:
    """Return what the envelope lists: open findings to act on, and why nothing was compared."""
    found = [
        Issue(
            one.code,
            sentence(one),
            _SEVERITY[one.level].value,
            evidence="\n".join(evidence(one)),
            next_step=f"ccops explain {one.code}",
            where=one.source,
        )
        for one in loud(result)
        if one.approval is None
    ]
    if result.nothing_compared:
        found.insert(
            0, Issue("NOTHING_COMPARED", outcome(result), next_step="ccops explain NOTHING_COMPARED")
        )
    return tuple(found)


def marks(result: DiffResult, tool: str) -> MarkReport:
    """Return the comparison for junit, sarif and github, without what nobody acts on."""
    failing = frozenset(_SEVERITY[level] for level in Level if level >= result.fail_on)
    return MarkReport(
        tool,
        tuple(_mark(one) for one in loud(result)),
        checked=(f"{result.compared.operations} operations",) if not result.nothing_compared else (),
        failing=failing,
        summary=outcome(result),
        broken=outcome(result) if result.nothing_compared else "",
    )


def _mark(one: Finding) -> Mark:
    place = one.consumers[0] if one.consumers else None
    known_file = "" if "://" in one.source or ":" in one.source else one.source
    return Mark(
        one.code,
        one.message,
        _SEVERITY[one.level],
        # The line of the scenario that breaks is where somebody can act; a generated file has none.
        file=place.file if place else known_file,
        line=place.line if place else 0,
        subject=one.operation,
        detail="\n".join(evidence(one)),
        next_step=f"ccops explain {one.code}",
        fingerprint=one.fingerprint,
        accepted=f"{one.approval.owner}: {one.approval.reason} (until {one.approval.expires})"
        if one.approval
        else "",
    )


def _finding(one: Finding) -> dict[str, object]:
    return {
        "code": one.code,
        "alias": one.alias,
        "level": one.level.name,
        "verdict": one.verdict.value,
        "direction": one.direction.value,
        "operation": one.operation,
        "also": list(one.also),
        "source": one.source,
        "side": one.side.value,
        "pointer": one.pointer,
        "path": one.path,
        "old": one.old,
        "new": one.new,
        "message": one.message,
        "reason": one.reason,
        "fingerprint": one.fingerprint,
        "witness": _witness(one.witness),
        "consumers": [
            {"operation": use.operation, "path": use.path, "file": use.file, "line": use.line}
            for use in one.consumers
        ],
        "approval": None
        if one.approval is None
        else {
            "owner": one.approval.owner,
            "reason": one.approval.reason,
            "expires": one.approval.expires.isoformat(),
        },
    }


def _witness(one: Witness | None) -> dict[str, object] | None:
    if one is None:
        return None
    return {
        "value": one.value,
        "old_valid": one.old_valid,
        "new_valid": one.new_valid,
        "note": one.note,
        "wire": one.wire,
    }
