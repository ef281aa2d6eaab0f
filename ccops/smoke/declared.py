"""What a scenario file has declared so far: watches, parts, acts and step ids."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from ccops.smoke import tables
from ccops.smoke.document import Entry, Node
from ccops.smoke.findings import suggestion
from ccops.smoke.model import Place
from ccops.smoke.reader import Reader, text

ACT_GROUP = "ccops.smoke.acts"


@functools.cache
def installed_acts() -> frozenset[str]:
    """Return the names of the Python acts that are installed as entry points."""
    from importlib.metadata import entry_points

    return frozenset(entry.name for entry in entry_points(group=ACT_GROUP))


@dataclass(slots=True)
class Declared:
    """`watches` maps a name to its kind; `acts` is asked only when an act is none of ours."""

    reader: Reader
    watches: dict[str, str]
    parts: Collection[int]
    acts: Callable[[], Collection[str]] = installed_acts
    ids: dict[str, Place] = field(default_factory=dict)

    def act_entries(self, node: Node) -> dict[str, Entry]:
        """Return the entries of a step that name its act."""
        return {
            key: entry
            for key, entry in node.entries().items()
            if key in tables.ACT_KINDS or (key not in tables.STEP and key in self.acts())
        }

    def unknown_keys(self, node: Node) -> list[str]:
        """Return the keys of a step that are neither its fields nor an act."""
        acts = self.act_entries(node)
        return [key for key in node.entries() if key not in tables.STEP and key not in acts]

    def need_watch(self, node: Node, kind: str) -> None:
        """Record an error unless the text of `node` names a declared watch of that kind."""
        name = text(node)
        if self.watches.get(name) == kind:
            return
        same_kind = [watch for watch, its in self.watches.items() if its == kind]
        hint = suggestion(name, same_kind) or "declare it under watch"
        self.reader.fail(node.place, f"no {kind} watch is called {name!r}", hint)
