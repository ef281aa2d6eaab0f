"""Documents for the tests of the contract gate, and a check of witnesses that shares no code with it."""

from __future__ import annotations

import copy
from datetime import date

from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from ccops.contract.diff import diff
from ccops.contract.model import DiffResult, Direction, Finding, Policy

TODAY = date(2026, 11, 23)
OPERATION = "POST /things"
Json = dict[str, object]


def api(
    request: object = None,
    response: object = None,
    *,
    version: str = "3.1.0",
    schemas: Json | None = None,
    parameters: list[object] | None = None,
    operation: Json | None = None,
    **top: object,
) -> Json:
    """Return an OpenAPI document of one operation that takes `request` and answers `response`."""
    made: Json = {"operationId": "things", "responses": {}}
    if request is not None:
        made["requestBody"] = {"required": True, "content": {"application/json": {"schema": request}}}
    answer: Json = {"description": "done"}
    if response is not None:
        answer["content"] = {"application/json": {"schema": response}}
    made["responses"] = {"200": answer}
    if parameters is not None:
        made["parameters"] = parameters
    made |= operation or {}
    document: Json = {
        "openapi": version,
        "info": {"title": "t", "version": "1"},
        "paths": {"/things": {"post": made}},
    }
    if schemas:
        document["components"] = {"schemas": schemas}
    return copy.deepcopy(document | top)


def compared(old: object, new: object, **policy: object) -> DiffResult:
    """Compare two documents with a fixed day."""
    return diff(old, new, policy=Policy(today=TODAY, **policy))  # type: ignore[arg-type]


def bodies(direction: Direction, old: object, new: object, **more: object) -> DiffResult:
    """Compare two schemas as the body of one direction."""
    side = "request" if direction is Direction.REQUEST else "response"
    return compared(api(**{side: old}, **more), api(**{side: new}, **more))  # type: ignore[arg-type]


def words(result: DiffResult) -> set[tuple[str, str]]:
    """Return code and level of every finding."""
    return {(one.code, one.level.name) for one in result.findings}


def obj(required: str = "", **properties: object) -> Json:
    """Return an object schema."""
    made: Json = {"type": "object", "properties": properties}
    return made | ({"required": required.split()} if required else {})


def stock_valid(document: Json, schema: object, value: object) -> bool:
    """Validate by jsonschema as it comes, over the whole document (OpenAPI 3.1 without readOnly)."""
    whole = DRAFT202012.create_resource(document | {"x-schema": schema})
    registry = Registry().with_resource("urn:doc", whole)
    validator = Draft202012Validator(
        {"$ref": "urn:doc#/x-schema"},
        registry=registry,
        format_checker=FormatChecker(["date", "uuid", "email", "ipv4"]),
    )
    return bool(validator.is_valid(value))


def assert_checked(finding: Finding, old: Json, new: Json, schemas: tuple[object, object]) -> None:
    """Hold a finding's witness against jsonschema on both sides, by the polarity of its direction."""
    witness = finding.witness
    assert witness is not None, finding
    assert " at $" not in witness.note, f"small payloads are shown whole: {schemas} {finding}"
    held = (stock_valid(old, schemas[0], witness.value), stock_valid(new, schemas[1], witness.value))
    assert held == ((True, False) if finding.direction is Direction.REQUEST else (False, True)), finding
    assert (witness.old_valid, witness.new_valid) == held
