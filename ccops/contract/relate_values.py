"""Types, enumerations, bounds and texts: keywords that look at one value."""

from __future__ import annotations

from ccops.contract.changes import Place, numeric, untyped
from ccops.contract.normalise import ALL_TYPES, Schema, Sub, frozen
from ccops.contract.relate import Node
from ccops.contract.wire import text

# key, kind, whose type, upper bound, JSON Schema keyword
_BOUNDS = (
    ("low", "minimum", "number", False, "minimum"),
    ("high", "maximum", "number", True, "maximum"),
    ("minLength", "min-length", "string", False, "minLength"),
    ("maxLength", "max-length", "string", True, "maxLength"),
    ("minItems", "min-items", "array", False, "minItems"),
    ("maxItems", "max-items", "array", True, "maxItems"),
    ("minProperties", "min-properties", "object", False, "minProperties"),
    ("maxProperties", "max-properties", "object", True, "maxProperties"),
)
_TEXTUAL = frozenset({"integer", "number", "boolean"})


def types(node: Node) -> None:
    """Note types that came or went; null on its own is a finding on its own."""
    old, new = node.a.types, node.b.types
    if old == new or (node.relation.wire and _same_texts(*node.both("enum"))):
        return
    missing = {one for one in node.sub.types if not _takes(node, one)}
    split = not untyped(node.a) and not untyped(node.b) and ("null" in old) != ("null" in new)
    split = split and bool(old - {"null"}) and bool(new - {"null"})
    if split:
        action = "added" if "null" in new else "removed"
        node.emit(
            "nullable",
            action,
            "null" in old,
            "null" in new,
            Place("type", "type"),
            open_="null" in missing and not node.relation.wire,
            seeds=(None,),
            blame="type enum const",
            reason="null has no form of its own in a text" if node.relation.wire else "",
        )
        old, new, missing = old - {"null"}, new - {"null"}, missing - {"null"}
        if old == new:
            return
    action = "widened" if _within(old, new) else "narrowed" if _within(new, old) else "changed"
    node.emit(
        "type",
        action,
        _names(node.a, old),
        _names(node.b, new),
        Place("type", "type"),
        open_=bool(missing),
        blame="type enum const format",
    )


def _same_texts(old: object, new: object) -> bool:
    """Return whether two enumerations are the same once they have travelled as text."""
    return isinstance(old, list) and isinstance(new, list) and set(map(text, old)) == set(map(text, new))


def _takes(node: Node, kind: str) -> bool:
    """Return whether the reader takes values of a type; on the wire a free text takes numbers too."""
    sup = node.sup
    if kind in sup.types or (kind == "integer" and "number" in sup.types):
        return True
    if not node.relation.wire or kind not in _TEXTUAL | {"string"}:
        return False
    if "array" in sup.types:
        return _takes_one(node, kind)
    if "string" not in sup.types or kind == "string":
        return False
    return not any(key in sup.keys for key in ("minLength", "maxLength", "patterns", "format", "enum"))


def _takes_one(node: Node, kind: str) -> bool:
    """Return whether a reader of lists takes one plain text as a list of one."""
    if any(key in node.sup.keys for key in ("minItems", "contains", "prefixItems", "enum", "union")):
        return False
    items = node.sup.keys.get("items")
    if not isinstance(items, Sub):
        return True
    source = node.relation.new if node.relation.request else node.relation.old
    inner = source.schema(items)
    free = not inner.keys and not inner.extras and kind in inner.types
    return free and not any(key in node.sub.keys for key in ("enum", "union"))


def _within(one: frozenset[str], two: frozenset[str]) -> bool:
    return all(kind in two or (kind == "integer" and "number" in two) for kind in one)


def _names(schema: Schema, kinds: frozenset[str]) -> object:
    names = sorted(kinds)
    return "any" if schema.types == ALL_TYPES else names[0] if len(names) == 1 else names


def values(node: Node) -> None:
    """Note values that joined or left an enumeration."""
    old, new = node.both("enum")
    if not isinstance(old, list) and not isinstance(new, list):
        return
    if not isinstance(old, list) or not isinstance(new, list):
        kind = "const" if len(old or new or ()) == 1 else "enum"  # type: ignore[arg-type]
        action = "added" if isinstance(new, list) else "removed"
        closed = node.sup.keys.get("enum") is not None
        node.emit(kind, action, old, new, Place("enum", "enum"), open_=closed, blame="enum const")
        return
    known = [{frozen(one) for one in side} for side in (old, new)]
    gone = [one for one in old if frozen(one) not in known[1] and one is not None]
    come = [one for one in new if frozen(one) not in known[0] and one is not None]
    if node.relation.wire:
        sent = [{text(one) for one in side} for side in (old, new)]
        gone, come = [x for x in gone if text(x) not in sent[1]], [x for x in come if text(x) not in sent[0]]
    request = node.relation.request
    if len(old) == len(new) == 1 and gone and come:
        node.emit(
            "const",
            "changed",
            old[0],
            new[0],
            Place("enum", "enum"),
            open_=True,
            seeds=(old[0] if request else new[0],),
            blame="enum const type",
        )
        return
    if gone:
        node.emit(
            "enum-value",
            "removed",
            gone,
            None,
            Place("enum", "enum"),
            open_=request,
            seeds=tuple(gone),
            blame="enum const type",
        )
    if come:
        node.emit(
            "enum-value",
            "added",
            None,
            come,
            Place("enum", "enum"),
            open_=not request,
            seeds=tuple(come),
            blame="enum const type",
        )


def bounds(node: Node) -> None:
    """Note bounds that were moved, set or dropped."""
    for key, kind, owner, upper, keyword in _BOUNDS:
        wanted = numeric(node.common) if owner == "number" else owner in node.common
        old, new = node.both(key)
        if not wanted or old == new:
            continue
        sub, sup = (old, new) if node.relation.request else (new, old)
        action = (
            "added"
            if old is None
            else "removed"
            if new is None
            else "increased"
            if _above(old, new)
            else "decreased"
        )
        node.emit(
            kind,
            action,
            _shown(old),
            _shown(new),
            Place(key, _spelled(node, key, keyword)),
            open_=not _tight(sub, sup, upper),
            blame=_refusers(keyword),
        )
    old, new = node.both("multipleOf")
    if numeric(node.common) and old != new:
        action = "added" if old is None else "removed" if new is None else "changed"
        node.emit(
            "multiple-of",
            action,
            old,
            new,
            Place("multipleOf", "multipleOf"),
            open_=not _divides(node),
            blame="multipleOf",
        )
    old, new = node.both("uniqueItems")
    if "array" in node.common and old != new:
        node.emit(
            "unique-items",
            "added" if new else "removed",
            bool(old),
            bool(new),
            Place("uniqueItems", "uniqueItems"),
            open_=bool(node.sup.keys.get("uniqueItems")),
            blame="uniqueItems",
        )


def _spelled(node: Node, key: str, keyword: str) -> str:
    """Return the keyword as the new document (or the old one) writes it."""
    for side in (node.b, node.a):
        bound = side.keys.get(key)
        if isinstance(bound, tuple) and isinstance(side.raw, dict) and keyword not in side.raw:
            return keyword.replace("m", "exclusiveM", 1)
    return keyword


def _refusers(keyword: str) -> str:
    return f"{keyword} exclusive{keyword[0].upper()}{keyword[1:]} enum const format"


def _above(old: object, new: object) -> bool:
    return bool(new > old)  # type: ignore[operator]  # ints, or (value, exclusive)


def _shown(bound: object) -> object:
    if isinstance(bound, tuple):
        return {"exclusive": bound[0]} if bound[1] else bound[0]
    return bound


def _tight(sub: object, sup: object, upper: bool) -> bool:
    """Return whether the writer's bound is at least as tight as the reader's."""
    if sup is None:
        return True
    if sub is None:
        return False
    if isinstance(sub, tuple) and isinstance(sup, tuple):
        if sub[0] == sup[0]:
            return bool(sub[1] >= sup[1])
        return bool(sub[0] < sup[0]) if upper else bool(sub[0] > sup[0])
    return bool(sub <= sup if upper else sub >= sup)  # type: ignore[operator]


def _divides(node: Node) -> bool:
    sub, sup = node.sub.keys.get("multipleOf"), node.sup.keys.get("multipleOf")
    if sup is None:
        return True
    if not node.sub.types & {"number"} and sup == 1:
        return True
    return isinstance(sub, int) and isinstance(sup, int) and sub % sup == 0
