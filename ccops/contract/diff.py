"""Compare two contract documents of one kind: normalise, match, relate, name, judge."""

from __future__ import annotations

import gc

from ccops.contract import events, openapi
from ccops.contract import policy as policies
from ccops.contract.collect import Collector
from ccops.contract.load import Document, bad, document
from ccops.contract.model import Compared, DiffResult, Policy


def diff(old: object, new: object, *, policy: Policy) -> DiffResult:
    """Return everything that changed from `old` to `new`, worst first.

    Both are `Document`s from `load`, or parsed data. Raises UsageError (exit 2) for documents that can't be
    compared: other kinds, references that lead nowhere, shapes the standard does not know.
    """
    first, second = (one if isinstance(one, Document) else document(one) for one in (old, new))
    if first.kind != second.kind:
        what = f"{first.name} is {first.kind}, {second.name} is {second.kind}"
        raise bad("CONTRACT_VERSION", second.name, "", f"two kinds of document can't be compared: {what}")
    same = bool(first.digest) and first.digest == second.digest
    collector = Collector(first, second, policy)
    paused = gc.isenabled()
    gc.disable()  # hundreds of thousands of small live objects: collecting them over and over finds nothing
    try:
        if same:
            collector.operations = _count(first)
        else:
            (openapi if first.kind == "openapi" else events).compare(collector)
    except RecursionError:
        raise bad("CONTRACT_TOO_DEEP", second.name, "", "schemas nest too deep to be compared") from None
    finally:
        if paused:
            gc.enable()
    judged, stale = policies.judge(collector.findings(), policy)
    compared = Compared(collector.operations, collector.schemas, collector.pairs)
    return DiffResult(
        tuple(judged),
        compared,
        tuple(stale),
        collector.timeouts,
        same or first.data == second.data,
        policy.fail_on,
    )


def _count(one: Document) -> int:
    """Return how many operations a document has that is compared with itself."""
    from ccops.contract.match import operations
    from ccops.contract.model import Direction
    from ccops.contract.normalise import Source

    source = Source(one, Direction.REQUEST)
    if one.kind == "asyncapi":
        return sum(len(channel.messages) for channel in events.channels(source).values())
    return len(operations(source, one.data.get("paths"), "/paths")) + len(
        operations(source, one.data.get("webhooks"), "/webhooks", "webhook")
    )
