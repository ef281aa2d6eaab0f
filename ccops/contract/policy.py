"""What findings mean for this project: overridden levels, known consumers, approvals with an end."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from ccops.contract.model import Consumer, Direction, Finding, Level, Policy, StaleApproval, Verdict

_INDEX = re.compile(r"\[(\d+|\*|-\d+)\]")
_SLOT = re.compile(r"\{[^{}]*\}")
_HIT = frozenset({Level.WARN, Level.ERR})


def judge(findings: Iterable[Finding], policy: Policy) -> tuple[list[Finding], list[StaleApproval]]:
    """Return the findings as the policy sees them, and the approvals that did nothing."""
    known = {one.fingerprint: one for one in policy.approvals}
    used: set[str] = set()
    judged = []
    for finding in findings:
        one = _levelled(_used(finding, policy.consumers), policy)
        approval = known.get(one.fingerprint)
        if approval is not None:
            used.add(approval.fingerprint)
            if approval.expires >= policy.today:
                one = replace(one, approval=approval)
        judged.append(one)
    stale = [
        StaleApproval(
            one, f"expired on {one.expires}" if one.fingerprint in used else "no finding has this fingerprint"
        )
        for one in policy.approvals
        if one.fingerprint not in used or one.expires < policy.today
    ]
    return sorted(judged, key=lambda one: (-one.level, one.operation, one.path, one.code, one.pointer)), stale


def _levelled(finding: Finding, policy: Policy) -> Finding:
    for name in (finding.code, finding.alias):
        if name and name in policy.overrides:
            return replace(
                finding, level=policy.overrides[name], reason=f"{finding.reason} (level set by policy)"
            )
    return finding


def _used(finding: Finding, consumers: tuple[Consumer, ...]) -> Finding:
    """Return a finding with who is hit; something gone that is known to be used is a break."""
    if finding.level not in _HIT:
        return finding
    hit = tuple(one for one in consumers if _hits(one, finding))
    if not hit:
        return finding
    finding = replace(finding, consumers=hit)
    gone = finding.new is None or finding.code.endswith(("_RENAMED", "_MOVED"))
    if finding.verdict is Verdict.UNKNOWN and gone and _goes(finding):
        first = hit[0]
        verb = "sent" if first.direction is Direction.REQUEST else "read"
        reason = f"{verb} by {first.file}:{first.line}"
        return replace(finding, verdict=Verdict.REFUTED, level=Level.ERR, reason=reason)
    return finding


def _goes(finding: Finding) -> bool:
    """Return whether a finding says that something is no longer there."""
    return any(word in finding.code for word in ("REMOVED", "RENAMED", "MOVED", "MUTABILITY"))


def _hits(consumer: Consumer, finding: Finding) -> bool:
    if not any(_calls(consumer.operation, one) for one in (finding.operation, *finding.also)):
        return False
    if finding.direction is Direction.NONE or not finding.path:
        return True
    if not consumer.path or consumer.direction is not finding.direction:
        return False
    mine, theirs = _plain(consumer.path), _plain(finding.path)
    return (
        mine == theirs
        or mine.startswith((f"{theirs}.", f"{theirs}["))
        or theirs.startswith((f"{mine}.", f"{mine}["))
    )


def _calls(wanted: str, operation: str) -> bool:
    """Return whether a consumer's operation is this one: a template may stand for a concrete path, and an
    event may be named without its action or type."""
    if wanted == operation or operation.startswith(f"{wanted} "):
        return True
    parts, others = wanted.split(" "), operation.split(" ")
    if len(parts) > len(others):
        return False
    return all(_fits(mine, theirs) for mine, theirs in zip(parts, others, strict=False)) and len(parts) in (
        2,
        len(others),
    )


def _fits(mine: str, theirs: str) -> bool:
    if mine == theirs or (mine.lower() == theirs.lower() and mine.isalpha()):
        return True
    if "{" not in theirs:
        return False
    pieces = [re.escape(piece) for piece in _SLOT.split(theirs)]
    return len(mine) < 500 and re.fullmatch("[^/?]+".join(pieces), _SLOT.sub("x", mine)) is not None


def _plain(path: str) -> str:
    return _INDEX.sub("[*]", path)
