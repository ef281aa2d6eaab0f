"""Typed access to the nodes of a scenario file that collects findings instead of stopping at the first."""

from __future__ import annotations

from ccops.smoke import expressions, tables
from ccops.smoke.document import Node
from ccops.smoke.findings import Finding, suggestion
from ccops.smoke.kinds import a_kind, check_kind, variable_problem
from ccops.smoke.model import Place, Text
from ccops.smoke.paths import is_path, parse_path
from ccops.smoke.tables import Field, Shape


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
            self.fail(node.place, f"{what} must be a mapping, this is {a_kind(node.kind)}")
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
            self.fail(node.place, f"{what} must be a list, this is {a_kind(node.kind)}")
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


def text(node: Node | None) -> str:
    """Return the text of `node`, or an empty one."""
    return node.value if node is not None and isinstance(node.value, str) else ""


def plain_mapping(node: Node | None) -> dict[str, object]:
    """Return the plain mapping below `node`, or an empty one."""
    plain = node.plain() if node is not None else None
    return plain if isinstance(plain, dict) else {}


def expression_problem(value: object) -> str:
    """Return why an expression in the text `value` does not parse, or an empty text."""
    try:
        expressions.names_in(value)
    except expressions.ExpressionError as err:
        return err.message
    return ""
