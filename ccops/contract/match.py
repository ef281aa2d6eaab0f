"""Which operation of the old document is which of the new one: by address, then by what it is (a rename)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher

from ccops.contract.load import step
from ccops.contract.normalise import Source
from ccops.contract.relate import Relation

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
_TEMPLATE = re.compile(r"\{[^{}]*\}")
_ASIDE = frozenset({"operationId", "tags", "summary", "description", "deprecated", "x-sunset", "parameters"})
MAX_CANDIDATES = 20_000


@dataclass(frozen=True, slots=True, eq=False)
class Operation:
    """One operation and the path item around it."""

    method: str
    path: str
    raw: Mapping[str, object]
    at: str
    item: Mapping[str, object]
    item_at: str
    prefix: str = ""  # "webhook" or "POST /x callback paid"

    @property
    def name(self) -> str:
        """Return "POST /api/shop/buy"."""
        return f"{self.prefix} {self.method.upper()} {self.path}".strip()

    @property
    def key(self) -> tuple[str, str]:
        """Return method and template with nameless parameters."""
        return self.method, _TEMPLATE.sub("{}", self.path)

    @property
    def slots(self) -> list[str]:
        """Return the names of the path's parameters, in order."""
        return [one[1:-1] for one in _TEMPLATE.findall(self.path)]


def operations(source: Source, items: object, at: str, prefix: str = "") -> list[Operation]:
    """Return the operations below `paths`, `webhooks` or a callback, sorted."""
    if items is None:
        return []
    held = source.mapping(items, at)
    found: list[Operation] = []
    for path in sorted(held):
        if path.startswith("x-"):
            continue
        item, item_at = source.follow(held[path], step(at, path))
        if not isinstance(item, Mapping):
            raise source.wrong(item_at, "a path item is expected")
        for method in METHODS:
            if method in item:
                raw = source.mapping(item[method], step(item_at, method))
                found.append(Operation(method, path, raw, step(item_at, method), item, item_at, prefix))
    return found


def pair(
    olds: list[Operation], news: list[Operation]
) -> tuple[list[tuple[Operation, Operation]], list[Operation], list[Operation]]:
    """Return (pairs, only old, only new), by the same path first, then by the same template."""
    exact = {(one.method, one.path): one for one in news}
    pairs = [(one, exact.pop((one.method, one.path))) for one in olds if (one.method, one.path) in exact]
    done = {id(one) for one, _ in pairs}
    loose: dict[tuple[str, str], Operation] = {}
    for one in exact.values():
        loose.setdefault(one.key, one)
    for one in olds:
        if id(one) not in done and one.key in loose:
            pairs.append((one, loose.pop(one.key)))
            done.add(id(one))
    taken = {id(one) for _, one in pairs}
    return pairs, [one for one in olds if id(one) not in done], [one for one in news if id(one) not in taken]


def renamed(
    relation: Relation, gone: list[Operation], come: list[Operation]
) -> list[tuple[Operation, Operation]]:
    """Return which operations only moved: same operationId, or same content and a like path."""
    if len(gone) * len(come) > MAX_CANDIDATES:
        return []
    scored = []
    for old in gone:
        for new in come:
            score = _likeness(relation, old, new)
            if score > 0:
                scored.append((-score, old.name, new.name, old, new))
    pairs: list[tuple[Operation, Operation]] = []
    taken: set[int] = set()
    for *_rank, old, new in sorted(scored, key=lambda one: one[:3]):
        if id(old) not in taken and id(new) not in taken:
            taken |= {id(old), id(new)}
            pairs.append((old, new))
    return pairs


def _likeness(relation: Relation, old: Operation, new: Operation) -> float:
    ids = old.raw.get("operationId"), new.raw.get("operationId")
    closeness = SequenceMatcher(None, old.path, new.path).ratio()
    if ids[0] is not None and ids[0] == ids[1]:
        return 2 + closeness
    if old.method != new.method and old.key[1] != new.key[1]:
        return 0
    cores = [{key: value for key, value in one.raw.items() if key not in _ASIDE} for one in (old, new)]
    if len(old.slots) != len(new.slots) or closeness < 0.5 or not _telling(cores[0]):
        return 0
    return closeness if relation.same(*cores) else 0


def _telling(core: Mapping[str, object]) -> bool:
    """Return whether an operation says enough about itself to be known by it."""
    return "requestBody" in core or '"schema"' in str(core.get("responses")).replace("'", '"')
