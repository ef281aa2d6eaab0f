"""Is everything the writer may send something the reader takes? Decided keyword by keyword, by set inclusion.

In a request the old document is the writer (clients keep sending what it allowed), in a response the new
one is. Every difference becomes a `Core`: proved harmless, or open, and then only a witness (search.py) or a
finite check settles it. Results are remembered per pair of schemas; on a cycle the pair in progress is
assumed to hold, and the run is repeated without that assumption when it did not (a greatest fixed point).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ccops.contract import wire
from ccops.contract.changes import Change, Core, Place, Step
from ccops.contract.model import Direction
from ccops.contract.normalise import Schema, Source, Sub
from ccops.contract.oracle import Budget, Oracle, OutOfTime
from ccops.contract.patterns import Undecidable

MAX_DEPTH = 90
MAX_ROUNDS = 6


@dataclass(slots=True)
class Node:
    """Two schemas under comparison, and what was found so far."""

    relation: Relation
    a: Schema  # old
    b: Schema  # new
    changes: list[Change] = field(default_factory=list)

    @property
    def sub(self) -> Schema:
        """Return the writer's schema."""
        return self.a if self.relation.request else self.b

    @property
    def sup(self) -> Schema:
        """Return the reader's schema."""
        return self.b if self.relation.request else self.a

    @property
    def common(self) -> frozenset[str]:
        """Return the types both allow."""
        both = self.a.types & self.b.types
        for one, two in ((self.a, self.b), (self.b, self.a)):
            if "integer" in one.types and "number" in two.types:
                both |= {"integer"}
        return both

    def emit(
        self,
        kind: str,
        action: str,
        old: object,
        new: object,
        place: Place,
        *,
        open_: bool,
        reason: str = "",
        seeds: tuple[object, ...] = (),
        blame: str = "",
        soft: bool = False,
    ) -> None:
        """Note one difference at this node."""
        below = f"/{place.keyword}" if place.keyword else ""
        at = place.at or (self.a.where(place.key) + below, self.b.where(place.key) + below)
        pair = Sub(self.a.raw, self.a.at), Sub(self.b.raw, self.b.at)
        core = Core(
            kind,
            action,
            old,
            new,
            at[0],
            at[1],
            open_,
            reason,
            pair,
            (),
            seeds,
            frozenset(blame.split()),
            soft,
            place.name,
        )
        self.changes.append(((), core))

    def child(self, step: Step, old: Sub, new: Sub) -> None:
        """Compare two sub-schemas and take over what is found."""
        self.changes += [((step, *path), core) for path, core in self.relation.compare(old, new)]

    def oriented(self, old: Sub, new: Sub) -> tuple[Sub, Sub]:
        """Return (writer's, reader's) of an old and a new sub-schema."""
        return (old, new) if self.relation.request else (new, old)

    def both(self, key: str) -> tuple[object, object]:
        """Return a keyword's values, old and new."""
        return self.a.keys.get(key), self.b.keys.get(key)


class Relation:
    """Compares schemas of two documents in one direction. `wire`: values travel as text (parameters)."""

    def __init__(self, old: Source, new: Source, direction: Direction, *, wire: bool = False) -> None:
        self.old, self.new, self.direction, self.wire = old, new, direction, wire
        self.request = direction is Direction.REQUEST
        self.oracles = (Oracle(old), Oracle(new))
        self.pairs = 0
        self._memo: dict[tuple[int, int], tuple[Change, ...]] = {}
        self._active: set[tuple[int, int]] = set()
        self._assumed: set[tuple[int, int]] = set()
        self._broken: set[tuple[int, int]] = set()
        self._links: dict[tuple[str, str], frozenset[tuple[str, str]] | None] = {}
        self._clean: dict[tuple[str, str], bool] = {}
        self._quick = old.document.version == new.document.version

    def changes(self, old: Sub, new: Sub) -> tuple[Change, ...]:
        """Return every difference between two schemas, each physical one once."""
        if self._quick and self.same(old.raw, new.raw):
            return ()
        for _ in range(MAX_ROUNDS):
            found = self.compare(old, new)
            wrong = {pair for pair in self._assumed - self._broken if _any_open(self._memo.get(pair, ()))}
            if not wrong:
                break
            self._broken |= wrong
            self._memo.clear()
        return tuple((path, core) for path, core in found if not core.silent)

    def compare(self, old: Sub, new: Sub) -> tuple[Change, ...]:
        """Return the differences of one pair, remembered."""
        a, b = self.old.schema(old), self.new.schema(new)
        key = (id(a), id(b))
        known = self._memo.get(key)
        if known is not None:
            return known
        if key in self._active:
            self._assumed.add(key)
            return self._doubt(a, b) if key in self._broken else ()
        if len(self._active) > MAX_DEPTH:
            raise self.new.too_deep(b.at)
        self._active.add(key)
        try:
            self.pairs += 1
            found = () if self._quick and self.same(a.raw, b.raw) else self._once(self._node(a, b))
        finally:
            self._active.discard(key)
        self._memo[key] = found
        return found

    def holds(self, sub: Sub, sup: Sub) -> bool:
        """Return whether everything the writer's `sub` allows is proved to be in the reader's `sup`."""
        pair = (sub, sup) if self.request else (sup, sub)
        return not _any_open(self.compare(*pair))

    def same(self, x: object, y: object) -> bool:
        """Return whether two raw values are the same text, references followed."""
        links = _linked(x, y, lone=not self._quick)
        return links is not None and all(self._is_clean(pair) for pair in links)

    def _is_clean(self, pair: tuple[str, str]) -> bool:
        if (known := self._clean.get(pair)) is not None:
            return known
        seen, stack = {pair}, [pair]
        while stack:
            one = stack.pop()
            if self._clean.get(one) is True:
                continue
            if one not in self._links:
                ends = self.old.target(one[0], "")[0], self.new.target(one[1], "")[0]
                self._links[one] = _linked(*ends, lone=not self._quick)
            links = self._links[one]
            if links is None or self._clean.get(one) is False:
                self._clean[one] = self._clean[pair] = False
                return False
            stack += links - seen
            seen |= links
        self._clean.update(dict.fromkeys(seen, True))
        return True

    def _doubt(self, a: Schema, b: Schema) -> tuple[Change, ...]:
        node = Node(self, a, b)
        node.emit("cycle", "changed", None, None, Place(), open_=True)
        return tuple((path, replace(core, silent=True)) for path, core in node.changes)

    @staticmethod
    def _once(changes: list[Change]) -> tuple[Change, ...]:
        seen: set[int] = set()
        kept = []
        for path, core in changes:
            if id(core) not in seen:
                seen.add(id(core))
                kept.append((path, core))
        return tuple(kept)

    def _node(self, a: Schema, b: Schema) -> list[Change]:
        from ccops.contract import relate_arrays, relate_objects, relate_texts, relate_unions, relate_values

        node = Node(self, a, b)
        if not a.types or not b.types:
            relate_values.types(node)
            return node.changes
        if relate_unions.alone(node):
            relate_unions.own_types(node)
        else:
            relate_values.types(node)
            if node.common:
                relate_values.values(node)
                relate_values.bounds(node)
                relate_texts.texts(node)
                if "array" in node.common:
                    relate_arrays.arrays(node)
                if "object" in node.common:
                    relate_objects.objects(node)
                relate_unions.conditions(node)
        relate_unions.unions(node)
        return self._settled(node)

    def _settled(self, node: Node) -> list[Change]:
        """Return the changes of a node, those about its own value proved where every value was tried."""
        values = node.sub.keys.get("enum")
        if not isinstance(values, list) or not any(core.open for path, core in node.changes if not path):
            return node.changes
        sides = (self.oracles[0], self.oracles[1]) if self.request else (self.oracles[1], self.oracles[0])
        check = wire.valid if self.wire else Oracle.valid
        for side in sides:
            side.warm()
        budget = Budget(50.0)
        try:
            sent = [one for one in values[:1000] if check(sides[0], node.sub.raw, one, budget)]
            refused = [one for one in sent if not check(sides[1], node.sup.raw, one, budget)]
        except (Undecidable, OutOfTime):
            return node.changes
        if refused or len(values) > 1000:
            return node.changes
        reason = f"every one of the {len(sent)} values was tried"
        return [
            (path, core if path or not core.open else replace(core, open=False, reason=reason))
            for path, core in node.changes
        ]


def _any_open(changes: tuple[Change, ...]) -> bool:
    return any(core.open for _, core in changes)


def _linked(x: object, y: object, *, lone: bool) -> frozenset[tuple[str, str]] | None:
    """Return the pairs of references that must agree for two raw values to agree; None when they can't.

    lone  only a reference without other keys counts: beside one, 3.0 and 3.1 read them differently
    """
    links: set[tuple[str, str]] = set()
    stack = [(x, y)]
    while stack:
        one, two = stack.pop()
        if isinstance(one, Mapping) and isinstance(two, Mapping):
            if len(one) != len(two) or (lone and "$ref" in one and len(one) > 1):
                return None
            for key, value in one.items():
                if key not in two:
                    return None
                other = two[key]
                if key == "$ref" and isinstance(value, str) and isinstance(other, str):
                    links.add((value, other))
                elif type(value) is not type(other):
                    return None
                elif isinstance(value, (dict, list)):
                    stack.append((value, other))
                elif value != other:
                    return None
        elif isinstance(one, list) and isinstance(two, list):
            if len(one) != len(two):
                return None
            stack += zip(one, two, strict=True)
        elif type(one) is not type(two) or one != two:
            return None
    return frozenset(links)
