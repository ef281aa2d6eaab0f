"""Alternatives and conditions: anyOf, oneOf, not, if, and what of allOf could not be merged.

Each alternative of the writer must lie in one of the reader. A reader's oneOf of a request must also be told
apart from the others: a service that checks it refuses what fits two. A client that reads takes either.
"""

from __future__ import annotations

from dataclasses import replace

from ccops.contract.changes import Core, Place
from ccops.contract.distinct import disjoint, marks_of
from ccops.contract.normalise import ALL_TYPES, NUMBERS, Schema, Source, Sub, Union
from ccops.contract.relate import Node
from ccops.contract.relate_maps import opaque
from ccops.contract.relate_values import types

MAX_BRANCHES = 4_000  # pairs of alternatives; beyond that nothing is proved


def _union(schema: Schema) -> Union | None:
    held = schema.keys.get("union")
    return held if isinstance(held, Union) else None


def alone(node: Node) -> bool:
    """Return whether one side is nothing but a union and the other none: their other keywords don't meet."""
    pure = [_union(side) is not None and len(side.keys) == 1 and not side.extras for side in (node.a, node.b)]
    return pure[0] != pure[1] and (_union(node.a) is None or _union(node.b) is None)


def own_types(node: Node) -> None:
    """Compare the types that stand beside the reader's alternatives: no alternative speaks of them."""
    if _union(node.sup) is not None and node.sup.types != ALL_TYPES:
        types(node)


def conditions(node: Node) -> None:
    """Compare keywords that are only known to be the same or not."""
    for key in ("not", "if", "then", "else"):
        opaque(node, key, key)
    old, new = node.both("dynamic")
    if old != new:
        node.emit("dynamic-ref", "changed", old, new, Place("dynamic", "$dynamicRef"), open_=True)
    _extras(node)


def _extras(node: Node) -> None:
    """Compare allOf members that could not be merged: each of the reader's must be implied."""
    relation = node.relation
    if not node.a.extras and not node.b.extras:
        return
    pairs = [(one, two) for one in node.sub.extras for two in node.sup.extras]
    matched = {id(two) for one, two in pairs if relation.same(one.raw, two.raw) or relation.holds(one, two)}
    open_ = [two for two in node.sup.extras if id(two) not in matched]
    if len(node.a.extras) == len(node.b.extras) and not open_:
        return
    action = "added" if len(node.b.extras) > len(node.a.extras) else "removed"
    if len(node.a.extras) == len(node.b.extras):
        action = "changed"
    node.emit("all-of", action, None, None, Place("allOf", "allOf"), open_=bool(open_))


def unions(node: Node) -> None:
    """Compare the alternatives of both sides."""
    a, b = _union(node.a), _union(node.b)
    if a is None and b is None:
        return
    if (a is None or b is None) and not alone(node):
        _half(node, a or b)
        return
    olds = a.branches if a else (Sub(node.a.raw, node.a.at),)
    news = b.branches if b else (Sub(node.b.raw, node.b.at),)
    if len(olds) * len(news) > MAX_BRANCHES:
        _emit(
            node,
            "changed",
            None,
            open_=True,
            reason=f"{len(olds)} x {len(news)} alternatives are too many to compare",
        )
        return
    _Unions(node, olds, news).run()


def _half(node: Node, union: Union | None) -> None:
    """One side has alternatives beside other keywords, the other has none."""
    action = "removed" if _union(node.a) else "added"
    wanted = _union(node.sup)
    sub = Sub(node.sub.raw, node.sub.at)
    implied = wanted is None or (
        not (wanted.exact and node.relation.request)
        and any(node.relation.holds(sub, branch) for branch in wanted.branches)
    )
    _emit(node, action, union.keyword if union else None, open_=not implied)


def _keyword(node: Node) -> str:
    union = _union(node.b) or _union(node.a)
    return union.keyword if union else "anyOf"


def _emit(
    node: Node, action: str, value: object, *, open_: bool, reason: str = "", soft_kind: str = ""
) -> None:
    kind = soft_kind or ("one-of" if _keyword(node) == "oneOf" else "any-of")
    old, new = (value, None) if action == "removed" else (None, value)
    node.emit(kind, action, old, new, Place("union", _keyword(node)), open_=open_, reason=reason)


class _Unions:
    def __init__(self, node: Node, olds: tuple[Sub, ...], news: tuple[Sub, ...]) -> None:
        self.node, self.relation = node, node.relation
        self.olds, self.news = olds, news
        self.seen: set[tuple[int, bool]] = set()
        self.subs, self.sups = (olds, news) if self.relation.request else (news, olds)
        sides = (self.relation.old, self.relation.new)
        self.sub_source, self.sup_source = sides if self.relation.request else sides[::-1]
        sup, sub = _union(node.sup), _union(node.sub)
        self.strict = self.relation.request and sup is not None and sup.exact
        self.was_strict = sub is not None and sub.exact

    def run(self) -> None:
        """Pair alternatives, note what each pair and each single one says."""
        pairs = self._pairs()
        covers = {index: self._cover(index) for index in range(len(self.subs))}
        clash = self._clashes(covers) if self.strict else set()
        request = self.relation.request
        for i, j in pairs:
            covered = covers[i if request else j] is not None
            for path, core in self.relation.compare(self.olds[i], self.news[j]):
                self._inner(i, j, path, core, covered=covered)
        paired_new = {j for _, j in pairs}
        for i in sorted(set(range(len(self.olds))) - {i for i, _ in pairs}):
            self._single(
                "removed", self.olds[i], self.relation.old, open_=request and covers[i] is None, index=i
            )
        fresh = sorted(set(range(len(self.news))) - paired_new)
        for j in fresh:
            open_ = j in clash if request else covers[j] is None
            self._single("added", self.news[j], self.relation.new, open_=open_, index=j)
        if clash - set(fresh):
            reason = "more than one alternative may now fit a payload that fitted one"
            _emit(self.node, "changed", None, open_=True, reason=reason, soft_kind="exactly-one")

    def _inner(
        self, i: int, j: int, path: tuple[tuple[str | int, ...], ...], core: Core, *, covered: bool
    ) -> None:
        """Take over a change inside an alternative; what decides is the union as a whole."""
        if (id(core), covered) in self.seen:
            return  # the same schema stands in two alternatives
        self.seen.add((id(core), covered))
        at = (("branch", i, j), *path)
        if core.open and covered:
            core = replace(core, open=False, reason="another alternative takes what this one no longer does")
        elif core.open:
            pair = (Sub(self.node.a.raw, self.node.a.at), Sub(self.node.b.raw, self.node.b.at))
            core = replace(core, pair=pair, inner=at, reason=core.reason)
        self.node.changes.append((at, core))

    def _single(self, action: str, sub: Sub, source: Source, *, open_: bool, index: int) -> None:
        shown = source.schema(sub)
        label = (
            shown.name or "/".join(sorted(shown.types)) if len(shown.types) < 6 or shown.name else "a schema"
        )
        before = len(self.node.changes)
        reason = (
            ""
            if open_
            else "another alternative takes it"
            if action == "removed"
            else "no alternative was lost"
        )
        _emit(self.node, action, label, open_=open_, reason=reason)
        path, core = self.node.changes[before]
        core = replace(core, old_at=sub.at) if action == "removed" else replace(core, new_at=sub.at)
        self.node.changes[before] = (path, core)
        branch = ("branch", index, index)
        if open_ and not (self.relation.request and action == "added"):
            self.node.changes[before] = ((branch, *path), replace(core, inner=(branch,)))

    def _pairs(self) -> list[tuple[int, int]]:
        """Return which old alternative became which new one: same content, same mark, or the last of each."""
        left, right = list(range(len(self.olds))), list(range(len(self.news)))
        pairs: list[tuple[int, int]] = []

        def take(test: object) -> None:
            for i in list(left):
                for j in right:
                    if test(i, j):  # type: ignore[operator]
                        pairs.append((i, j))
                        left.remove(i)
                        right.remove(j)
                        break

        take(lambda i, j: self.relation.same(self.olds[i].raw, self.news[j].raw))
        marks = [
            [marks_of(source, source.schema(sub)) for sub in side]
            for source, side in ((self.relation.old, self.olds), (self.relation.new, self.news))
        ]
        if len(left) * len(right) <= 144:
            take(lambda i, j: not self.relation.compare(self.olds[i], self.news[j]))
        for kind in ("tag", "name", "type"):
            take(
                lambda i, j, kind=kind: (
                    marks[0][i].get(kind) and marks[0][i].get(kind) == marks[1][j].get(kind)
                )
            )
        if len(left) == len(right) == 1:
            one, two = (
                self.relation.old.schema(self.olds[left[0]]),
                self.relation.new.schema(self.news[right[0]]),
            )
            tags = marks[0][left[0]].get("tag"), marks[1][right[0]].get("tag")
            if one.types & two.types == {"object"} and (tags[0] == tags[1] or None in tags):
                pairs.append((left[0], right[0]))
        return sorted(pairs)

    def _cover(self, index: int) -> int | None:
        """Return which of the reader's alternatives takes all of a writer's one."""
        sub = self.subs[index]
        order = sorted(range(len(self.sups)), key=lambda j: (not self._alike(sub, self.sups[j]), j != index))
        for j in order:
            types = self.sub_source.schema(sub).types, self.sup_source.schema(self.sups[j]).types
            possible = types[0] <= types[1] or types[0] & NUMBERS or "string" in types[1]
            if possible and self.relation.holds(sub, self.sups[j]):
                return j
        return None

    def _alike(self, sub: Sub, sup: Sub) -> bool:
        pair = (sub.raw, sup.raw) if self.relation.request else (sup.raw, sub.raw)
        return self.relation.same(*pair)

    def _equal(self, sub: Sub, sup: Sub) -> bool:
        pair = (sub, sup) if self.relation.request else (sup, sub)
        return self._alike(sub, sup) or not self.relation.compare(*pair)

    def _clashes(self, covers: dict[int, int | None]) -> set[int]:
        """Return the reader's alternatives that may fit a payload which another one takes already."""
        clash: set[int] = set()
        kin = {
            (i, j)
            for i, sub in enumerate(self.subs)
            for j, sup in enumerate(self.sups)
            if self._equal(sub, sup)
        }
        for i, j in covers.items():
            for k, sup in enumerate(self.sups):
                settled = self.was_strict and any(
                    (other, k) in kin for other in range(len(self.subs)) if other != i
                )
                if k in (j, None) or j is None or settled:
                    continue
                one, two = self.sub_source.schema(self.subs[i]), self.sup_source.schema(sup)
                if not disjoint(self.sub_source, one, self.sup_source, two):
                    clash.add(k)
        return clash
