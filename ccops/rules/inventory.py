"""What a rule set holds, and the proof that no value brought anything of its own.

The groups and rules that the lines of the templates announce must be those a YAML reader finds afterwards: a
value with a line break that adds a rule, and an indentation that hides a group, both show here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ccops.core.errors import UsageError
from ccops.rules.strictyaml import StrictYamlError, load_texts
from ccops.rules.templating import RenderedFile

_ANNOUNCES = re.compile(r"^\s*- (?P<kind>name|alert|record): *(?P<name>.+?) *$")


@dataclass(frozen=True, slots=True)
class Entry:
    """One alert or recording: the file and group it is in, and its name."""

    file: str
    group: str
    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class Inventory:
    """Groups by file, and all rules in order."""

    groups: tuple[tuple[str, str], ...]
    rules: tuple[Entry, ...]

    @property
    def alerts(self) -> tuple[str, ...]:
        return tuple(one.name for one in self.rules if one.kind == "alert")

    @property
    def recordings(self) -> tuple[str, ...]:
        return tuple(one.name for one in self.rules if one.kind == "record")


def inventory_of(files: Iterable[RenderedFile]) -> Inventory:
    """Return what `files` hold. Raises UsageError where that is not what their templates announce."""
    groups: list[tuple[str, str]] = []
    rules: list[Entry] = []
    for file in files:
        found = _parsed(file)
        announced = _announced(file)
        if found != announced:
            raise _mismatch(file, announced, found)
        group = ""
        for kind, name in found:
            if kind == "name":
                group = name
                groups.append((file.name, name))
            else:
                rules.append(Entry(file.name, group, kind, name))
    return Inventory(tuple(groups), tuple(rules))


def _announced(file: RenderedFile) -> list[tuple[str, str]]:
    """Return groups and rules by the lines that a template wrote; a line from a value does not count."""
    rows = zip(file.text.split("\n"), file.origin.authored, strict=False)
    found = [_ANNOUNCES.match(row) for row, authored in rows if authored]
    return [(one["kind"], one["name"].strip("\"'")) for one in found if one]


def _parsed(file: RenderedFile) -> list[tuple[str, str]]:
    try:
        plain = load_texts(file.text)
    except StrictYamlError as error:
        raise _broken(file, str(error)) from None
    groups = plain.get("groups") if isinstance(plain, dict) else None
    if not isinstance(groups, list) or not groups:
        raise _broken(file, "no list of groups")
    found: list[tuple[str, str]] = []
    for group in groups:
        if not isinstance(group, dict) or not isinstance(group.get("name"), str):
            raise _broken(file, "a group without a name")
        found.append(("name", group["name"]))
        rules = group.get("rules")
        for rule in rules if isinstance(rules, list) else ():
            if isinstance(rule, dict):
                found += [(kind, str(rule[kind])) for kind in ("alert", "record") if kind in rule]
    return found


def _broken(file: RenderedFile, why: str) -> UsageError:
    return UsageError(
        "RULES_BROKEN",
        f"{file.origin.template} renders to no rule file",
        evidence=f"{file.name}: {why}",
        next_step=f"edit rules_templates/{file.origin.template}",
    )


def _mismatch(
    file: RenderedFile, announced: Sequence[tuple[str, str]], found: Sequence[tuple[str, str]]
) -> UsageError:
    extra = [f"{kind} {name}" for kind, name in found if (kind, name) not in announced]
    lost = [f"{kind} {name}" for kind, name in announced if (kind, name) not in found]
    told = [f"brought by a value: {', '.join(extra)}"] if extra else []
    told += [f"lost by indentation: {', '.join(lost)}"] if lost else []
    return UsageError(
        "RULES_INVENTORY",
        f"{file.origin.template} holds other rules than it announces",
        evidence="\n".join(told or ["the same names, another order or number"]),
        next_step="a value must not hold a line break; and look at the indentation",
    )
