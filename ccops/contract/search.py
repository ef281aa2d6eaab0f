"""Find one payload that shows a break. What is returned was checked on both sides by jsonschema.

A witness is first sought at the smallest pair of schemas that decides alone. Then the whole payload around it
is built and checked again, and shown if it is small.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ccops.contract import wire
from ccops.contract.changes import Core, Path, json_path
from ccops.contract.edges import around
from ccops.contract.model import Witness
from ccops.contract.normalise import Schema, Sub, frozen
from ccops.contract.oracle import Budget, Oracle, OutOfTime
from ccops.contract.patterns import Undecidable
from ccops.contract.relate import Relation
from ccops.contract.sample import NoSample, Sampler

MAX_SHOWN = 1_500  # characters of a whole payload; a larger one is shown at the place of the break
MAX_TRIES = 400


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the search for one difference came to."""

    witness: Witness | None
    reason: str
    timed_out: bool = False
    local: object = None  # the value at the pair that decides, to be built into whole payloads


class Search:
    """Seeks witnesses for the differences one relation found."""

    def __init__(self, relation: Relation, ms: float) -> None:
        self.relation, self.ms = relation, ms
        old, new = relation.oracles
        self.sub_oracle, self.sup_oracle = (old, new) if relation.request else (new, old)
        self.sampler = Sampler(self.sub_oracle.source)
        self.theirs = Sampler(self.sup_oracle.source)
        self.branch = 0 if relation.request else 1
        self._known: dict[int, tuple[Core, Outcome]] = {}

    def local(self, core: Core) -> Outcome:
        """Seek a value at the pair that decides. Remembered: a shared schema is searched once."""
        known = self._known.get(id(core))
        if known is None:
            known = self._known[id(core)] = (core, self._seek(core))
        return known[1]

    def whole(
        self, core: Core, path: Path, root: tuple[Sub, Sub], found: Outcome
    ) -> tuple[Witness | None, str]:
        """Return the witness (a whole payload where that is small), and why.

        A value that breaks at its place breaks the payload around it, unless no payload can hold it there or
        the reader takes that payload for another reason: then nothing was shown.
        """
        if found.witness is None:
            return None, found.reason
        at = path[: len(path) - len(core.inner)]
        here = self._witness(found.local, json_path(at))
        if not at:
            return here, here.note
        sub, sup = self._sides(root)
        budget = Budget(self.ms)
        check = self._check
        try:
            value = self.sampler.embed(self._schema(sub), at, found.local, self.branch)
            sent, taken = (
                check(self.sub_oracle, sub.raw, value, budget),
                check(self.sup_oracle, sup.raw, value, budget),
            )
            if sent and not taken:
                whole = self._witness(value, "")
                return (whole, whole.note) if len(json.dumps(value)) <= MAX_SHOWN else (here, here.note)
            plain = self.sampler.minimal(self._schema(sub))
            if sent or check(self.sub_oracle, sub.raw, plain, budget):
                return None, f"an example breaks {json_path(at)} on its own, but no whole payload around it"
        except (NoSample, Undecidable, OutOfTime, RecursionError):
            pass
        return here, here.note

    @property
    def _check(self) -> Callable[..., bool]:
        return wire.valid if self.relation.wire else Oracle.valid

    def _sides(self, pair: tuple[Sub, Sub]) -> tuple[Sub, Sub]:
        return pair if self.relation.request else (pair[1], pair[0])

    def _schema(self, sub: Sub) -> Schema:
        return self.sub_oracle.source.schema(sub)

    def _witness(self, value: object, at: str) -> Witness:
        where = f" at {at}" if at and at != "$" else ""
        if self.relation.request:
            return Witness(value, True, False, f"valid before, refused now{where}")
        return Witness(value, False, True, f"may be sent now, was never valid before{where}")

    def _seek(self, core: Core) -> Outcome:
        sub, sup = self._sides(core.pair)
        for oracle in (self.sub_oracle, self.sup_oracle):
            oracle.warm()
        budget = Budget(self.ms)
        tried, doubt = 0, ""
        seen: set[str] = set()
        try:
            for value in self._values(core, sub, sup):
                budget.check()
                mark = frozen(value) if not isinstance(value, str) or len(value) < 200 else str(hash(value))
                if mark in seen:
                    continue
                seen.add(mark)
                tried += 1
                try:
                    if self._breaks(sub, sup, value, core.blame, budget):
                        return Outcome(self._witness(value, ""), "", local=value)
                except Undecidable as error:
                    doubt = doubt or str(error)
                if tried >= MAX_TRIES:
                    break
        except OutOfTime:
            return Outcome(None, f"no example was found in {self.ms:g} ms", timed_out=True)
        except (NoSample, Undecidable, RecursionError) as error:
            doubt = doubt or str(error)
        reason = core.reason or doubt or f"not proved, and none of {tried} examples breaks it"
        return Outcome(None, reason)

    def _breaks(self, sub: Sub, sup: Sub, value: object, blame: frozenset[str], budget: Budget) -> bool:
        """Return whether the writer's schema takes a value and the reader's does not."""
        check = self._check
        if not check(self.sub_oracle, sub.raw, value, budget) or check(
            self.sup_oracle, sup.raw, value, budget
        ):
            return False
        if not blame or self.relation.wire:
            return True
        return self.sup_oracle.blames(sup.raw, value, blame, budget)

    def _values(self, core: Core, sub: Sub, sup: Sub) -> Iterator[object]:
        one, two = self._schema(sub), self.sup_oracle.source.schema(sup)
        inner = core.inner
        if not inner:
            yield from core.seeds
            yield from self._without(core, one)
            yield from around(self.sampler, one, two, self.theirs)
            return
        # The difference lies inside a union: build values of its place into a payload of the union.
        for value in self._places(core, one, two):
            try:
                yield self.sampler.embed(one, inner, value, self.branch)
            except NoSample:
                continue

    def _without(self, core: Core, schema: Schema) -> Iterator[object]:
        if core.name and core.kind in {"required", "property", "mutability"}:
            try:
                value = self.sampler.minimal(schema, frozenset({"object"}))
            except NoSample:
                return
            if isinstance(value, dict):
                yield {key: one for key, one in value.items() if key != core.name} or {}
                yield value

    def _places(self, core: Core, one: Schema, two: Schema) -> Iterator[object]:
        yield from core.seeds
        mine = self._at(self.sub_oracle, one, core.inner, self.branch)
        theirs = self._at(self.sup_oracle, two, core.inner, 1 - self.branch)
        if mine is not None:
            yield from self._without(core, mine)
            yield from around(self.sampler, mine, theirs or Schema(True, ""), self.theirs)

    def _at(self, oracle: Oracle, schema: Schema, path: Path, branch: int) -> Schema | None:
        """Return the schema at `path`."""
        source = oracle.source
        sampler = Sampler(source)
        for step in path:
            union = schema.keys.get("union")
            sub: object = None
            if step[0] == "branch":
                branches = getattr(union, "branches", ())
                index = int(step[1 + branch])
                if union is None:
                    continue
                sub = branches[index] if index < len(branches) else None
            elif step[0] == "item":
                sub = schema.keys.get("items")
            elif step[0] == "prefix":
                held = schema.keys.get("prefixItems")
                sub = (
                    held[int(step[1])]
                    if isinstance(held, tuple) and int(step[1]) < len(held)
                    else schema.keys.get("items")
                )
            elif step[0] == "property":
                sub = sampler.member(schema, str(step[1]))
            else:
                sub = schema.keys.get("additionalProperties")
            if not isinstance(sub, Sub):
                return None
            schema = source.schema(sub)
        return schema
