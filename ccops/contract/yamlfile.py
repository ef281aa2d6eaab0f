"""Read YAML as what JSON could say, within the limits of load.py.

What readers of YAML 1.1 and of 1.2 both take for a number is one: `0123`, `1:30` and `12e4`, which writers of
one of them leave without quotes as texts, are texts. `<<` is read: it is in documents that others write.
"""

from __future__ import annotations

import re
from typing import NoReturn

from ccops.contract.load import MAX_DEPTH, MAX_NODES, bad
from ccops.core.yamltree import Flaw, Mapping, Node, Scalar, compose

_WORDS = {"": None, "~": None, "true": True, "True": True, "TRUE": True, "false": False, "False": False}
_WORDS |= {"FALSE": False, "null": None, "Null": None, "NULL": None}
_INT = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_HEX = re.compile(r"0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)\.[0-9]*)(?:[eE][-+][0-9]+)?")
_ENDLESS = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_CODES = {
    "depth": "CONTRACT_TOO_DEEP",
    "inside_itself": "CONTRACT_TOO_DEEP",
    "size": "CONTRACT_TOO_BIG",
    "key_twice": "CONTRACT_DUPLICATE_KEY",
}


def parse_yaml(text: str, name: str) -> object:
    """Parse YAML. Raises UsageError for what can't be read, nests too deep, or holds a key twice."""
    root, flaws = compose(text, depth=MAX_DEPTH, nodes=MAX_NODES, slash=True)
    # A limit that was passed comes first: deep nesting may be flawed at each of its levels.
    for flaw in sorted(flaws, key=lambda one: one.kind not in {"depth", "size"}):
        if flaw.kind != "merge":
            _refuse(flaw, name)
    return None if root is None else _Reader(name).value(root)


def _refuse(flaw: Flaw, name: str) -> NoReturn:
    code = _CODES.get(flaw.kind, "CONTRACT_UNREADABLE")
    said = f"{flaw.message} at line {flaw.line}"
    raise bad(code, name, "", f"not YAML: {said}" if code == "CONTRACT_UNREADABLE" else said)


class _Reader:
    """Makes plain objects of a tree; what aliases name again is the same object again."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._known: dict[int, object] = {}
        self._words: dict[str, object] = dict(_WORDS)  # a large document has few different ones
        self._merged = 0

    def value(self, node: Node) -> object:
        if isinstance(node, Scalar):
            return self._scalar(node)
        found = self._known.get(id(node))
        if found is None:
            found = self._mapping(node) if isinstance(node, Mapping) else [self.value(x) for x in node.items]
            self._known[id(node)] = found
        return found

    def _mapping(self, node: Mapping) -> dict[str, object]:
        values = node.values
        if "<<" not in values or not node.keys["<<"].plain:
            return {key: self.value(one) for key, one in values.items()}
        found = {key: self.value(one) for key, one in values.items() if key != "<<"}
        named = values["<<"]
        for part in named.items if not isinstance(named, Scalar | Mapping) else [named]:
            brought = self.value(part)
            if not isinstance(brought, dict):
                _refuse(Flaw("merge", "`<<` names no mapping", part.line), self._name)
            self._merged += len(brought) + 1
            if self._merged > MAX_NODES:
                _refuse(Flaw("size", f"`<<` brings more than {MAX_NODES:,} nodes", part.line), self._name)
            for key, one in brought.items():
                found.setdefault(key, one)
        return found

    def _scalar(self, node: Scalar) -> object:
        text = node.text
        if not node.plain:
            return text
        if text not in self._words:
            try:
                self._words[text] = _number(text)
            except ValueError as error:  # more digits than Python turns into a number
                _refuse(Flaw("number", f"{error!s:.80}", node.line), self._name)
        return self._words[text]


def _number(text: str) -> object:
    """Return the number that `text` is, or the text. Raises ValueError for one without end."""
    if _INT.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    if _HEX.fullmatch(text):
        return int(text, 16)
    return float(text.replace(".", "", 1)) if _ENDLESS.fullmatch(text) else text
