"""Compare the database's objects with the contract's schema.json, by name and by what they say."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from ccops.core.bundle import invalid, mapping, read_json
from ccops.data.catalogue import Thing
from ccops.data.model import Offence

FILE = "schema.json"
_KINDS = {"columns": "column", "constraints": "constraint", "indexes": "index", "triggers": "trigger"}
# Made by Alembic itself; it is no part of any model.
_FOREIGN = frozenset({"alembic_version"})
_CAST = re.compile(r"::[a-z ]+(?:\[\])?(?=[^a-z ]|$)|::[a-z]+")
_BETWEEN = re.compile(r"(\S+) between (\S+) and (\S+)")
_ANY = re.compile(r"= any \(array\[(.*?)\]\)")


def read_schema(folder: Path) -> list[Thing]:
    """Return what a bundle declares. Raises UsageError for a file that declares no table."""
    tables = mapping(read_json(folder, FILE).get("tables"))
    if not tables:
        raise invalid(folder, FILE, "it declares no table")
    things: list[Thing] = []
    for table, parts in tables.items():
        things.append(Thing(table, "table", table))
        for plural, kind in _KINDS.items():
            declared = mapping(mapping(parts).get(plural))
            things += [Thing(table, kind, name, str(text)) for name, text in declared.items()]
    return things


def compare(declared: Sequence[Thing], live: Sequence[Thing]) -> list[Offence]:
    """Return what is missing, different or out of force; what nobody declared is information."""
    found = {_key(thing): thing for thing in live}
    wanted = {_key(thing) for thing in declared}
    missing_tables = {one.table for one in declared if one.kind == "table" and _key(one) not in found}
    offences = [
        offence
        for thing in declared
        if thing.kind == "table" or thing.table not in missing_tables  # a missing table says it once
        for offence in _judge(thing, found.get(_key(thing)))
    ]
    return offences + list(_extras(found, wanted))


def plain(text: str) -> str:
    """Return a definition in the one spelling both sides share: lower case, no casts, no brackets.

    PostgreSQL writes `IN` as `= ANY (ARRAY[..])` and BETWEEN as two comparisons.
    """
    text = " ".join(text.split()).lower()
    text = _CAST.sub("", text.removesuffix(" not valid"))  # that one is a flaw, not another rule
    text = _ANY.sub(r"in (\1)", text)
    text = _BETWEEN.sub(r"\1 >= \2 and \1 <= \3", text)
    return re.sub(r"[()\s]", "", text)


def _key(thing: Thing) -> tuple[str, str, str]:
    return thing.table, thing.kind, thing.name


def _judge(wanted: Thing, found: Thing | None) -> Iterable[Offence]:
    kind, name = wanted.kind, _named(wanted)
    word = kind.upper()
    if found is None:
        yield Offence(
            f"{word}_MISSING", name, f"{kind} {name} is missing: {wanted.text or 'the whole table'}"
        )
    elif plain(found.text) != plain(wanted.text):
        yield Offence(
            f"{word}_DIFFERS", name, f"{kind} {name} is {found.text!r}, the contract says {wanted.text!r}"
        )
    if found is not None and found.flaw:
        yield Offence(f"{word}_NOT_IN_FORCE", name, f"{kind} {name} is not in force: {found.flaw}")


def _extras(
    found: Mapping[tuple[str, str, str], Thing], wanted: set[tuple[str, str, str]]
) -> Iterable[Offence]:
    for key, thing in sorted(found.items()):
        known_table = (thing.table, "table", thing.table) in wanted
        if key in wanted or thing.table in _FOREIGN or not (known_table or thing.kind == "table"):
            continue
        name = _named(thing)
        yield Offence(
            f"{thing.kind.upper()}_EXTRA", name, f"{thing.kind} {name} is not in the contract", True
        )


def _named(thing: Thing) -> str:
    return thing.name if thing.kind == "table" else f"{thing.table}.{thing.name}"
