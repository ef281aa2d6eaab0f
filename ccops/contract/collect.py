"""Turn differences into findings: name them, find their witness, and say each physical one once."""

from __future__ import annotations

import hashlib
import json
import shlex
from collections import Counter
from dataclasses import dataclass, field, replace

from ccops.contract import codes
from ccops.contract.changes import Change, Core, Path
from ccops.contract.load import Document
from ccops.contract.model import Direction, Finding, Level, Policy, Side, Verdict, Witness
from ccops.contract.normalise import Source, Sub, frozen
from ccops.contract.relate import Relation
from ccops.contract.search import Search
from ccops.contract.sentences import is_required, said, shown_path, spot_of
from ccops.contract.wire import shown

MAX_USES = 50  # places where a shared change is tried that could not be shown elsewhere
MAX_CURL = 500  # characters of a body in a line for curl


@dataclass(slots=True)
class _Group:
    finding: Finding
    places: dict[str, str] = field(default_factory=dict)  # operation -> what of it, and the path in that


@dataclass(frozen=True, slots=True)
class Use:
    """Where an operation uses a schema."""

    operation: str
    place: str  # body, parameter or header
    label: str  # "request body", "response 200", "query parameter page"
    carrier: tuple[str, str] = ("", "")  # ("query", "page") for what travels outside bodies

    def travelling(self, witness: Witness | None) -> Witness | None:
        """Return a witness with the way it travels: a query, a header, or a line for curl."""
        if witness is None or " at $" in witness.note:
            return witness
        if self.carrier[1]:
            return replace(witness, wire=shown(*self.carrier, witness.value))
        method, _, path = self.operation.partition(" ")
        if self.label != "request body" or not path.startswith("/"):
            return witness
        body = json.dumps(witness.value, ensure_ascii=False)
        if len(body) > MAX_CURL:
            return witness
        line = f"curl -X {method} \"$BASE{path}\" -H 'content-type: application/json' -d {shlex.quote(body)}"
        return replace(witness, wire=line)


class Collector:
    """Everything one comparison finds."""

    def __init__(self, old: Document, new: Document, policy: Policy) -> None:
        self.old, self.new, self.policy = old, new, policy
        self.operations = self.schemas = self.timeouts = 0
        self._sources: dict[Direction, tuple[Source, Source]] = {}
        self._relations: dict[tuple[Direction, bool], tuple[Relation, Search]] = {}
        self._groups: dict[tuple[str, ...], _Group] = {}
        self._tries: Counter[tuple[str, ...]] = Counter()
        self._by_core: dict[tuple[int, str], tuple[Core, tuple[str, ...]]] = {}

    @property
    def pairs(self) -> int:
        """Return how many pairs of schemas were compared."""
        return sum(relation.pairs for relation, _ in self._relations.values())

    def sources(self, direction: Direction = Direction.REQUEST) -> tuple[Source, Source]:
        """Return both documents, read in a direction."""
        if direction not in self._sources:
            self._sources[direction] = Source(self.old, direction), Source(self.new, direction)
        return self._sources[direction]

    def relation(self, direction: Direction, *, wire: bool = False) -> tuple[Relation, Search]:
        """Return the relation (and its search) of a direction, made once."""
        if (direction, wire) not in self._relations:
            relation = Relation(*self.sources(direction), direction, wire=wire)
            self._relations[direction, wire] = relation, Search(relation, self.policy.witness_ms)
        return self._relations[direction, wire]

    def schema(self, use: Use, direction: Direction, old: Sub, new: Sub, *, wire: bool = False) -> None:
        """Compare two schemas where an operation uses them."""
        relation, search = self.relation(direction, wire=wire)
        self.schemas += 1
        for change in relation.changes(old, new):
            self._change(use, change, (old, new), search)

    def add(
        self,
        code: str,
        operation: str,
        verdict: Verdict,
        at: tuple[str, str],
        *,
        old: object = None,
        new: object = None,
        message: str,
        reason: str,
        witness: Witness | None = None,
        direction: Direction | None = None,
        path: str = "",
        key: str = "",
        label: str = "",
    ) -> None:
        """Note a finding that is not about a payload's schema. `at`: pointers, old and new ("" for none)."""
        entry = codes.structural()[code]
        made = Finding(
            code,
            entry.alias,
            codes.default_level(verdict),
            verdict,
            direction or entry.direction,
            operation,
            at[1] or at[0],
            Side.NEW if at[1] else Side.OLD,
            old,
            new,
            message,
            reason,
            "",
            witness,
            (self.new if at[1] else self.old).name,
            path,
        )
        self._put((code, *at, key or operation, frozen(old), frozen(new)), made, operation, f"{label} {path}")

    def findings(self) -> list[Finding]:
        """Return what was found, with the operations that share a change, and semantic fingerprints."""
        result = []
        met: Counter[tuple[str, ...]] = Counter()
        for group in sorted(self._groups.values(), key=lambda one: one.finding.pointer):
            identity = _identity(group)
            digest = hashlib.sha256("\n".join((*identity, *["again"] * met[identity])).encode()).hexdigest()[
                :16
            ]
            met[identity] += 1  # two alternatives of one union: the same change at the same path
            also = tuple(one for one in group.places if one != group.finding.operation)
            result.append(replace(group.finding, also=also, fingerprint=digest))
        return result

    def _put(self, key: tuple[str, ...], finding: Finding, operation: str, path: str) -> None:
        group = self._groups.setdefault(key, _Group(finding))
        group.places.setdefault(operation, path)

    def _change(self, use: Use, change: Change, root: tuple[Sub, Sub], search: Search) -> None:
        path, core = change
        spot = spot_of(use.place, path)
        known = self._by_core.get((id(core), spot))
        within = shown_path(path, core)
        if known is not None and not self._again(core, known[1], search):
            self._put(known[1], self._groups[known[1]].finding, use.operation, f"{use.label} {within}")
            return
        direction, required = search.relation.direction, is_required(core)
        code = codes.code_of(core.kind, core.action, direction, required)
        key = (code, spot, core.old_at, core.new_at, frozen(core.old), frozen(core.new))
        group = self._groups.get(key)
        if group is None or group.finding.level < Level.ERR:
            verdict, level, witness, reason = self._judged(core, path, root, search)
            side = Side.OLD if core.action == "removed" else Side.NEW
            made = Finding(
                code=code,
                alias=codes.alias_of(core.kind, core.action, direction, spot, required),
                level=level,
                verdict=verdict,
                direction=direction,
                operation=use.operation,
                pointer=core.old_at if side is Side.OLD else core.new_at,
                side=side,
                old=core.old,
                new=core.new,
                message=said(core, use.label, within),
                reason=reason,
                fingerprint="",
                witness=use.travelling(witness),
                source=(self.old if side is Side.OLD else self.new).name,
                path=f"$.{use.carrier[1]}{within[1:]}" if use.carrier[1] else within,
            )
            self._put(key, made, use.operation, f"{use.label} {within}")
            if self._groups[key].finding.level < level:  # the worst of what stands at one place is told
                self._groups[key].finding = made
        self._put(key, self._groups[key].finding, use.operation, f"{use.label} {within}")
        self._by_core[id(core), spot] = core, key

    def _again(self, core: Core, key: tuple[str, ...], search: Search) -> bool:
        """Return whether a change that nothing showed yet may be shown where it is used once more."""
        if self._groups[key].finding.level >= Level.ERR or core.soft or not core.open:
            return False
        if search.local(core).witness is None:
            return False
        self._tries[key] += 1
        return self._tries[key] <= MAX_USES

    def _judged(
        self, core: Core, path: Path, root: tuple[Sub, Sub], search: Search
    ) -> tuple[Verdict, Level, Witness | None, str]:
        if core.kind == "property" and core.action == "added-to-closed":
            level = self.policy.closed_clients
            found = search.local(core)
            witness, _ = search.whole(core, path, root, found)
            verdict = Verdict.REFUTED if witness else Verdict.UNKNOWN
            return verdict, level, witness, f"{core.reason}; policy closed_clients says {level.name}"
        if core.soft:
            return Verdict.UNKNOWN, Level.WARN, None, core.reason
        if not core.open:
            return Verdict.PROVED, Level.INFO, None, core.reason or _PROOF[search.relation.direction]
        found = search.local(core)
        witness, reason = search.whole(core, path, root, found)
        if witness is None:
            self.timeouts += found.timed_out
            return Verdict.UNKNOWN, Level.WARN, None, reason
        return Verdict.REFUTED, Level.ERR, witness, reason


_PROOF = {
    Direction.REQUEST: "everything the old document allowed is still taken",
    Direction.RESPONSE: "everything that may be sent now was allowed before",
    Direction.NONE: "",
}


def _identity(group: _Group) -> tuple[str, ...]:
    """Return what a fingerprint is made of.

    What the change is, and where it is by method, template and path in the payload: not the words of a
    message, nor the names of components, so that rewording and refactoring keep approvals.
    """
    finding = group.finding
    return (
        finding.code,
        finding.direction.value,
        frozen(finding.old),
        frozen(finding.new),
        *sorted(f"{operation} {path}" for operation, path in group.places.items()),
    )
