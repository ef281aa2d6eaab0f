"""Findings made by hand, for renderers that must not depend on the engine."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from ccops.contract.model import (
    Approval,
    Compared,
    Consumer,
    DiffResult,
    Direction,
    Finding,
    Level,
    Side,
    StaleApproval,
    Verdict,
    Witness,
)

BREAK = Finding(
    code="RESPONSE_REQUIRED_PROPERTY_REMOVED",
    alias="response-required-property-removed",
    level=Level.ERR,
    verdict=Verdict.REFUTED,
    direction=Direction.RESPONSE,
    operation="GET /api/users/me",
    pointer="/components/schemas/Account/properties/gold_balance",
    side=Side.OLD,
    old={"type": "integer"},
    new=None,
    message="the property `gold_balance` is not there any more",
    reason="old clients require it",
    fingerprint="3f2a91c07d5e",
    witness=Witness({"id": 1}, old_valid=False, new_valid=True, note="may be sent now"),
    source="ccops/backend/contract/openapi.json",
    path="$.gold_balance",
    consumers=(Consumer("GET /api/users/me", "$.gold_balance", "scenarios/journey.yaml", 308),),
)
DOUBT = replace(
    BREAK,
    code="REQUEST_PATTERN_CHANGED",
    level=Level.WARN,
    verdict=Verdict.UNKNOWN,
    operation="POST /api/shop/buy",
    message="the pattern was changed",
    reason="the search ran out of time",
    fingerprint="aa00aa00aa00",
    witness=None,
    consumers=(),
)
SAFE = replace(DOUBT, code="OPERATION_ADDED", level=Level.INFO, message="a new operation", fingerprint="bb11")
APPROVAL = Approval("3f2a91c07d5e", "dana", "nobody reads it", date(2027, 1, 31))
APPROVED = replace(BREAK, approval=APPROVAL)
STALE = StaleApproval(Approval("dead00dead00", "lee", "old", date(2026, 1, 1)), "expired on 2026-01-01")


def result(*findings: Finding, operations: int = 31, fail_on: Level = Level.ERR) -> DiffResult:
    """A comparison with these findings."""
    return DiffResult(findings, Compared(operations, 210, 400), fail_on=fail_on)
