"""Response headers: named texts, each with a schema."""

from __future__ import annotations

from collections.abc import Mapping

from ccops.contract.collect import Collector, Use
from ccops.contract.load import step
from ccops.contract.model import Direction, Verdict
from ccops.contract.parameter import Parameter


def compare(
    collector: Collector,
    operation: str,
    direction: Direction,
    old: tuple[Mapping[str, object], str],
    new: tuple[Mapping[str, object], str],
    lead: str,
) -> None:
    """Compare the headers of one response."""
    sides = []
    for source, (held, at) in zip(collector.sources(direction), (old, new), strict=True):
        raw = held.get("headers")
        found = {}
        for name, one in source.mapping(raw, step(at, "headers")).items() if raw is not None else ():
            header, place = source.follow(one, step(step(at, "headers"), name))
            if name.lower() != "content-type":
                found[name.lower()] = Parameter(
                    name.lower(),
                    name,
                    "header",
                    source.mapping(header, place),
                    place,
                    isinstance(header, Mapping) and header.get("required") is True,
                )
        sides.append(found)
    for name in sorted({**sides[0], **sides[1]}):
        _header(collector, operation, direction, lead, sides[0].get(name), sides[1].get(name))


def _header(
    collector: Collector,
    operation: str,
    direction: Direction,
    lead: str,
    old: Parameter | None,
    new: Parameter | None,
) -> None:
    def note(code: str, verdict: Verdict, said: str, reason: str) -> None:
        one = new or old
        assert one is not None
        at = (old.at if old else "", new.at if new else "")
        message = f"{operation}: {lead}header {one.name} {said}"
        collector.add(
            code,
            operation,
            verdict,
            at,
            old=old.name if old else None,
            new=new.name if new else None,
            message=message,
            reason=reason,
            direction=direction,
            path=f"$.{one.name}",
            label=lead,
        )

    if old is None:
        note("RESPONSE_HEADER_ADDED", Verdict.PROVED, "is new", "clients skip headers they don't know")
    elif new is None and old.required:
        note("RESPONSE_REQUIRED_HEADER_REMOVED", Verdict.REFUTED, "is gone", "it always came before")
    elif new is None:
        note(
            "RESPONSE_HEADER_REMOVED",
            Verdict.UNKNOWN,
            "is gone",
            "it could come before; whether anybody reads it is not known",
        )
    else:
        if old.required and not new.required:
            note(
                "RESPONSE_HEADER_BECAME_OPTIONAL", Verdict.REFUTED, "may be missing", "it always came before"
            )
        elif new.required and not old.required:
            note(
                "RESPONSE_HEADER_BECAME_REQUIRED",
                Verdict.PROVED,
                "always comes",
                "clients had to cope without it",
            )
        use = Use(operation, "header", f"{lead}header {old.name}", ("header", old.name))
        collector.schema(use, direction, old.schema, new.schema, wire=old.wire and new.wire)
