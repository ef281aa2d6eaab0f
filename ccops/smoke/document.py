"""Strict YAML 1.2-like documents in which every node knows its file, line and column.

The tree is core.yamltree's, in which a scalar is a text; here it becomes what JSON could say. `on`, `0123`
and `1:30`, which YAML 1.1 makes a boolean, octal and ninety, stay text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from ccops.core import yamltree
from ccops.core.yamltree import Flaw, Mapping, Scalar
from ccops.smoke.findings import Finding
from ccops.smoke.model import Place

MAX_BYTES = 1 << 20
MAX_NODES = 50_000  # counted with aliases expanded: ten nested lists of ten aliases must not fill memory

_INT = re.compile(r"-?(?:0|[1-9][0-9]{0,30})")
_FLOAT = re.compile(r"-?(?:0|[1-9][0-9]{0,30})(?:\.[0-9]{1,30})?(?:[eE][-+]?[0-9]{1,2})?")
_PLAIN = {"": None, "~": None, "null": None, "true": True, "false": False}
_DOUBTFUL = {
    "True": "true",
    "TRUE": "true",
    "False": "false",
    "FALSE": "false",
    "Null": "null",
    "NULL": "null",
}
_HINTS = {
    "character": "save the file as UTF-8 text",
    "merge": "use an alias for the whole value",
    "key": "write ${name}, not {{ name }}; quote texts that begin with { or [",
    "second_document": "one file, one document",
}


@dataclass(frozen=True, slots=True)
class Node:
    """A scalar, a tuple of nodes, or a dict of entries."""

    place: Place
    value: object

    @property
    def kind(self) -> str:
        """Return the JSON name of the value's type, for messages."""
        if isinstance(self.value, dict):
            return "mapping"
        if isinstance(self.value, tuple):
            return "list"
        if isinstance(self.value, bool):
            return "boolean"
        if self.value is None:
            return "nothing"
        return "text" if isinstance(self.value, str) else "number"

    def entries(self) -> dict[str, Entry]:
        """Return the entries of a mapping; of anything else none."""
        return self.value if isinstance(self.value, dict) else {}

    def items(self) -> tuple[Node, ...]:
        """Return the nodes of a list; of anything else none."""
        return self.value if isinstance(self.value, tuple) else ()

    def get(self, key: str) -> Node | None:
        """Return the node below `key`, or None."""
        entry = self.entries().get(key)
        return entry.node if entry else None

    def plain(self) -> object:
        """Return the value as ordinary dicts, lists and scalars."""
        if isinstance(self.value, dict):
            return {key: entry.node.plain() for key, entry in self.entries().items()}
        if isinstance(self.value, tuple):
            return [node.plain() for node in self.items()]
        return self.value


@dataclass(frozen=True, slots=True)
class Entry:
    """One key of a mapping with its own place, and the node below it."""

    place: Place
    node: Node


def read_text(path: Path, file: str) -> tuple[str, list[Finding]]:
    """Return the text of `path`, or a finding when it is too long or not UTF-8. OSErrors pass through."""
    with path.open("rb") as stream:
        raw = stream.read(MAX_BYTES + 1)
    if len(raw) > MAX_BYTES:
        return "", [Finding(Place(file, 1, 1), f"the file is longer than {MAX_BYTES >> 20} MiB")]
    try:
        return raw.decode("utf-8-sig"), []
    except UnicodeDecodeError as err:
        head = raw[: err.start]
        line = head.count(b"\n") + 1
        column = len(head.rpartition(b"\n")[2].decode("utf-8", "replace")) + 1
        return "", [Finding(Place(file, line, column), "the file is not UTF-8 from here on")]


def compose(text: str, file: str) -> tuple[Node | None, list[Finding]]:
    """Return the root node of `text` and everything that is wrong with it as a document."""
    if len(text) > MAX_BYTES or len(text.encode(errors="replace")) > MAX_BYTES:
        return None, [Finding(Place(file, 1, 1), f"the file is longer than {MAX_BYTES >> 20} MiB")]
    root, flaws = yamltree.compose(text, nodes=MAX_NODES, slash=True)
    findings = [_finding(flaw, text, file) for flaw in flaws]
    if root is None:
        return None, findings or [Finding(Place(file, 1, 1), "the file is empty")]
    made = _Reader(file, findings).node(root)
    if made.value is None:
        findings.append(Finding(Place(file, 1, 1), "the file is empty"))
    return made, findings


def _finding(flaw: Flaw, text: str, file: str) -> Finding:
    """Return `flaw` with what its writer probably meant to write."""
    place = Place(file, flaw.line, flaw.column)
    if flaw.kind != "syntax":
        exact = flaw.kind == "tag" and "!exact" in flaw.message
        return Finding(place, flaw.message, "write $exact: {...}" if exact else _HINTS.get(flaw.kind, ""))
    lines = text.splitlines()
    line = lines[flaw.line - 1] if flaw.line <= len(lines) else ""
    if "\t" in line[: len(line) - len(line.lstrip())] or "'\\t'" in flaw.message:
        hint = "indent with spaces, not tabs"
    else:
        hint = "write ${name}, not {{ name }}" if "{{" in line else flaw.context
    return Finding(place, f"not YAML: {flaw.message}", hint)


class _Reader:
    """Makes our nodes of a tree's; what aliases name is made once."""

    def __init__(self, file: str, findings: list[Finding]) -> None:
        self._file, self._findings = file, findings
        self._known: dict[int, Node] = {}

    def node(self, found: yamltree.Node) -> Node:
        if isinstance(found, Scalar):
            return Node(self._place(found), self._scalar(found))
        made = self._known.get(id(found))
        if made is None:
            made = self._known[id(found)] = Node(self._place(found), self._inside(found))
        return made

    def _inside(self, found: yamltree.Mapping | yamltree.Sequence) -> object:
        if isinstance(found, Mapping):
            return {
                name: Entry(self._place(key), self.node(found.values[name]))
                for name, key in found.keys.items()
                if name != "<<" or not key.plain  # which is a finding already
            }
        return tuple(self.node(one) for one in found.items)

    def _place(self, found: yamltree.Node) -> Place:
        return Place(self._file, found.line, found.column)

    def _scalar(self, found: Scalar) -> object:
        text = found.text
        if not found.plain:
            return text
        if text in _PLAIN:
            return _PLAIN[text]
        if text in _DOUBTFUL:
            said, hint = f"{text} could be a text or a value", f'write {_DOUBTFUL[text]} or "{text}"'
            self._findings.append(Finding(self._place(found), said, hint))
            return text
        if _INT.fullmatch(text):
            return int(text)
        return float(text) if _FLOAT.fullmatch(text) else text
