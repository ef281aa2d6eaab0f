"""A valid request for any operation of the OpenAPI document, made from its schema."""

from __future__ import annotations

import datetime as dt
import re
import uuid
from typing import Any

from tests.answers import OPENAPI, Operation

# Where the schema allows more than the rules of a game.
_KNOWN = {"bet": 100}
# Tried in this order where a schema has a pattern.
_WORDS = (
    "WELCOME",
    "abc",
    "mock",
    "LUCKY_CHARM",
    "FIRST_SPIN",
    "DAILY",
    "AAAA",
    "u" * 12,
    "0" * 32,
    "0" * 64,
)


def path_of(operation: Operation) -> str:
    """Return the operation's path with every parameter filled in."""
    path = operation.path
    for one in parameters(operation, "path"):
        path = path.replace(f"{{{one['name']}}}", str(value(one["schema"], one)))
    return path


def parameters(operation: Operation, where: str) -> list[dict[str, Any]]:
    """Return the declared parameters of a place (path, query, header)."""
    return [one for one in operation.spec.get("parameters", ()) if one["in"] == where]


def keyed(operation: Operation) -> bool:
    """Return whether the operation takes an Idempotency-Key."""
    return any(one["name"] == "Idempotency-Key" for one in parameters(operation, "header"))


def body_schema(operation: Operation) -> dict[str, Any] | None:
    """Return the schema of the JSON body, or None when the operation takes none."""
    content = operation.spec.get("requestBody", {}).get("content", {})
    return content.get("application/json", {}).get("schema") if content else None


def body_of(operation: Operation) -> Any:
    """Return a body that the schema accepts, or None."""
    schema = body_schema(operation)
    return None if schema is None else value(schema)


def value(schema: dict[str, Any], more: dict[str, Any] | None = None) -> Any:
    """Return a small value that `schema` accepts."""
    if "$ref" in schema:
        return value(OPENAPI["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    for word in ("const", "default", "example"):
        if schema.get(word) is not None:
            return schema[word]
    for word in ("enum", "examples"):
        if schema.get(word) or (more or {}).get(word):
            return (schema.get(word) or (more or {})[word])[0]
    for word in ("anyOf", "oneOf", "allOf"):
        if word in schema:
            return value(schema[word][0])
    kind = schema.get("type", "object")
    if kind == "object":
        wanted = schema.get("required", ())
        fields = schema.get("properties", {}).items()
        return {name: _KNOWN.get(name) or value(item) for name, item in fields if name in wanted}
    if kind == "array":
        return [value(schema["items"]) for _ in range(schema.get("minItems", 1))]
    if kind in {"integer", "number"}:
        low = schema.get("minimum", schema.get("exclusiveMinimum", 0) + 1)
        return int(low) if kind == "integer" else low
    return False if kind == "boolean" else _text(schema)


def _text(schema: dict[str, Any]) -> str:
    formats = {"date": "1990-05-17", "uuid": str(uuid.uuid4()), "date-time": _now()}
    if schema.get("format") in formats:
        return formats[schema["format"]]
    low, high = schema.get("minLength", 0), schema.get("maxLength", 1000)
    pattern = re.compile(schema.get("pattern", ""))
    for word in (*_WORDS, "a" * max(low, 1), "1" * max(low, 1)):
        if low <= len(word) <= high and pattern.search(word):
            return word
    raise AssertionError(f"no word for {schema}: add one")


def _now() -> str:
    return dt.datetime.now(dt.UTC).isoformat()
