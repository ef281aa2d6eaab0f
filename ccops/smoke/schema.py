"""The JSON Schema of scenario files, for editors; made from the tables the loader reads."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Final

from ccops.smoke import tables
from ccops.smoke.conditions import MATCHERS
from ccops.smoke.declared import installed_acts
from ccops.smoke.signs import SIGNS
from ccops.smoke.tables import Field, Shape

SCHEMA_ID: Final = "urn:ccops:scenario:v1"
_DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"
_EXPRESSION: Final[dict[str, object]] = {"type": "string", "pattern": r"\$\{"}
_DURATION: Final[dict[str, object]] = {
    "type": ["string", "integer"],
    "pattern": r"^([0-9]+(\.[0-9]+)?(ms|s|m|h|d))+$",
    "maximum": 0,
    "minimum": 0,
}


def schema(acts: Collection[str] | None = None) -> dict[str, object]:
    """Return the schema (2020-12). `acts` are the names of Python acts; None = the installed ones."""
    python_acts = installed_acts() if acts is None else acts
    return {
        "$schema": _DRAFT,
        "$id": SCHEMA_ID,
        "title": "ccops scenario v1",
        **_object(tables.SCENARIO),
        "$defs": _definitions(python_acts),
    }


def _definitions(acts: Collection[str]) -> dict[str, object]:
    return {
        "title": {"oneOf": [{"type": "string"}, _object(tables.TEXT_SHAPE)]},
        "duration": _DURATION,
        "pattern": {
            "description": f"A value, or a matcher: {', '.join((*MATCHERS, *SIGNS, '$exact', '$object'))}."
        },
        "part": _object(tables.PART),
        "watch": {"oneOf": [_object(shape) for shape in tables.WATCHES.values()]},
        "step": _step(acts),
        "raceStep": {**_step(acts), "required": ["http"]},
        "expect": _object(tables.EXPECT),
        "effect": _effect(),
        "invariant": {**_object(tables.INVARIANT), "oneOf": _one_of(tables.ROW_SYSTEMS)},
        "capture": {
            "oneOf": [
                {"type": "string"},
                _object({"path": Field("text", "Path.", required=True), "secret": Field("boolean")}),
            ]
        },
    }


def _step(acts: Collection[str]) -> dict[str, object]:
    base = _object(tables.STEP)
    kinds = {kind: _act(kind, shape) for kind, shape in tables.ACTS.items()}
    kinds |= {kind: _field(field) for kind, field in tables.OTHER_ACTS.items()}
    kinds |= {name: {"description": "Python act."} for name in sorted(acts)}
    properties = base["properties"]
    assert isinstance(properties, dict)
    return {**base, "properties": {**properties, **kinds}, "oneOf": _one_of(tuple(kinds))}


def _act(kind: str, shape: Shape) -> dict[str, object]:
    made = _object(shape)
    if kind == "race" and isinstance(properties := made["properties"], dict):
        inner = {"type": "array", "minItems": 1, "maxItems": 1, "items": {"$ref": "#/$defs/raceStep"}}
        made = {**made, "properties": {**properties, "steps": inner}}
    return {**made, "oneOf": _one_of(tables.ONE_OF[kind])} if kind in tables.ONE_OF else made


def _effect() -> dict[str, object]:
    """Return the shape of an effect: which source keys it takes depends on `where`."""
    rules = []
    for system, source in tables.SOURCES.items():
        needed = [key for key, field in source.items() if field.required]
        condition = {"properties": {"where": {"const": system}}, "required": ["where"]}
        rules.append({"if": condition, "then": {"required": needed}})
    return {**_object({**tables.EFFECT, **_optional(tables.ALL_SOURCE_KEYS)}), "allOf": rules}


def _optional(shape: Shape) -> Shape:
    return {key: Field(field.kind, field.about, choices=field.choices) for key, field in shape.items()}


def _one_of(keys: Collection[str]) -> list[object]:
    return [{"required": [key]} for key in keys]


def _object(shape: Shape) -> dict[str, object]:
    made: dict[str, object] = {
        "type": "object",
        "additionalProperties": False,
        "properties": {key: _field(field) for key, field in shape.items()},
    }
    required = [key for key, field in shape.items() if field.required]
    return {**made, "required": required} if required else made


def _field(field: Field) -> dict[str, object]:
    made = _KINDS[field.kind](field)
    return {**made, "description": field.about} if field.about else made


def _ref(name: str) -> Callable[[Field], dict[str, object]]:
    return lambda _field: {"$ref": f"#/$defs/{name}"}


def _array(items: Mapping[str, object]) -> Callable[[Field], dict[str, object]]:
    return lambda _field: {"type": "array", "items": dict(items)}


def _map(items: Mapping[str, object]) -> Callable[[Field], dict[str, object]]:
    return lambda _field: {"type": "object", "additionalProperties": dict(items)}


def _fixed(made: Mapping[str, object]) -> Callable[[Field], dict[str, object]]:
    return lambda _field: dict(made)


_KINDS: Final[Mapping[str, Callable[[Field], dict[str, object]]]] = {
    "text": _fixed({"type": "string", "minLength": 1}),
    "path": _fixed({"type": "string", "pattern": r"^(/|\$\{)"}),
    "name": _fixed({"type": "string", "pattern": f"^{tables.NAME_PATTERN}$"}),
    "variable": _fixed({"type": "string", "pattern": f"^{tables.VARIABLE_PATTERN}$"}),
    "boolean": _fixed({"type": "boolean"}),
    "number": _fixed({"type": "integer", "minimum": 1}),
    "count": _fixed({"oneOf": [{"type": "integer", "minimum": 0}, _EXPRESSION]}),
    "duration": _ref("duration"),
    "every": _fixed({"oneOf": [{"const": "end"}, {"$ref": "#/$defs/duration"}]}),
    "choice": lambda field: {"enum": list(field.choices)},
    "mapping": _fixed({"type": "object"}),
    "variables": _fixed({"type": "object", "propertyNames": {"pattern": f"^{tables.VARIABLE_PATTERN}$"}}),
    "captures": _map({"$ref": "#/$defs/capture"}),
    "patterns": _map({"$ref": "#/$defs/pattern"}),
    "watches": _map({"$ref": "#/$defs/watch"}),
    "invariants": _map({"$ref": "#/$defs/invariant"}),
    "expect": _ref("expect"),
    "steps": _array({"$ref": "#/$defs/step"}),
    "effects": _array({"$ref": "#/$defs/effect"}),
    "parts": _array({"$ref": "#/$defs/part"}),
    "texts": _array({"type": "string", "minLength": 1}),
    "systems": _array({"enum": list(tables.ALL_SYSTEMS)}),
    "title": _ref("title"),
    "outcomes": _map({"oneOf": [{"type": "integer", "minimum": 0}, _EXPRESSION]}),
    "never": _fixed({"enum": [True, 0]}),
    "by": _fixed({"oneOf": [{"const": "none"}, {"type": "object"}]}),
    "pattern": _ref("pattern"),
    "any": _fixed({}),
}
