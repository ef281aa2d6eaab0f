"""What a value in a scenario file may be: one check for each kind of field."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from ccops.smoke import tables
from ccops.smoke.document import Node
from ccops.smoke.durations import parse_duration
from ccops.smoke.findings import nearest, suggestion
from ccops.smoke.tables import Field

_NAME = re.compile(tables.NAME_PATTERN)
_VARIABLE = re.compile(tables.VARIABLE_PATTERN)
_RESERVED = frozenset(tables.GLOBAL_NAMES + tables.STEP_NAMES + tables.ANSWER_NAMES)
_MOST_REPEATS: Final = 10_000

Problem = tuple[str, str] | None


def check_kind(field: Field, node: Node) -> Problem:
    """Return (message, hint) when the value of `node` is not of the field's kind."""
    return _KINDS[field.kind](field, node)


def a_kind(kind: str) -> str:
    """Return the kind of a value with its article, for messages."""
    return kind if kind in ("text", "nothing") else f"a {kind}"


def _must(what: str, node: Node) -> Problem:
    return f"must be {what}, this is {a_kind(node.kind)}", ""


def _text(_field: Field, node: Node) -> Problem:
    if isinstance(node.value, str) and node.value.strip():
        return None
    return _must("text", node) if not isinstance(node.value, str) else ("must not be empty", "")


def _path(_field: Field, node: Node) -> Problem:
    if not isinstance(node.value, str):
        return _must("a path", node)
    if node.value.startswith(("/", "${")) and not any(char.isspace() for char in node.value.split("${")[0]):
        return None
    return "a path begins with /", "addresses come from --env, not from the scenario"


def _name(_field: Field, node: Node) -> Problem:
    if isinstance(node.value, str) and _NAME.fullmatch(node.value):
        return None
    if not isinstance(node.value, str):
        return f"must be a name, this is {a_kind(node.kind)}", "quote it" if node.kind == "number" else ""
    return f"{node.value[:40]!r} is not a name", "lower-case letters, digits, - and _"


def _variable(_field: Field, node: Node) -> Problem:
    problem = variable_problem(node.value) if isinstance(node.value, str) else "must be a name"
    return (problem, "") if problem else None


def _boolean(_field: Field, node: Node) -> Problem:
    if isinstance(node.value, bool):
        return None
    return _must("true or false", node)


def _number(_field: Field, node: Node) -> Problem:
    if isinstance(node.value, int) and not isinstance(node.value, bool) and 0 < node.value <= _MOST_REPEATS:
        return None
    return f"must be a whole number from 1 to {_MOST_REPEATS}", ""


def _count(_field: Field, node: Node) -> Problem:
    if isinstance(node.value, str) and "${" in node.value:
        return None
    whole = isinstance(node.value, int) and not isinstance(node.value, bool) and node.value >= 0
    return None if whole else ("must be a whole number or an expression", "")


def _duration(_field: Field, node: Node) -> Problem:
    try:
        parse_duration(node.value)
    except ValueError as err:
        return str(err), ""
    return None


def _every(field: Field, node: Node) -> Problem:
    return None if node.value == "end" else _duration(field, node)


def _choice(field: Field, node: Node) -> Problem:
    if node.value in field.choices:
        return None
    word = node.value if isinstance(node.value, str) else str(node.plain())[:40]
    near = nearest(word, field.choices)
    return f"{word!r} is not one of {', '.join(field.choices)}", f"did you mean {near}?" if near else ""


def _mapping(_field: Field, node: Node) -> Problem:
    return None if isinstance(node.value, dict) else _must("a mapping", node)


def _list(_field: Field, node: Node) -> Problem:
    return None if isinstance(node.value, tuple) else _must("a list", node)


def _texts(field: Field, node: Node) -> Problem:
    if not isinstance(node.value, tuple):
        return _must("a list of texts", node)
    return next((problem for item in node.items() if (problem := _text(field, item))), None)


def _systems(field: Field, node: Node) -> Problem:
    if problem := _texts(field, node):
        return problem
    for item in node.items():
        if item.value not in tables.ALL_SYSTEMS:
            return f"{item.value!r} is no system", suggestion(str(item.value), tables.ALL_SYSTEMS)
    return None


def _title(_field: Field, node: Node) -> Problem:
    return None if isinstance(node.value, str | dict) else _must("text or {en, ko}", node)


def _outcomes(_field: Field, node: Node) -> Problem:
    if not isinstance(node.value, dict):
        return _must("a mapping such as {200: 1, 409: 19}", node)
    for key, entry in node.entries().items():
        if not re.fullmatch(r"[1-5][0-9]{2}(\|[1-5][0-9]{2})*", key):
            return f"{key!r} is no HTTP status", 'write 200, or "409|429" for either'
        if _count(_field, entry.node):
            return f"how often {key} came must be a whole number or an expression", ""
    return None


def _never(_field: Field, node: Node) -> Problem:
    if node.value is True or (node.value == 0 and not isinstance(node.value, bool)):
        return None
    return "must be true", "never: true"


def _by(_field: Field, node: Node) -> Problem:
    ok = node.value == "none" or isinstance(node.value, dict)
    return (
        None
        if ok
        else ("must be none or a mapping of field to value", "left out, it is the trace id of the step")
    )


def _anything(_field: Field, _node: Node) -> Problem:
    return None


_KINDS: Final[Mapping[str, Callable[[Field, Node], Problem]]] = {
    "text": _text,
    "path": _path,
    "name": _name,
    "variable": _variable,
    "boolean": _boolean,
    "number": _number,
    "count": _count,
    "duration": _duration,
    "every": _every,
    "choice": _choice,
    "mapping": _mapping,
    "variables": _mapping,
    "captures": _mapping,
    "patterns": _mapping,
    "watches": _mapping,
    "invariants": _mapping,
    "expect": _mapping,
    "steps": _list,
    "effects": _list,
    "parts": _list,
    "texts": _texts,
    "systems": _systems,
    "title": _title,
    "outcomes": _outcomes,
    "never": _never,
    "by": _by,
    "pattern": _anything,
    "any": _anything,
}
KINDS: Final = tuple(_KINDS)


def variable_problem(name: str) -> str:
    """Return why `name` cannot be a variable, or an empty text."""
    if not _VARIABLE.fullmatch(name):
        return f"{name!r} is no variable name: use lower-case letters, digits and _"
    if name in _RESERVED:
        return f"{name!r} is set by ccops; choose another name"
    from ccops.smoke.functions import FUNCTIONS

    return f"{name!r} is a function; choose another name" if name in FUNCTIONS else ""
