"""Objects: what happened to each declared property.

What a writer's document does not declare, the writer is taken not to send, unless additional properties
have a schema or the object declares none at all (a map). What a reader's document does not forbid, it takes.
"""

from __future__ import annotations

from difflib import SequenceMatcher

from ccops.contract.changes import Place
from ccops.contract.normalise import Schema, Source, Sub, frozen
from ccops.contract.patterns import Undecidable, search
from ccops.contract.relate import Node
from ccops.contract.relate_maps import (
    by_pattern,
    dependent,
    emits_more,
    held_by,
    more,
    property_names,
    required_by,
    rest_of,
)

_NONE = object()
SIMILAR = 0.6  # share of letters two names have in common to be one renamed


def declared(schema: Schema, name: str) -> Sub | None:
    """Return the schema a name has by declaration or by a pattern, None where it has none."""
    subs = [sub] if (sub := held_by(schema, "properties").get(name)) else []
    for pattern, one in held_by(schema, "patternProperties").items():
        try:
            if search(pattern, name):
                subs.append(one)
        except Undecidable:
            continue
    return subs[0] if subs else None


def objects(node: Node) -> None:
    """Compare everything about objects."""
    old, new = node.a, node.b
    names = list(dict.fromkeys([*held_by(old, "properties"), *held_by(new, "properties")]))
    required = sorted((required_by(old) ^ required_by(new)) - set(names))
    renamed = _renamed(node)
    for name in names + required:
        mine, theirs = declared(old, name), declared(new, name)
        if name in renamed:
            continue
        if mine is not None and theirs is not None:
            node.child(("property", name), mine, theirs)
            _requiredness(node, name)
            _notes(node, name, mine, theirs)
        elif mine is None and theirs is None:
            _requiredness(node, name)
        elif mine is not None:
            _removed(node, name, mine)
        elif theirs is not None:
            _added(node, name, theirs)
    more(node)
    by_pattern(node)
    property_names(node)
    dependent(node)


def _requiredness(node: Node, name: str) -> None:
    old, new = name in required_by(node.a), name in required_by(node.b)
    if old == new:
        return
    by_writer = name in required_by(node.sub)
    node.emit(
        "required",
        "added" if new else "removed",
        old,
        new,
        Place("required", "required", name),
        open_=not by_writer,
        blame="required",
    )


def _renamed(node: Node) -> set[str]:
    """Note properties that only changed their name; return both names of each."""
    olds, news = held_by(node.a, "properties"), held_by(node.b, "properties")
    gone = [name for name in olds if declared(node.b, name) is None]
    come = [name for name in news if declared(node.a, name) is None]
    taken: set[str] = set()
    for old in gone[:40]:
        for new in come[:40]:
            alike = len(gone) == len(come) == 1 or SequenceMatcher(None, old, new).ratio() >= SIMILAR
            must = old in required_by(node.a), new in required_by(node.b)
            if new in taken or not alike or must[0] != must[1]:
                continue
            if node.relation.compare(olds[old], news[new]):
                continue
            _rename(node, old, new, required=must[0])
            taken |= {old, new}
            break
    return taken


def _rename(node: Node, old: str, new: str, *, required: bool) -> None:
    refused = node.relation.request and rest_of(node.b).raw is False
    reason = "the old name is ignored now" if node.relation.request else "the old name was optional"
    blame = "required additionalProperties" if refused else "required"
    node.emit(
        "renamed-property",
        "changed",
        old,
        new,
        _property(node, new, olds=old),
        open_=required or refused,
        soft=not (required or refused),
        blame=blame,
        reason="" if required or refused else reason,
    )


def _notes(node: Node, name: str, mine: Sub, theirs: Sub) -> None:
    """Note what no set of values shows: another default, the mark `deprecated`."""
    relation = node.relation
    sides = [_annotated(source, sub) for source, sub in ((relation.old, mine), (relation.new, theirs))]
    place = _property(node, name)
    defaults = [side.get("default", _NONE) for side in sides]
    if frozen_or_none(defaults[0]) != frozen_or_none(defaults[1]):
        soft = relation.request and name not in required_by(node.b)
        action = "added" if defaults[0] is _NONE else "removed" if defaults[1] is _NONE else "changed"
        old, new = (None if one is _NONE else one for one in defaults)
        reason = (
            "a payload without it may mean something else now" if soft else "the reader gets a value anyway"
        )
        node.emit("default", action, old, new, place, open_=False, soft=soft, reason=reason)
    was, is_now = (side.get("deprecated") is True for side in sides)
    if was != is_now:
        node.emit("deprecation", "added" if is_now else "removed", was, is_now, place, open_=False)


def frozen_or_none(value: object) -> str | None:
    """Return a comparable form of a default, None where there is none."""
    return None if value is _NONE else frozen(value)


def _annotated(source: Source, sub: Sub) -> dict[str, object]:
    """Return a property's own annotations over those of what it refers to."""
    found: dict[str, object] = {}
    if isinstance(sub.raw, dict):
        target, _at = source.follow(sub.raw, sub.at)
        for raw in (target, sub.raw):
            if isinstance(raw, dict):
                found |= {key: raw[key] for key in ("default", "deprecated") if key in raw}
    return found


def _property(node: Node, name: str, *, olds: str = "") -> Place:
    """Return the place of a property: where each side declares it, else the object that does not."""
    at = []
    for side, called in ((node.a, olds or name), (node.b, name)):
        sub = held_by(side, "properties").get(called)
        at.append(sub.at if sub else side.where("properties"))
    return Place(name=name, at=(at[0], at[1]))


def _removed(node: Node, name: str, mine: Sub) -> None:
    """A declared property is gone: ignored or refused (request), never sent again (response)."""
    was_required = name in required_by(node.a)
    place = _property(node, name)
    hidden = node.b.keys.get("hidden")
    kind = "mutability" if isinstance(hidden, frozenset) and name in hidden else "property"
    old = {"required": was_required}
    rest = rest_of(node.b)
    if node.relation.request:
        if rest.raw is False and kind == "property":
            blame = "additionalProperties unevaluatedProperties"
            node.emit(kind, "removed", old, None, place, open_=True, blame=blame)
            return
        if "additionalProperties" in node.b.keys and kind == "property":
            node.child(("property", name), mine, rest)
        reason = "still taken, and ignored"
        node.emit(kind, "removed", old, None, place, open_=False, soft=True, reason=reason)
        return
    free = kind == "property" and emits_more(node.b)  # a map: it may send anything under this name
    if free and "additionalProperties" in node.b.keys:
        node.child(("property", name), mine, rest)
    if was_required and name not in required_by(node.b):
        node.emit(kind, "removed", old, None, place, open_=True, blame="required")
    else:
        reason = "it was optional: a client had to do without it before"
        node.emit(kind, "removed", old, None, place, open_=free, soft=True, reason=reason)


def _added(node: Node, name: str, theirs: Sub) -> None:
    """A property is new: wanted from clients (request), or sent to clients unasked (response)."""
    is_required = name in required_by(node.b)
    place = _property(node, name)
    hidden = node.a.keys.get("hidden")
    kind = "mutability" if isinstance(hidden, frozenset) and name in hidden else "property"
    new = {"required": is_required}
    rest = rest_of(node.a)
    if node.relation.request:
        demanded = is_required and name not in required_by(node.a)
        # A map: what clients put in it may have this name already.
        if emits_more(node.a) and (not demanded or "additionalProperties" in node.a.keys):
            node.child(("property", name), rest, theirs)
        reason = "" if demanded else "no client had it in its document, so none sends it"
        node.emit(kind, "added", None, new, place, open_=demanded, reason=reason, blame="required")
        return
    if rest.raw is False and kind == "property":
        reason = "the old document allowed no further properties: a client that holds it to that refuses this"
        node.emit(kind, "added-to-closed", None, new, place, open_=False, soft=True, reason=reason)
        return
    if "additionalProperties" in node.a.keys and kind == "property":
        node.child(("property", name), rest, theirs)
    reason = "the old document did not forbid further properties"
    node.emit(kind, "added", None, new, place, open_=False, reason=reason)
