"""Objects and arrays: keywords that look at the members of a value.

What a writer's document does not declare, the writer is taken not to send, unless additional properties
have a schema or the object declares none at all (a map). What a reader's document does not forbid, it takes.
"""

from __future__ import annotations

from difflib import SequenceMatcher

from ccops.contract.normalise import Schema, Source, Sub, frozen
from ccops.contract.patterns import Undecidable, search
from ccops.contract.relate import Node, Place

_TRUE = Sub(True, "")
_NONE = object()
SIMILAR = 0.6  # share of letters two names have in common to be one renamed


def _rest(schema: Schema, key: str = "additionalProperties") -> Sub:
    held = schema.keys.get(key)
    return held if isinstance(held, Sub) else Sub(True, schema.at)


def _held(schema: Schema, key: str) -> dict[str, Sub]:
    held = schema.keys.get(key)
    return held if isinstance(held, dict) else {}


def _required(schema: Schema) -> frozenset[str]:
    held = schema.keys.get("required")
    return held if isinstance(held, frozenset) else frozenset()


def emits_more(schema: Schema) -> bool:
    """Return whether a writer sends names it does not declare."""
    rest = _rest(schema)
    if rest.raw is False:
        return False
    return "additionalProperties" in schema.keys or not _held(schema, "properties")


def declared(schema: Schema, name: str) -> Sub | None:
    """Return the schema a name has by declaration or by a pattern, None where it has none."""
    subs = [sub] if (sub := _held(schema, "properties").get(name)) else []
    for pattern, one in _held(schema, "patternProperties").items():
        try:
            if search(pattern, name):
                subs.append(one)
        except Undecidable:
            continue
    return subs[0] if subs else None


def objects(node: Node) -> None:
    """Compare everything about objects."""
    old, new = node.a, node.b
    names = list(dict.fromkeys([*_held(old, "properties"), *_held(new, "properties")]))
    required = sorted((_required(old) ^ _required(new)) - set(names))
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
    _more(node)
    _by_pattern(node)
    _names(node)
    _dependent(node)


def _requiredness(node: Node, name: str) -> None:
    old, new = name in _required(node.a), name in _required(node.b)
    if old == new:
        return
    by_writer = name in _required(node.sub)
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
    olds, news = _held(node.a, "properties"), _held(node.b, "properties")
    gone = [name for name in olds if declared(node.b, name) is None]
    come = [name for name in news if declared(node.a, name) is None]
    taken: set[str] = set()
    for old in gone[:40]:
        for new in come[:40]:
            alike = len(gone) == len(come) == 1 or SequenceMatcher(None, old, new).ratio() >= SIMILAR
            must = old in _required(node.a), new in _required(node.b)
            if new in taken or not alike or must[0] != must[1]:
                continue
            if node.relation.compare(olds[old], news[new]):
                continue
            _rename(node, old, new, required=must[0])
            taken |= {old, new}
            break
    return taken


def _rename(node: Node, old: str, new: str, *, required: bool) -> None:
    refused = node.relation.request and _rest(node.b).raw is False
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
        soft = relation.request and name not in _required(node.b)
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
        sub = _held(side, "properties").get(called)
        at.append(sub.at if sub else side.where("properties"))
    return Place(name=name, at=(at[0], at[1]))


def _removed(node: Node, name: str, mine: Sub) -> None:
    """A declared property is gone: ignored or refused (request), never sent again (response)."""
    was_required = name in _required(node.a)
    place = _property(node, name)
    hidden = node.b.keys.get("hidden")
    kind = "mutability" if isinstance(hidden, frozenset) and name in hidden else "property"
    old = {"required": was_required}
    rest = _rest(node.b)
    if node.relation.request:
        if rest.raw is False and kind == "property":
            blame = "additionalProperties unevaluatedProperties"
            node.emit(kind, "removed", old, None, place, open_=True, blame=blame)
            return
        if "additionalProperties" in node.b.keys and kind == "property":
            node.child(("property", name), mine, rest)
        reason = "still taken, and ignored"
        node.emit(kind, "removed", old, None, place, open_=False, soft=True, reason=reason)
    elif was_required and name not in _required(node.b):
        node.emit(kind, "removed", old, None, place, open_=True, blame="required")
    else:
        reason = "it was optional: a client had to do without it before"
        node.emit(kind, "removed", old, None, place, open_=False, soft=True, reason=reason)


def _added(node: Node, name: str, theirs: Sub) -> None:
    """A property is new: wanted from clients (request), or sent to clients unasked (response)."""
    is_required = name in _required(node.b)
    place = _property(node, name)
    hidden = node.a.keys.get("hidden")
    kind = "mutability" if isinstance(hidden, frozenset) and name in hidden else "property"
    new = {"required": is_required}
    rest = _rest(node.a)
    if node.relation.request:
        demanded = is_required and name not in _required(node.a)
        if emits_more(node.a) and "additionalProperties" in node.a.keys:
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


def _more(node: Node) -> None:
    """Compare what undeclared names may hold."""
    old, new = _rest(node.a), _rest(node.b)
    if node.relation.same(old.raw, new.raw):
        return
    place = Place("additionalProperties", "additionalProperties")
    closed = [one.raw is False for one in (old, new)]
    if closed[0] == closed[1]:
        if emits_more(node.sub):
            node.child(("extra",), old, new)
        elif not any(closed):
            open_ = node.relation.request and not node.relation.holds(*node.oriented(old, new))
            node.emit("additional-properties", "changed", old.raw, new.raw, place, open_=open_)
        return
    action = "closed" if closed[1] else "opened"
    shut = _rest(node.sup).raw is False
    by_writer = emits_more(node.sub) or node.relation.request
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


def _by_pattern(node: Node) -> None:
    old, new = _held(node.a, "patternProperties"), _held(node.b, "patternProperties")
    for pattern in dict.fromkeys([*old, *new]):
        place = Place("patternProperties", "patternProperties", pattern)
        if pattern in old and pattern in new:
            node.child(("pattern", pattern), old[pattern], new[pattern])
            continue
        action = "added" if pattern in new else "removed"
        sup_has = pattern in _held(node.sup, "patternProperties")
        open_ = sup_has and (emits_more(node.sub) or node.relation.request)
        if not sup_has and "additionalProperties" in node.sup.keys:
            pair = (old[pattern], _rest(node.b)) if pattern in old else (_rest(node.a), new[pattern])
            node.child(("pattern", pattern), *pair)
            open_ = _rest(node.sup).raw is False
        node.emit("pattern-property", action, None, None, place, open_=open_)


def _names(node: Node) -> None:
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


def _dependent(node: Node) -> None:
    old, new = node.both("dependentRequired")
    if old != new:
        sub, sup = (old, new) if node.relation.request else (new, old)
        held, wanted = (one if isinstance(one, dict) else {} for one in (sub, sup))
        open_ = any(names - held.get(key, frozenset()) - _required(node.sub) for key, names in wanted.items())
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


def arrays(node: Node) -> None:
    """Compare everything about arrays but their bounds."""
    old, new = _prefix(node.a), _prefix(node.b)
    if len(old) != len(new):
        action = "added" if len(new) > len(old) else "removed"
        node.emit(
            "prefix-items",
            action,
            len(old),
            len(new),
            Place("prefixItems", "prefixItems"),
            open_=False,
            reason="each place is compared on its own",
        )
    rests = _rest(node.a, "items"), _rest(node.b, "items")
    for index in range(max(len(old), len(new))):
        pair = [
            held[index] if index < len(held) else rest for held, rest in zip((old, new), rests, strict=True)
        ]
        node.child(("prefix", index), *pair)
    if "items" in node.a.keys or "items" in node.b.keys:
        node.child(("item",), *rests)
    _contains(node)
    opaque(node, "unevaluatedItems", "unevaluated-items")


def _prefix(schema: Schema) -> tuple[Sub, ...]:
    held = schema.keys.get("prefixItems")
    return held if isinstance(held, tuple) else ()


def _contains(node: Node) -> None:
    old, new = node.both("contains")
    if not isinstance(old, Sub) or not isinstance(new, Sub):
        opaque(node, "contains", "contains")
        return
    if not node.relation.same(old.raw, new.raw):
        pair = (old, new) if node.relation.request else (new, old)
        capped = "maxContains" in node.sup.keys
        open_ = capped or not node.relation.holds(*pair)
        node.emit("contains", "changed", None, None, Place("contains", "contains"), open_=open_, blame="")
    for key, kind, upper in (("minContains", "min-contains", False), ("maxContains", "max-contains", True)):
        mine, theirs = (side.keys.get(key, 1 if key == "minContains" else None) for side in (node.a, node.b))
        if mine == theirs:
            continue
        sub, sup = (mine, theirs) if node.relation.request else (theirs, mine)
        big = float("inf") if upper else 0
        first, second = (one if isinstance(one, int) else big for one in (sub, sup))
        before, after = (one if isinstance(one, int) else big for one in (mine, theirs))
        node.emit(
            kind,
            "increased" if after > before else "decreased",
            mine,
            theirs,
            Place(key, key),
            open_=first > second if upper else first < second,
            blame="contains minContains maxContains",
        )
