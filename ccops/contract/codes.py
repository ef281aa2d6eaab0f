"""The catalogue of finding codes: what each means, why it breaks, what to do. Ids of oasdiff are aliases.

Codes of payload changes are DIRECTION_KIND_ACTION and made from the tables below; the others are written out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ccops.contract.model import Direction, Level, Verdict

# kind: (what people call it, stem of oasdiff's id, actions)
_MOVES = ("added", "removed", "increased", "decreased")
_SWAPS = ("added", "removed", "changed")
KINDS: Mapping[str, tuple[str, str, tuple[str, ...]]] = {
    "type": ("the type", "type", ("changed", "narrowed", "widened")),
    "nullable": ("null", "nullable", ("added", "removed")),
    "enum": ("a list of allowed values", "enum", ("added", "removed")),
    "enum-value": ("an allowed value", "enum-value", ("added", "removed")),
    "const": ("the one allowed value", "const", _SWAPS),
    "minimum": ("the lower bound", "min", _MOVES),
    "maximum": ("the upper bound", "max", _MOVES),
    "min-length": ("the least length", "min-length", _MOVES),
    "max-length": ("the greatest length", "max-length", _MOVES),
    "min-items": ("the least number of items", "min-items", _MOVES),
    "max-items": ("the greatest number of items", "max-items", _MOVES),
    "min-properties": ("the least number of properties", "min-properties", _MOVES),
    "max-properties": ("the greatest number of properties", "max-properties", _MOVES),
    "min-contains": ("how many items must fit `contains`", "min-contains", ("increased", "decreased")),
    "max-contains": ("how many items may fit `contains`", "max-contains", ("increased", "decreased")),
    "multiple-of": ("the step of a number", "multiple-of", _SWAPS),
    "unique-items": ("that items are unique", "unique-items", ("added", "removed")),
    "pattern": ("the pattern", "pattern", _SWAPS),
    "format": ("the format", "type", _SWAPS),
    "content-encoding": ("the encoding inside a text", "content-encoding", _SWAPS),
    "content-media-type": ("the media type inside a text", "content-media-type", _SWAPS),
    "property": ("a property", "property", ("added", "removed")),
    "required": ("that a property must be there", "required", ("added", "removed")),
    "mutability": (
        "a property that only the other direction has (readOnly, writeOnly)",
        "",
        ("added", "removed"),
    ),
    "additional-properties": (
        "undeclared properties",
        "additional-properties",
        ("closed", "opened", "changed"),
    ),
    "pattern-property": ("properties by pattern", "pattern-property", ("added", "removed")),
    "property-names": ("the rule for property names", "property-names", _SWAPS),
    "dependent-required": ("properties that want others beside them", "dependent-required", _SWAPS),
    "dependent-schema": ("a schema that a property brings with it", "dependent-schema", _SWAPS),
    "unevaluated-properties": ("what no part of the schema looked at", "unevaluated-properties", _SWAPS),
    "unevaluated-items": ("items that no part of the schema looked at", "unevaluated-items", _SWAPS),
    "prefix-items": ("items by place", "prefix-items", ("added", "removed")),
    "contains": ("an item that must be among the others", "contains", _SWAPS),
    "not": ("what is excluded", "not", _SWAPS),
    "if": ("a condition", "if", _SWAPS),
    "then": ("what holds under a condition", "then", _SWAPS),
    "else": ("what holds otherwise", "else", _SWAPS),
    "any-of": ("an alternative (anyOf)", "any-of", _SWAPS),
    "one-of": ("an alternative (oneOf)", "one-of", _SWAPS),
    "exactly-one": ("that one alternative may fit at most", "one-of", ("changed",)),
    "all-of": ("a part (allOf)", "all-of", _SWAPS),
    "dynamic-ref": ("a dynamic reference", "", ("changed",)),
    "default": ("the default value", "default-value", _SWAPS),
    "deprecation": ("the mark `deprecated`", "", ("added", "removed")),
    "renamed-property": ("the name of a property", "", ("changed",)),
}
# Where oasdiff says it in other words: (kind, action) -> what follows `request-property-` and the like.
_WORDS = {
    ("type", "widened"): "type-generalized",
    ("type", "narrowed"): "type-specialized",
    ("format", "added"): "type-specialized",
    ("format", "removed"): "type-generalized",
    ("nullable", "added"): "became-nullable",
    ("nullable", "removed"): "became-not-nullable",
    ("enum", "added"): "became-enum",
    ("required", "added"): "became-required",
    ("required", "removed"): "became-optional",
    ("deprecation", "added"): "deprecated",
    ("deprecation", "removed"): "reactivated",
}
_EXACT = {
    ("request", "property", "added", True): "new-required-request-property",
    ("request", "property", "added", False): "new-optional-request-property",
    ("request", "property", "removed", None): "request-property-removed",
    ("response", "property", "added", True): "response-required-property-added",
    ("response", "property", "added", False): "response-optional-property-added",
    ("response", "property", "removed", True): "response-required-property-removed",
    ("response", "property", "removed", False): "response-optional-property-removed",
    ("request", "renamed-property", "changed", None): "request-property-removed",
    ("response", "renamed-property", "changed", True): "response-required-property-removed",
    ("response", "renamed-property", "changed", False): "response-optional-property-removed",
}
_KEEP = "Keep the old one beside the new, mark it `deprecated` with an `x-sunset` date, remove it after that."


@dataclass(frozen=True, slots=True)
class Code:
    """One entry of the catalogue."""

    code: str
    alias: str
    direction: Direction
    title: str
    explanation: str


@cache
def known_ids() -> frozenset[str]:
    """Return the ids that oasdiff 1.28 has."""
    return frozenset((Path(__file__).parent / "oasdiff_ids.txt").read_text(encoding="utf-8").split())


@cache
def structural() -> Mapping[str, Code]:
    """Return the codes of everything but payloads, as codes.tsv lists them."""
    lines = (Path(__file__).parent / "codes.tsv").read_text(encoding="utf-8").splitlines()[1:]
    entries: dict[str, Code] = {}
    for line in lines:
        code, alias, direction, what, todo = line.split("\t")
        advice = _KEEP if todo == "KEEP" else todo
        entries[code] = Code(code, alias, Direction(direction), _title(code), f"{what} {_ADVICE}{advice}")
    return entries


def code_of(kind: str, action: str, direction: Direction, required: bool | None = None) -> str:
    """Return our code for a change of a payload."""
    side = direction.value.upper()
    names = {
        ("property", "added-to-closed"): f"{side}_PROPERTY_ADDED_TO_CLOSED",
        ("required", "added"): f"{side}_PROPERTY_BECAME_REQUIRED",
        ("required", "removed"): f"{side}_PROPERTY_BECAME_OPTIONAL",
        ("nullable", "added"): f"{side}_BECAME_NULLABLE",
        ("nullable", "removed"): f"{side}_BECAME_NOT_NULLABLE",
        ("enum", "added"): f"{side}_BECAME_ENUM",
        ("enum", "removed"): f"{side}_ENUM_DROPPED",
        ("additional-properties", "closed"): f"{side}_CLOSED",
        ("additional-properties", "opened"): f"{side}_OPENED",
        ("deprecation", "added"): f"{side}_PROPERTY_DEPRECATED",
        ("deprecation", "removed"): f"{side}_PROPERTY_REACTIVATED",
        ("renamed-property", "changed"): f"{side}_PROPERTY_RENAMED",
    }
    if (kind, action) in names:
        return names[kind, action]
    must = "REQUIRED_" if required and kind == "property" else ""
    return f"{side}_{must}{kind.upper().replace('-', '_')}_{action.upper()}"


def alias_of(kind: str, action: str, direction: Direction, place: str, required: bool | None = None) -> str:
    """Return oasdiff's id for a change at `place` (body, property, parameter, parameter-property, header)."""
    for flag in (required, None):
        exact = _EXACT.get((direction.value, kind, action.removesuffix("-to-closed"), flag))
        if exact:
            return exact
    stem = KINDS[kind][1] if kind in KINDS else ""
    word = _WORDS.get((kind, action), f"{stem}-{action}")
    spots = {"header": ("header",), "parameter": ("parameter",)}.get(
        place, (place, "property" if kind == "required" else place)
    )
    for spot in spots:
        for said in (word, word.replace("-added", "-set"), word.replace("-removed", "-unset")):
            if (name := f"{direction.value}-{spot}-{said}") in known_ids():
                return name
    return ""


def default_level(verdict: Verdict) -> Level:
    """Return the level a verdict stands for."""
    return {Verdict.PROVED: Level.INFO, Verdict.UNKNOWN: Level.WARN, Verdict.REFUTED: Level.ERR}[verdict]


@cache
def catalogue() -> Mapping[str, Code]:
    """Return every code of the contract gate."""
    entries = dict(structural())
    for kind, (label, _stem, actions) in KINDS.items():
        for action in (*actions, *(("added-to-closed",) if kind == "property" else ())):
            for direction in (Direction.REQUEST, Direction.RESPONSE):
                for required in (False, True) if kind == "property" and "closed" not in action else (None,):
                    code = code_of(kind, action, direction, required)
                    alias = alias_of(kind, action, direction, "property", required)
                    entries[code] = Code(
                        code, alias, direction, _title(code), _explained(label, action, direction)
                    )
    return dict(sorted(entries.items()))


_ADVICE = "What to do: "


def _title(code: str) -> str:
    return code.replace("_", " ").lower()


def _explained(label: str, action: str, direction: Direction) -> str:
    verb = {
        "added": "is there now",
        "removed": "is not there any more",
        "added-to-closed": "is new in a closed object",
    }
    what = f"In a {direction.value} payload, {label} {verb.get(action, f'was {action}')}."
    if direction is Direction.REQUEST:
        why = (
            "Clients keep sending what the old document allowed, so this breaks where the service now "
            "refuses such a payload; it is safe where the new document still takes every old one."
        )
        todo = "take what was taken before, or add a new field or version beside it."
    else:
        why = (
            "Clients read by the old document, so this breaks where the service may now send something "
            "that was never valid there; it is safe where everything it sends was valid before."
        )
        todo = "keep sending what was promised, or add a new field or version beside it."
    level = "ERR comes with a payload that shows it, WARN means undecided and says why, INFO is proved."
    return f"{what} {why} {level} {_ADVICE}{todo}"
