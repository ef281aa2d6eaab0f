"""Typed access to the nodes of a scenario file that collects findings instead of stopping at the first."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from ccops.smoke import expressions, tables
from ccops.smoke.document import Node
from ccops.smoke.durations import parse_duration
from ccops.smoke.findings import Finding, nearest, suggestion
from ccops.smoke.model import Place, Text
from ccops.smoke.paths import is_path, parse_path
from ccops.smoke.tables import Field, Shape

_NAME = re.compile(tables.NAME_PATTERN)
_VARIABLE = re.compile(tables.VARIABLE_PATTERN)
_RESERVED = frozenset(tables.GLOBAL_NAMES + tables.STEP_NAMES + tables.ANSWER_NAMES)
_MOST_REPEATS: Final = 10_000


class Reader:
    """The findings of one file, and the checks that every block shares."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.findings: list[Finding] = []

    def fail(self, place: Place, message: str, hint: str = "") -> None:
        """Record one error."""
        self.findings.append(Finding(place, message, hint))

    def fields(self, node: Node, shape: Shape, what: str) -> dict[str, Node]:
        """Return the entries of `node` that have a known key and a value of the right kind."""
        if not isinstance(node.value, dict):
            self.fail(node.place, f"{what} must be a mapping, this is {_a(node.kind)}")
            return {}
        found: dict[str, Node] = {}
        for key, entry in node.entries().items():
            field = shape.get(key)
            if field is None:
                self.fail(entry.place, f"unknown key {key!r} in {what}", suggestion(key, shape))
            elif problem := check_kind(field, entry.node):
                self.fail(entry.node.place, f"{key}: {problem[0]}", problem[1])
            else:
                found[key] = entry.node
        for key, field in shape.items():
            if field.required and key not in node.entries():
                self.fail(node.place, f"{what} needs {key!r}")
        return found

    def listed(self, node: Node, what: str) -> tuple[Node, ...]:
        """Return the items of a list."""
        if not isinstance(node.value, tuple):
            self.fail(node.place, f"{what} must be a list, this is {_a(node.kind)}")
        return node.items()

    def title(self, node: Node | None) -> Text:
        """Return a title given as one text or as {en, ko}."""
        if node is None:
            return Text("")
        if isinstance(node.value, str):
            return Text(node.value)
        found = self.fields(node, tables.TEXT_SHAPE, "title")
        return Text(text(found.get("en")), text(found.get("ko")))

    def variables(self, node: Node, what: str) -> dict[str, object]:
        """Return name -> unevaluated value, in the order of the file."""
        values: dict[str, object] = {}
        for key, entry in node.entries().items():
            if problem := variable_problem(key):
                self.fail(entry.place, f"{what}: {problem}")
            values[key] = entry.node.plain()
        return values

    def captures(self, node: Node | None) -> dict[str, object]:
        """Return name -> path, {path, secret} or expression."""
        if node is None:
            return {}
        for entry in node.entries().values():
            self._capture(entry.node)
        return self.variables(node, "capture")

    def _capture(self, node: Node) -> None:
        path: Node | None = node
        if isinstance(node.value, dict):
            shape = {"path": Field("text", required=True), "secret": Field("boolean")}
            path = self.fields(node, shape, "capture").get("path")
        if path is None:
            return
        value = path.value
        if is_path(value):
            try:
                parse_path(str(value))
            except ValueError as err:
                self.fail(path.place, f"capture: {err}")
        elif not (isinstance(value, str) and "${" in value):
            self.fail(
                path.place, "capture: neither a path nor an expression", "write $.field or ${expression}"
            )


def variable_problem(name: str) -> str:
    """Return why `name` cannot be a variable, or an empty text."""
    if not _VARIABLE.fullmatch(name):
        return f"{name!r} is no variable name: use lower-case letters, digits and _"
    if name in _RESERVED:
        return f"{name!r} is set by ccops; choose another name"
    from ccops.smoke.functions import FUNCTIONS

    return f"{name!r} is a function; choose another name" if name in FUNCTIONS else ""


def text(node: Node | None) -> str:
    """Return the text of `node`, or an empty one."""
    return node.value if node is not None and isinstance(node.value, str) else ""


def plain_mapping(node: Node | None) -> dict[str, object]:
    """Return the plain mapping below `node`, or an empty one."""
    plain = node.plain() if node is not None else None
    return plain if isinstance(plain, dict) else {}


Problem = tuple[str, str] | None


def check_kind(field: Field, node: Node) -> Problem:
    """Return (message, hint) when the value of `node` is not of the field's kind."""
    return _KINDS[field.kind](field, node)


def _a(kind: str) -> str:
    return kind if kind in ("text", "nothing") else f"a {kind}"


def _must(what: str, node: Node) -> Problem:
    return f"must be {what}, this is {_a(node.kind)}", ""


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
        return f"must be a name, this is {_a(node.kind)}", "quote it" if node.kind == "number" else ""
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


def expression_problem(value: object) -> str:
    """Return why an expression in the text `value` does not parse, or an empty text."""
    try:
        expressions.names_in(value)
    except expressions.ExpressionError as err:
        return err.message
    return ""
