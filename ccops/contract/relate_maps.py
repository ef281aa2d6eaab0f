"""Objects beyond their declared properties: the rest, patterns, names, dependents."""

from __future__ import annotations

from ccops.contract.changes import Place
from ccops.contract.normalise import Schema, Sub
from ccops.contract.patterns import Undecidable, search
from ccops.contract.relate import Node

_TRUE = Sub(True, "")


def rest_of(schema: Schema, key: str = "additionalProperties") -> Sub:
    """Return the schema of members that nothing declares; true where there is none."""
    held = schema.keys.get(key)
    return held if isinstance(held, Sub) else Sub(True, schema.at)


def held_by(schema: Schema, key: str) -> dict[str, Sub]:
    """Return the named sub-schemas of a keyword, none where it is absent."""
    held = schema.keys.get(key)
    return held if isinstance(held, dict) else {}


def required_by(schema: Schema) -> frozenset[str]:
    """Return the names a schema requires."""
    held = schema.keys.get("required")
    return held if isinstance(held, frozenset) else frozenset()


def emits_more(schema: Schema) -> bool:
    """Return whether a writer sends names it does not declare."""
    rest = rest_of(schema)
    if rest.raw is False:
        return False
    return "additionalProperties" in schema.keys or not held_by(schema, "properties")


def _sends_unnamed(schema: Schema) -> bool:
    """Return whether a writer must send a name that it requires and does not declare."""
    return bool(required_by(schema) - held_by(schema, "properties").keys())


def more(node: Node) -> None:
    """Compare what undeclared names may hold."""
    old, new = rest_of(node.a), rest_of(node.b)
    if node.relation.same(old.raw, new.raw):
        return
    place = Place("additionalProperties", "additionalProperties")
    closed = [one.raw is False for one in (old, new)]
    if closed[0] == closed[1]:
        if emits_more(node.sub):
            node.child(("extra",), old, new)
        elif not any(closed):
            sends = node.relation.request or _sends_unnamed(node.sub)
            open_ = sends and not node.relation.holds(*node.oriented(old, new))
            node.emit("additional-properties", "changed", old.raw, new.raw, place, open_=open_)
        return
    action = "closed" if closed[1] else "opened"
    shut = rest_of(node.sup).raw is False
    by_writer = emits_more(node.sub) or node.relation.request or _sends_unnamed(node.sub)
    node.emit(
        "additional-properties",
        action,
        not closed[0],
        not closed[1],
        place,
        open_=shut and by_writer,
        seeds=({"unexpected": True},),
        blame="additionalProperties unevaluatedProperties",
    )


def _names_fit(schema: Schema, pattern: str) -> bool:
    """Return whether a pattern speaks of a declared property too; True where that can't be told."""
    try:
        return any(search(pattern, name) for name in held_by(schema, "properties"))
    except Undecidable:
        return True


def by_pattern(node: Node) -> None:
    """Compare properties by pattern."""
    old, new = held_by(node.a, "patternProperties"), held_by(node.b, "patternProperties")
    for pattern in dict.fromkeys([*old, *new]):
        place = Place("patternProperties", "patternProperties", pattern)
        if pattern in old and pattern in new:
            node.child(("pattern", pattern), old[pattern], new[pattern])
            continue
        action = "added" if pattern in new else "removed"
        sup_has = pattern in held_by(node.sup, "patternProperties")
        open_ = sup_has and (emits_more(node.sub) or node.relation.request or _names_fit(node.sub, pattern))
        if not sup_has and "additionalProperties" in node.sup.keys:
            pair = (old[pattern], rest_of(node.b)) if pattern in old else (rest_of(node.a), new[pattern])
            node.child(("pattern", pattern), *pair)
            open_ = rest_of(node.sup).raw is False
        node.emit("pattern-property", action, None, None, place, open_=open_)


def property_names(node: Node) -> None:
    """Compare the rule for names."""
    old, new = node.a.keys.get("propertyNames"), node.b.keys.get("propertyNames")
    if old is None and new is None:
        return
    mine, theirs = (one if isinstance(one, Sub) else _TRUE for one in (old, new))
    if node.relation.same(mine.raw, theirs.raw):
        return
    action = "added" if old is None else "removed" if new is None else "changed"
    sub, sup = (mine, theirs) if node.relation.request else (theirs, mine)
    text = Sub({"type": "string"}, node.sub.at)
    source = node.relation.old if node.relation.request else node.relation.new
    source.keep(text.raw, node.sub.at)
    open_ = not node.relation.holds(source.both((sub, text)), sup)
    node.emit(
        "property-names",
        action,
        mine.raw,
        theirs.raw,
        Place("propertyNames", "propertyNames"),
        open_=open_,
        blame="",
    )


def dependent(node: Node) -> None:
    """Compare what one property asks of others, and what no part of a schema looked at."""
    old, new = node.both("dependentRequired")
    if old != new:
        sub, sup = (old, new) if node.relation.request else (new, old)
        held, wanted = (one if isinstance(one, dict) else {} for one in (sub, sup))
        open_ = any(
            names - held.get(key, frozenset()) - required_by(node.sub) for key, names in wanted.items()
        )
        node.emit(
            "dependent-required",
            _action(old, new),
            _plain(old),
            _plain(new),
            Place("dependentRequired", "dependentRequired"),
            open_=open_,
            blame="dependentRequired",
        )
    for key, kind in (
        ("dependentSchemas", "dependent-schema"),
        ("unevaluatedProperties", "unevaluated-properties"),
    ):
        opaque(node, key, kind)


def _action(old: object, new: object) -> str:
    return "added" if not old else "removed" if not new else "changed"


def _plain(held: object) -> object:
    return {key: sorted(names) for key, names in held.items()} if isinstance(held, dict) else None


def opaque(node: Node, key: str, kind: str) -> None:
    """Compare a keyword that is only known to be the same or not."""
    old, new = node.both(key)
    bare = [_bare(one) for one in (old, new)]
    if old is None and new is None:
        return
    if old is not None and new is not None and node.relation.same(*bare):
        return
    if isinstance(old, Sub) and isinstance(new, Sub) and not node.relation.compare(old, new):
        return
    open_ = node.sup.keys.get(key) is not None
    node.emit(kind, _presence(old, new), None, None, Place(key, key), open_=open_)


def _presence(old: object, new: object) -> str:
    return "added" if old is None else "removed" if new is None else "changed"


def _bare(held: object) -> object:
    if isinstance(held, Sub):
        return held.raw
    return {key: sub.raw for key, sub in held.items()} if isinstance(held, dict) else held
