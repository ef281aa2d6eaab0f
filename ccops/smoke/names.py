"""Find `${variables}` that nothing has set before they are used."""

from __future__ import annotations

from collections.abc import Iterable

from ccops.smoke import expressions, tables
from ccops.smoke.document import Entry, Node
from ccops.smoke.findings import suggestion
from ccops.smoke.functions import FUNCTIONS
from ccops.smoke.reader import Reader, text

_STEP = frozenset(tables.STEP_NAMES)
_ANSWER = frozenset(tables.STEP_NAMES + tables.ANSWER_NAMES)


def check_names(reader: Reader, root: Node) -> None:
    """Record every name that is used before it can be known, walking the file in the order of the run."""
    _Walk(reader).scenario(root)


class _Walk:
    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._known: set[str] = {*FUNCTIONS, *tables.GLOBAL_NAMES}
        self._waiting: dict[str, Node] = {}  # step id -> token of the watch that opens after it
        self._start: list[Node] = []

    def scenario(self, root: Node) -> None:
        for block in ("vars", "secrets"):
            for name, entry in _entries(root, block).items():
                self._use(entry.node, ())
                self._known.add(name)
        self._watches(root)
        self._steps(_items(root, "setup"), frozenset())
        for node in self._start:
            self._use(node, ())
        self._steps(_items(root, "steps"), frozenset())
        for entry in _entries(root, "invariants").values():
            self._use(entry.node, ())
        self._steps(_items(root, "teardown"), frozenset())

    def _watches(self, root: Node) -> None:
        for entry in _entries(root, "watch").values():
            for key, part in entry.node.entries().items():
                if key != "auth":
                    self._use(part.node, ())
            auth, after = entry.node.get("auth"), text(entry.node.get("open_after"))
            if auth is not None and after:
                # Two feeds may open after the same step; both tokens are looked at there.
                self._waiting[f"{after}\0{entry.place.line}"] = auth
            elif auth is not None:
                self._start.append(auth)

    def _steps(self, nodes: Iterable[Node], extra: frozenset[str]) -> None:
        for node in nodes:
            self._step(node, extra)

    def _step(self, node: Node, extra: frozenset[str]) -> None:
        for key, entry in node.entries().items():
            if key in tables.STEP:
                continue
            if key in ("repeat", "race"):
                self._compound(entry.node, extra)
            elif key == "set":
                self._set(entry.node, extra)
            else:
                self._use(entry.node, _STEP | extra)
        if expect := node.get("expect"):
            self._pattern(expect, _ANSWER | extra)
        self._capture(node.get("capture"), extra)
        for effect in _items(node, "effects"):
            self._pattern_free(effect, extra)
            self._capture(effect.get("capture"), extra)
        self._opened(text(node.get("id")))

    def _compound(self, node: Node, extra: frozenset[str]) -> None:
        for key, entry in node.entries().items():
            if key not in ("steps", "as"):
                self._use(entry.node, _STEP | extra)
        self._steps(_items(node, "steps"), extra | {text(node.get("as"))})

    def _set(self, node: Node, extra: frozenset[str]) -> None:
        for name, entry in node.entries().items():
            self._use(entry.node, _STEP | extra)
            self._known.add(name)

    def _pattern_free(self, effect: Node, extra: frozenset[str]) -> None:
        for key, entry in effect.entries().items():
            if key == "match":
                self._pattern(entry.node, _ANSWER | extra)
            elif key != "capture":
                self._use(entry.node, _ANSWER | extra)

    def _capture(self, node: Node | None, extra: frozenset[str]) -> None:
        if node is None:
            return
        for entry in node.entries().values():
            self._use(entry.node, _ANSWER | extra)
        self._known.update(node.entries())

    def _opened(self, step_id: str) -> None:
        for key in [key for key in self._waiting if key.partition("\0")[0] == step_id]:
            self._use(self._waiting.pop(key), ())

    def _pattern(self, node: Node, extra: frozenset[str]) -> None:
        """Check a pattern: its expressions, and the operands of `ref`, which are expressions themselves."""
        self._use(node, extra)
        for ref in _refs(node):
            self._expression(ref, text(ref), extra)

    def _use(self, node: Node, extra: Iterable[str]) -> None:
        """Check every expression below `node`, each at its own place."""
        if isinstance(node.value, str):
            self._text(node, node.value, extra)
        for item in node.items():
            self._use(item, extra)
        for key, entry in node.entries().items():
            self._text(Node(entry.place, key), key, extra)
            self._use(entry.node, extra)

    def _text(self, node: Node, value: str, extra: Iterable[str]) -> None:
        try:
            found = list(expressions.expressions_in(value))
        except expressions.ExpressionError as err:
            self._reader.fail(node.place, err.message)
            return
        for expression in found:
            self._expression(node, expression, extra)

    def _expression(self, node: Node, expression: str, extra: Iterable[str]) -> None:
        known = {*self._known, *extra} - {""}
        try:
            names = expressions.names_in("${" + expression + "}")
        except expressions.ExpressionError as err:
            self._reader.fail(node.place, err.message)
            return
        for name in sorted(names - known):
            hint = (
                suggestion(name, known - set(FUNCTIONS)) or "set it in vars, or capture it in an earlier step"
            )
            self._reader.fail(node.place, f"${{{expression}}}: {name} is not defined here", hint)


def _refs(node: Node) -> list[Node]:
    found = [node for item in node.items() for node in _refs(item)]
    for key, entry in node.entries().items():
        if key == "ref" and len(node.entries()) == 1 and isinstance(entry.node.value, str):
            found.append(entry.node)
        else:
            found += _refs(entry.node)
    return found


def _entries(node: Node, key: str) -> dict[str, Entry]:
    inner = node.get(key)
    return dict(inner.entries()) if inner else {}


def _items(node: Node, key: str) -> tuple[Node, ...]:
    inner = node.get(key)
    return inner.items() if inner else ()
