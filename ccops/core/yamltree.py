"""YAML as a tree of texts in which every node knows its lines: strict, fast, and safe against any input.

libyaml only splits the text into events; the nodes are ours. PyYAML's composer keeps the last of two equal
keys, recurses in C until the process ends, and spends most of its time on guessing types. Here a scalar
stays what was written; whoever reads it decides what it may be.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Protocol

from ccops.core.garbage import uncollected
from ccops.core.yamlnodes import Flaw, Mapping, Node, Scalar, Sequence

__all__ = ["Flaw", "Mapping", "Node", "Scalar", "Sequence", "compose"]

MAX_DEPTH = 60
MAX_NODES = 3_000_000  # with aliases expanded: ten nested lists of ten aliases must not take an hour

_NO_KEY = Scalar("", 0, 0, 0, plain=False, block=False)  # stands for a key that can be none
_NOT_YAML = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SLASH = re.compile(r"(?<!\\)(?:\\\\)*\\/")
_TEXT_TAGS = frozenset({"!", "tag:yaml.org,2002:str"})
_WHOLE_TAGS = frozenset({"!", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"})


class _Mark(Protocol):
    index: int
    line: int
    column: int


class _Event(Protocol):
    """What events of PyYAML have, each some of it."""

    start_mark: _Mark
    end_mark: _Mark
    value: str
    style: str | None
    tag: str | None
    anchor: str | None


class _Stop(Exception):
    """Nothing after this can be trusted."""

    def __init__(self, flaw: Flaw) -> None:
        super().__init__(flaw.message)
        self.flaw = flaw


def compose(
    text: str, *, depth: int = MAX_DEPTH, nodes: int = MAX_NODES, slash: bool = False
) -> tuple[Node | None, tuple[Flaw, ...]]:
    r"""Return the root node of `text` (None: nothing can be read, or it is empty) and all its flaws.

    Flaws, besides bad syntax: a second document, a key twice, a key that is no text, `<<`, tags other than
    those of texts, lists and mappings, aliases to what they stand in, more than `depth` levels or `nodes`
    nodes. `slash` allows the escape `\/`, which YAML 1.2 has and 1.1 has not. Never raises.
    """
    import yaml

    text = text.removeprefix("\ufeff")
    composer = _Composer(text, depth, nodes, slash)
    try:
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        with uncollected():
            composer.read(loader(text).get_event)
    except _Stop as stop:
        return None, (*composer.flaws, stop.flaw)
    except (yaml.YAMLError, ValueError) as error:  # half a character can't be encoded for libyaml
        return None, (*composer.flaws, _character(text) or _syntax(error))
    return composer.root, tuple(composer.flaws)


def _character(text: str) -> Flaw | None:
    """Return the flaw of the first character that no YAML may hold; libyaml does not say where it is."""
    if not (bad := _NOT_YAML.search(text)):
        return None
    start = bad.start()
    line, column = text.count("\n", 0, start) + 1, start - text.rfind("\n", 0, start)
    return Flaw("character", f"character U+{ord(bad[0]):04X} is not allowed in YAML", line, column)


def _syntax(error: Exception) -> Flaw:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    context = str(getattr(error, "context", None) or "")
    return Flaw("syntax", " ".join(str(problem).split())[:200], line, column, context)


class _Composer:
    """Builds nodes from events without recursion."""

    def __init__(self, text: str, depth: int, nodes: int, slash: bool) -> None:
        self._text, self._depth, self._nodes = text, depth, nodes
        self._slashes = not slash and "\\/" in text
        self.root: Node | None = None
        self.flaws: list[Flaw] = []
        self._above: list[Mapping | Sequence] = []
        self._keys: list[Scalar | None] = []  # one a level: the key that waits for its value
        self._anchors: dict[str, tuple[Node, int]] = {}
        self._open: list[tuple[str, int]] = []  # anchored collections that are still being filled
        self._count = 0
        self._documents = 0

    def read(self, following: Callable[[], _Event]) -> None:
        """Take all events. The common kinds come first: a large file has hundreds of thousands."""
        import yaml

        scalar, mapping, sequence = yaml.ScalarEvent, yaml.MappingStartEvent, yaml.SequenceStartEvent
        ends = (yaml.MappingEndEvent, yaml.SequenceEndEvent)
        while True:
            event = following()
            kind: type[object] = type(event)
            if kind is scalar:
                mark = event.start_mark
                style, end = event.style, event.end_mark
                block = style == "|" or style == ">"
                plain = (style is None or style == "") and event.tag is None
                # What follows a block begins where the block's mark ends: that line is not its own.
                last = end.line + 1 if not block or end.column else end.line
                made = Scalar(event.value, mark.line + 1, mark.column + 1, last, plain, block)
                if self._slashes and style == '"':
                    self._slash(made, mark.index, end.index)
                if event.tag is not None and event.tag not in _TEXT_TAGS:
                    self._tag(event.tag, made)
                self._put(made, event.anchor)
            elif kind is mapping or kind is sequence:
                self._begin(event, Mapping if kind is mapping else Sequence)
            elif kind in ends:
                self._end()
            elif kind is yaml.AliasEvent:
                self._alias(event)
            elif kind is yaml.DocumentStartEvent:
                self._document(event)
            elif kind is yaml.StreamEndEvent:
                return

    def _slash(self, node: Scalar, start: int, end: int) -> None:
        """Refuse an escape of YAML 1.2 that readers of 1.1, Prometheus' among them, do not know."""
        if _SLASH.search(self._text, start, end):
            self.flaws.append(Flaw("syntax", "unknown escape \\/", node.line, node.column))

    def _put(self, node: Node, anchor: str | None) -> None:
        self._count += 1
        if self._count > self._nodes:
            what = f"more than {self._nodes:,} nodes with aliases expanded"
            raise _Stop(Flaw("size", what, node.line, node.column))
        if anchor is not None and type(node) is Scalar:
            self._anchors[anchor] = (node, 1)
        if not self._above:
            self.root = node
            return
        holder = self._above[-1]
        if type(holder) is Sequence:
            holder.items.append(node)
            return
        key = self._keys[-1]
        if key is None:
            self._keys[-1] = self._as_key(node)
            return
        self._keys[-1] = None
        if key is _NO_KEY:
            return
        name = key.text
        if name in holder.values:  # type: ignore[union-attr]
            first = holder.keys[name].line  # type: ignore[union-attr]
            self.flaws.append(
                Flaw(
                    "key_twice",
                    f"{name:.80} stands here a second time, first on line {first}",
                    key.line,
                    key.column,
                )
            )
            return
        holder.keys[name] = key  # type: ignore[union-attr]
        holder.values[name] = node  # type: ignore[union-attr]

    def _as_key(self, node: Node) -> Scalar:
        if type(node) is not Scalar:
            kind = "list" if type(node) is Sequence else "mapping"
            self.flaws.append(Flaw("key", f"a key is a text, this is a {kind}", node.line, node.column))
            return _NO_KEY
        if node.plain and node.text == "<<":
            self.flaws.append(Flaw("merge", "`<<` hides what a mapping holds", node.line, node.column))
        return node

    def _begin(self, event: _Event, kind: type[Mapping] | type[Sequence]) -> None:
        mark = event.start_mark
        node = kind(mark.line + 1, mark.column + 1)
        if event.tag is not None and event.tag not in _WHOLE_TAGS:
            self._tag(event.tag, node)
        if len(self._above) >= self._depth:
            raise _Stop(Flaw("depth", f"nested deeper than {self._depth} levels", node.line, node.column))
        self._put(node, None)
        self._above.append(node)
        self._keys.append(None)
        self._open.append((event.anchor or "", self._count))

    def _end(self) -> None:
        node = self._above.pop()
        self._keys.pop()
        anchor, before = self._open.pop()
        if anchor:
            self._anchors[anchor] = (node, self._count - before + 1)

    def _alias(self, event: _Event) -> None:
        mark = event.start_mark
        found = self._anchors.get(event.anchor or "")
        if found is None:
            name = event.anchor or ""
            inside = any(name == anchor for anchor, _ in self._open)
            what = "stands inside its own anchor" if inside else f"has no anchor &{name} above it"
            kind = "inside_itself" if inside else "alias"
            raise _Stop(Flaw(kind, f"*{name} {what}", mark.line + 1, mark.column + 1))
        node, size = found
        self._count += size - 1
        self._put(node, None)

    def _tag(self, tag: str, node: Node) -> None:
        self.flaws.append(Flaw("tag", f"the tag {tag:.60} has no place here", node.line, node.column))

    def _document(self, event: _Event) -> None:
        self._documents += 1
        if self._documents > 1:
            what = "a second document begins here; only the first is read"
            raise _Stop(Flaw("second_document", what, event.start_mark.line + 1))
