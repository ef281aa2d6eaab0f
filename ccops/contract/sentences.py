"""A change in words: where it is and what became of it."""

from __future__ import annotations

import json

from ccops.contract import codes
from ccops.contract.changes import Core, Path, json_path

_NAMED = frozenset({"property", "required", "mutability", "renamed-property", "default", "deprecation"})


def spot_of(place: str, path: Path) -> str:
    """Return what oasdiff calls the place."""
    inside = any(step[0] in {"property", "extra", "pattern"} for step in path)
    if place == "parameter":
        return "parameter-property" if inside else "parameter"
    return place if place == "header" else "property" if inside or path else "body"


def shown_path(path: Path, core: Core) -> str:
    """Return the JSON path of a change, with the name of what came or went."""
    if core.kind in _NAMED and core.name:
        named = str(core.old) if core.kind == "renamed-property" else core.name
        return json_path((*path, ("property", named)))
    return json_path(path)


def is_required(core: Core) -> bool | None:
    """Return whether the property in question must be there; None for what is no property."""
    for held in (core.old, core.new):
        if core.kind in {"property", "mutability"} and isinstance(held, dict):
            return bool(held.get("required"))
    return None


def said(core: Core, place: str, shown: str) -> str:
    """Return the sentence of a change at `shown` in `place`."""
    label = codes.KINDS[core.kind][0] if core.kind in codes.KINDS else core.kind
    where = f"{place} {shown}" if shown != "$" else place
    old, new = _short(core.old), _short(core.new)
    match core.kind, core.action:
        case "property", "added" | "added-to-closed":
            return f"{where}: new {'required' if is_required(core) else 'optional'} property"
        case "property", _:
            return f"{where}: {'required' if is_required(core) else 'optional'} property removed"
        case "renamed-property", _:
            return f"{where}: property renamed to {core.new}"
        case "required", action:
            return f"{where}: became {'required' if action == 'added' else 'optional'}"
        case "nullable", action:
            return f"{where}: {'may be null now' if action == 'added' else 'may not be null any more'}"
        case "mutability", action:
            word = "readOnly" if core.open or core.soft else "visible"
            return f"{where}: {'came into' if action == 'added' else 'left'} this direction ({word})"
        case "enum-value", action:
            return f"{where}: {label} {action}: {old if action == 'removed' else new}"
        case _, "added" if core.new is not None:
            return f"{where}: {label} added: {new}"
        case _, "removed" if core.old is not None:
            return f"{where}: {label} removed: {old}"
        case _, action if core.old is None and core.new is None:
            return f"{where}: {label} {action}"
        case _, action:
            return f"{where}: {label} {action}: {old} -> {new}"


def _short(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else f"{text[:79]}…"
