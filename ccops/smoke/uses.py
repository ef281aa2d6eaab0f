"""What scenarios call, send and read of a service, each with the line it stands on.

A scenario is a client: a field it reads is a field somebody needs. The contract gate asks for this list, so
that a break names the scenario that will fail of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ccops.core.profile import Project
from ccops.smoke.conditions import is_matcher
from ccops.smoke.document import Node, compose, read_text
from ccops.smoke.loader import label_of
from ccops.smoke.paths import is_path, parse_path
from ccops.smoke.tables import METHODS
from ccops.smoke.validate import scenario_files

_EXPRESSION = re.compile(r"\$\{[^}]*\}")
_BODY = re.compile(r"\bbody((?:\.[A-Za-z_]\w*)+)")
_INNER = ("each", "any", "unordered")  # matchers whose operand describes the elements of a list
_BLOCKS = ("setup", "steps", "teardown")


@dataclass(frozen=True, slots=True)
class Use:
    """One use of an operation, a frame or a record.

    target  "POST /api/shop/buy", the path of a WebSocket, or a topic, with `{}` for what varies
    kind    event type of a frame or record; "" for HTTP
    path    "$.user.id", in the body or in the frame; "$" is the call itself
    sends   the scenario writes it, and does not read it
    """

    system: str
    target: str
    kind: str
    path: str
    sends: bool
    file: str
    line: int


def uses(project: Project) -> list[Use]:
    """Return the uses of every scenario of the project; a file that can't be read uses nothing."""
    found: dict[Use, None] = {}
    for path in scenario_files(project):
        label = label_of(path, project.root)
        text, wrong = read_text(path, label)
        root, _ = compose(text, label) if not wrong else (None, [])
        if root is not None:
            found |= dict.fromkeys(_scenario(root))
    return list(found)


def _scenario(root: Node) -> Iterator[Use]:
    watches = {
        name: entry.node for name, entry in (root.get("watch") or Node(root.place, {})).entries().items()
    }
    for block in _BLOCKS:
        yield from _steps(root.get(block), watches)


def _steps(block: Node | None, watches: Mapping[str, Node]) -> Iterator[Use]:
    for step in block.items() if block else ():
        if http := step.get("http"):
            yield from _http(http, step)
        for loop in ("repeat", "race"):
            if inner := step.get(loop):
                yield from _steps(inner.get("steps"), watches)
        if (ws := step.get("ws")) and (send := ws.get("send")):
            yield from _sent_frame(ws, watches.get(str(send.value)))
        effects = step.get("effects")
        for effect in effects.items() if effects else ():
            yield from _effect(effect, watches)


def _http(http: Node, step: Node) -> Iterator[Use]:
    method = next((name for name in METHODS if name in http.entries()), None)
    path = http.get(method) if method else None
    if method is None or path is None or not isinstance(path.value, str):
        return
    target = f"{method.upper()} {_EXPRESSION.sub('{}', path.value).partition('?')[0]}"

    def use(node: Node, at: str, *, sends: bool = False) -> Use:
        return Use("http", target, "", at, sends, node.place.file, node.place.line)

    yield use(path, "$")
    if body := http.get("json"):
        yield from (use(node, at, sends=True) for at, node in _keys(body, "$"))
    expect = step.get("expect")
    for key in ("json", "body"):
        if expect and (pattern := expect.get(key)):
            yield from (use(node, at) for at, node in _pattern(pattern, "$"))
    capture = step.get("capture")
    for entry in capture.entries().values() if capture else ():
        for at in _captured(entry.node):
            yield use(entry.node, at)


def _captured(node: Node) -> Iterator[str]:
    inner = node.get("path") or node
    text = inner.value if isinstance(inner.value, str) else ""
    if is_path(text):
        try:
            yield _joined(parse_path(text))
        except ValueError:
            return
    else:
        yield from (f"${found}" for found in _BODY.findall(text))


def _joined(keys: tuple[str | int, ...]) -> str:
    return "$" + "".join("[*]" if isinstance(key, int) else _below(key) for key in keys)


def _effect(effect: Node, watches: Mapping[str, Node]) -> Iterator[Use]:
    where, match = effect.get("where"), effect.get("match")
    watch = watches.get(str(where.value)) if where else None
    if watch is None or match is None:
        return
    topics, frame = watch.get("kafka"), match
    if topics is not None:
        frame = match.get("value") or match
    for kind in _kinds(frame):
        for at, node in _pattern(frame, "$"):
            for system, target in _targets(watch):
                yield Use(system, target, kind, at, False, node.place.file, node.place.line)


def _sent_frame(ws: Node, watch: Node | None) -> Iterator[Use]:
    frame = ws.get("json")
    for kind in _kinds(frame) if frame and watch else ():
        for at, node in _keys(frame, "$") if frame else ():
            for system, target in _targets(watch) if watch else ():
                yield Use(system, target, kind, at, True, node.place.file, node.place.line)


def _targets(watch: Node) -> Iterator[tuple[str, str]]:
    if (socket := watch.get("ws")) is not None:
        yield "ws", str(socket.value).partition("?")[0]
    topics = watch.get("kafka")
    for topic in topics.items() if topics else ():
        yield "kafka", _EXPRESSION.sub("{}", str(topic.value))


def _kinds(frame: Node | None) -> list[str]:
    """Return the event types a pattern names: a text, or the texts of `{in: [...]}`."""
    kind = frame.get("type") if frame else None
    listed = kind.get("in") if kind else None
    nodes = listed.items() if listed else (kind,) if kind else ()
    return [node.value for node in nodes if isinstance(node.value, str) and not node.value.startswith("$")]


def _keys(node: Node, at: str) -> Iterator[tuple[str, Node]]:
    """Yield the path of every value that is sent, with the node that stands there."""
    for item in node.items():
        yield from _keys(item, f"{at}[*]")
    for name, entry in node.entries().items():
        yield from _keys(entry.node, f"{at}{_below(name)}")
    if at != "$" and not node.items() and not node.entries():
        yield at, node


def _pattern(node: Node, at: str) -> Iterator[tuple[str, Node]]:
    """Yield every path that a pattern looks at, and not the objects on the way there.

    Who reads `$.user.id` does not need `$.user.name`.
    """
    inside = list(_inside(node, at))
    if at != "$" and not inside and node.value != "$absent":
        yield at, node
    yield from inside


def _inside(node: Node, at: str) -> Iterator[tuple[str, Node]]:
    for item in node.items():
        yield from _pattern(item, f"{at}[*]")
    entries = node.entries()
    plain = node.plain()
    if len(entries) == 1 and (key := next(iter(entries))) in ("$exact", "$object"):
        yield from _inside(entries[key].node, at)
    elif isinstance(plain, dict) and is_matcher(plain):
        for name in _INNER:
            if (operand := node.get(name)) is not None:
                yield from _pattern(operand, at if operand.items() else f"{at}[*]")
    else:
        for name, entry in entries.items():
            yield from _pattern(entry.node, f"{at}{_below(name)}")


def _below(key: str) -> str:
    return f".{key}" if key.isidentifier() else f"[{key!r}]"
