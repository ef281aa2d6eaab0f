"""Arrays: keywords that look at the items of a value."""

from __future__ import annotations

from ccops.contract.changes import Place
from ccops.contract.normalise import Schema, Sub
from ccops.contract.relate import Node
from ccops.contract.relate_maps import opaque, rest_of


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
    rests = rest_of(node.a, "items"), rest_of(node.b, "items")
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
