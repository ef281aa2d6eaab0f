"""Strict YAML 1.2-like documents in which every node knows its file, line and column.

PyYAML only splits the text into events (libyaml does it when it is there); the nodes are ours. Its own
composer keeps the last of two equal keys, reads `on` as a boolean, `0123` as octal and `1:30` as ninety.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from ccops.smoke.findings import Finding
from ccops.smoke.model import Place

MAX_BYTES = 1 << 20
MAX_NODES = 50_000  # counted with aliases expanded: ten nested lists of ten aliases must not fill memory
MAX_DEPTH = 60

_NOT_YAML = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
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
_STR_TAGS = ("!", "tag:yaml.org,2002:str")
_LOADER: type[yaml.SafeLoader | yaml.CSafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Node:
    """A scalar, a tuple of nodes, or a dict of entries. `size` counts nodes with aliases expanded."""

    place: Place
    value: object
    size: int = 1

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


class _Stop(Exception):
    """Nothing after this event can be trusted."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.message)
        self.finding = finding


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
    text = text.removeprefix("\ufeff")
    if finding := _unreadable(text, file):
        return None, [finding]
    composer = _Composer(text, file)
    try:
        root = composer.document()
    except _Stop as stop:
        return None, [*composer.findings, stop.finding]
    except yaml.YAMLError as err:
        return None, [*composer.findings, _syntax(err, text, file)]
    return root, composer.findings


def _unreadable(text: str, file: str) -> Finding | None:
    if bad := _NOT_YAML.search(text):
        place = _place_of(text, bad.start(), file)
        return Finding(
            place, f"character U+{ord(bad[0]):04X} is not allowed in YAML", "save the file as UTF-8 text"
        )
    if len(text) > MAX_BYTES or len(text.encode()) > MAX_BYTES:
        return Finding(Place(file, 1, 1), f"the file is longer than {MAX_BYTES >> 20} MiB")
    return None


def _place_of(text: str, index: int, file: str) -> Place:
    head = text[:index]
    return Place(file, head.count("\n") + 1, index - (head.rfind("\n") + 1) + 1)


def _syntax(err: yaml.YAMLError, text: str, file: str) -> Finding:
    mark = getattr(err, "problem_mark", None) or getattr(err, "context_mark", None)
    problem = str(getattr(err, "problem", None) or getattr(err, "reason", None) or "not YAML")
    place = Place(file, mark.line + 1, mark.column + 1) if mark else Place(file, 1, 1)
    lines = text.splitlines()
    line = lines[place.line - 1] if place.line <= len(lines) else ""
    hint = ""
    if "\t" in line[: len(line) - len(line.lstrip())] or "'\\t'" in problem:
        hint = "indent with spaces, not tabs"
    elif "{{" in line:
        hint = "write ${name}, not {{ name }}"
    elif context := getattr(err, "context", None):
        hint = str(context)
    return Finding(place, f"not YAML: {problem}", hint)


class _Composer:
    def __init__(self, text: str, file: str) -> None:
        self.file = file
        self.findings: list[Finding] = []
        self._events: Iterator[yaml.Event] = iter(yaml.parse(text, Loader=_LOADER))
        self._anchors: dict[str, Node | None] = {}  # None while the anchored node is being composed
        self._count = 0

    def document(self) -> Node | None:
        """Return the only document of the stream, or None for an empty one."""
        root: Node | None = None
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                if root is not None:
                    raise _Stop(
                        Finding(self._place(event), "a second document begins here", "one file, one document")
                    )
                root = self._node(next(self._events), 0)
        if root is None or (root.value is None and root.size == 1):
            self.findings.append(Finding(Place(self.file, 1, 1), "the file is empty"))
        return root

    def _place(self, event: yaml.Event) -> Place:
        mark = event.start_mark
        return Place(self.file, mark.line + 1, mark.column + 1) if mark else Place(self.file, 1, 1)

    def _fail(self, place: Place, message: str, hint: str = "") -> None:
        self.findings.append(Finding(place, message, hint))

    def _node(self, event: yaml.Event, depth: int) -> Node:
        place = self._place(event)
        self._count += 1
        if depth > MAX_DEPTH:
            raise _Stop(Finding(place, f"nested deeper than {MAX_DEPTH} levels"))
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, place)
        anchor = getattr(event, "anchor", None)
        if anchor is not None:
            self._anchors[anchor] = None
        if isinstance(event, yaml.ScalarEvent):
            node = Node(place, self._scalar(event, place))
        elif isinstance(event, yaml.SequenceStartEvent):
            node = self._sequence(event, place, depth)
        else:
            node = self._mapping(event, place, depth)
        if node.size > MAX_NODES or self._count > MAX_NODES:
            raise _Stop(Finding(place, f"more than {MAX_NODES} nodes with aliases expanded"))
        if anchor is not None:
            self._anchors[anchor] = node
        return node

    def _alias(self, event: yaml.AliasEvent, place: Place) -> Node:
        if event.anchor not in self._anchors:
            raise _Stop(Finding(place, f"alias *{event.anchor} has no anchor &{event.anchor} above it"))
        node = self._anchors[event.anchor]
        if node is None:
            raise _Stop(Finding(place, f"alias *{event.anchor} stands inside its own anchor"))
        return node

    def _sequence(self, event: yaml.Event, place: Place, depth: int) -> Node:
        self._refuse_tag(event, place)
        nodes: list[Node] = []
        while not isinstance(inner := next(self._events), yaml.SequenceEndEvent):
            nodes.append(self._node(inner, depth + 1))
        return Node(place, tuple(nodes), 1 + sum(node.size for node in nodes))

    def _mapping(self, event: yaml.Event, place: Place, depth: int) -> Node:
        self._refuse_tag(event, place)
        entries: dict[str, Entry] = {}
        size = 1
        while not isinstance(inner := next(self._events), yaml.MappingEndEvent):
            key_place = self._place(inner)
            key = self._key(inner, depth)
            node = self._node(next(self._events), depth + 1)
            size += node.size
            if key is None:
                continue
            if first := entries.get(key):
                line = f"line {first.place.line}"
                self._fail(key_place, f"key {_short(key)} is given twice", f"first on {line}")
                continue
            entries[key] = Entry(key_place, node)
        return Node(place, entries, size)

    def _key(self, event: yaml.Event, depth: int) -> str | None:
        place = self._place(event)
        if isinstance(event, yaml.ScalarEvent):
            self._refuse_tag(event, place)
            if event.value == "<<" and not event.style:
                self._fail(place, "merge keys are not part of YAML 1.2", "use an alias for the whole value")
                return None
            return str(event.value)
        node = self._node(event, depth + 1)
        if isinstance(event, yaml.AliasEvent) and isinstance(node.value, str):
            return node.value
        self._fail(
            place,
            f"a key must be text, this is a {node.kind}",
            "write ${name}, not {{ name }}; quote texts that begin with { or [",
        )
        return None

    def _refuse_tag(self, event: yaml.Event, place: Place) -> bool:
        tag = getattr(event, "tag", None)
        if tag is None or (isinstance(event, yaml.ScalarEvent) and tag in _STR_TAGS):
            return False
        hint = "write $exact: {...}" if tag == "!exact" else ""
        self._fail(place, f"tags are not supported: {_short(str(tag))}", hint)
        return True

    def _scalar(self, event: yaml.ScalarEvent, place: Place) -> object:
        text = str(event.value)
        self._refuse_tag(event, place)
        if event.style or event.tag is not None:  # libyaml gives plain scalars the style ""
            return text
        if text in _PLAIN:
            return _PLAIN[text]
        if text in _DOUBTFUL:
            self._fail(place, f"{text} could be a text or a value", f'write {_DOUBTFUL[text]} or "{text}"')
            return text
        if _INT.fullmatch(text):
            return int(text)
        return float(text) if _FLOAT.fullmatch(text) else text


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:37] + "...")
