"""Check patterns before anything runs: unknown matchers, operands that can never fit."""

from __future__ import annotations

import difflib
import re
from typing import Final

from ccops.smoke.conditions import MATCHERS, compile_pattern
from ccops.smoke.document import Node
from ccops.smoke.findings import nearest, suggestion
from ccops.smoke.reader import Reader
from ccops.smoke.signs import SIGNS, TYPES, type_names

# No field of a frame or row is called like these, so beside an unknown key they give a mistake away.
_SURE: Final = frozenset({"gt", "ge", "lt", "le", "between", "approx", "unordered", "changed_by"})
_FOREIGN: Final = frozenset({"gte", "lte", "eq", "ne", "neq"})
_LONG: Final = tuple(name for name in MATCHERS if len(name) > 5)
_OBJECTS: Final = ("$exact", "$object")
_SIGN = re.compile(r"\$[a-z][a-z0-9_]*")


def check_pattern(reader: Reader, node: Node) -> None:
    """Record what is wrong with the pattern at `node`, at every depth."""
    if isinstance(node.value, str):
        _sign(reader, node)
    for item in node.items():
        check_pattern(reader, item)
    entries = node.entries()
    if not entries:
        return
    if len(entries) == 1 and next(iter(entries)) in _OBJECTS:
        _object(reader, entries[next(iter(entries))].node)
        return
    _words(reader, node)
    is_matcher = all(key in MATCHERS for key in entries)
    for key, entry in entries.items():
        if is_matcher:
            _operand(reader, key, entry.node)
        if not (is_matcher and key in ("schema", "re", "type")):
            check_pattern(reader, entry.node)


def _object(reader: Reader, node: Node) -> None:
    if not node.entries() and node.kind != "mapping":
        reader.fail(node.place, "$exact and $object stand above a mapping")
    for entry in node.entries().values():
        check_pattern(reader, entry.node)


def _sign(reader: Reader, node: Node) -> None:
    text = str(node.value)
    if _SIGN.fullmatch(text) and text not in SIGNS:
        reader.fail(node.place, f"unknown matcher {text!r}", suggestion(text, SIGNS))


def _words(reader: Reader, node: Node) -> None:
    entries = node.entries()
    sure = _SURE & entries.keys()
    for key, entry in entries.items():
        if key in MATCHERS:
            continue
        if key.startswith("$"):
            reader.fail(entry.place, f"unknown matcher {key!r}", suggestion(key, _OBJECTS))
        elif sure or (len(entries) == 1 and _looks_like_matcher(key)):
            hint = suggestion(key, MATCHERS) or "a mapping is a matcher only if all its keys are matchers"
            reader.fail(entry.place, f"unknown matcher {key!r}", hint)


def _looks_like_matcher(key: str) -> bool:
    return key in _FOREIGN or bool(difflib.get_close_matches(key, _LONG, n=1, cutoff=0.85))


def _operand(reader: Reader, name: str, node: Node) -> None:
    """Check the operand of a matcher; expressions are left for the run."""
    if isinstance(node.value, str) and "${" in node.value:
        return
    if name == "between" and len(node.items()) != 2:
        reader.fail(node.place, "between needs two values", "{between: [1, 9]}")
    elif name in ("in", "unordered") and not isinstance(node.value, tuple):
        reader.fail(node.place, f"{name} needs a list")
    elif name == "re":
        _regex(reader, node)
    elif name == "len" and node.kind not in ("number", "mapping"):
        reader.fail(node.place, "len needs a number or a matcher")
    elif name == "type" and not type_names(node.plain()):
        _type(reader, node)
    elif name == "ref" and not isinstance(node.value, str):
        reader.fail(node.place, "ref needs the name of a variable")


def _regex(reader: Reader, node: Node) -> None:
    if not isinstance(node.value, str):
        reader.fail(node.place, f"re needs text, this is a {node.kind}")
        return
    try:
        compile_pattern(node.value)
    except (re.error, RecursionError, OverflowError) as err:
        reader.fail(node.place, f"not a regular expression: {err}")


def _type(reader: Reader, node: Node) -> None:
    """`{type: flaot}` reads as a field, which is right for `{type: streak_update}` and not for a slip."""
    words = [item.value for item in node.items()] or [node.value]
    for word in words:
        if isinstance(word, str) and word not in TYPES and (near := nearest(word, TYPES)):
            reader.fail(node.place, f"unknown type {word!r}", f"did you mean {near}?")
