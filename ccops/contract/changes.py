"""What a comparison of two schemas finds, and where."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ccops.contract.normalise import ALL_TYPES, NUMBERS, Schema, Sub

Step = tuple[
    str | int, ...
]  # ("property", name) ("item",) ("prefix", 0) ("extra",) ("pattern", p) ("branch", i, j)


Path = tuple[Step, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Core:
    """One difference between two schemas, wherever they are used."""

    kind: str
    action: str
    old: object
    new: object
    old_at: str
    new_at: str
    open: bool  # not implied keyword by keyword: a witness is wanted
    reason: str
    pair: tuple[Sub, Sub]  # the smallest pair of schemas that decides on its own
    inner: Path = ()  # from that pair to the difference
    seeds: tuple[object, ...] = ()  # values to try there first
    blame: frozenset[str] = frozenset()  # keywords that must refuse the witness
    soft: bool = False  # harmless for sets of values; the policy has an opinion
    name: str = ""  # the property it is about
    silent: bool = False  # an assumption on a cycle; never reported


Change = tuple[Path, Core]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a difference stands: `key` finds who holds the `keyword` that ends the pointer; or `at`."""

    key: str = ""
    keyword: str = ""
    name: str = ""  # the property it is about
    at: tuple[str, str] | None = None  # pointers, old and new


def steps_of(path: Path) -> Iterator[str]:
    """Yield a path as parts of a JSON path."""
    for step in path:
        match step[0]:
            case "property":
                name = str(step[1])
                yield f".{name}" if name.replace("_", "a").isalnum() else f"[{name!r}]"
            case "item":
                yield "[*]"
            case "prefix":
                yield f"[{step[1]}]"
            case "extra" | "pattern":
                yield ".*"


def json_path(path: Path) -> str:
    """Return a path the way people write it: $.items[*].price."""
    return "$" + "".join(steps_of(path))


def numeric(types: frozenset[str]) -> bool:
    """Return whether numbers are among `types`."""
    return bool(types & NUMBERS)


def untyped(schema: Schema) -> bool:
    """Return whether a schema allows every type."""
    return schema.types == ALL_TYPES
