"""Read a contract document, or say why not. What comes in is hostile until it was measured.

Limits: 64 MiB, nesting 120, three million nodes after YAML aliases are counted out. Nothing is fetched from
a network here: a caller that allows it passes `fetch`.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from ccops.core.errors import UsageError

MAX_BYTES = 64 * 1024 * 1024
MAX_DEPTH = 120
MAX_NODES = 3_000_000
EXTERNAL = "x-ccops-external"
_OUTSIDE = re.compile(rb"""\$ref["']?\s*:\s*["']?[^#"'\s{\[]""")
_HALF = re.compile(r"\\[uU](?:0000)?[dD][89a-fA-F]")
Fetch = Callable[[str], bytes]


@dataclass(frozen=True, slots=True, eq=False)
class Document:
    """A parsed document. `version` is (3, 0) or (3, 1) for OpenAPI, (3, 0) for AsyncAPI.

    digest  equal for equal content; "" where the bytes alone do not say what the document holds
    """

    data: Mapping[str, object]
    name: str
    kind: str  # "openapi" or "asyncapi"
    version: tuple[int, int]
    digest: str = field(default="")


def bad(code: str, name: str, pointer: str, what: str, *, next_step: str = "") -> UsageError:
    """Return the error for something wrong at `pointer` of file `name`."""
    return UsageError(code, what, evidence=f"{name}: {pointer or '/'}", next_step=next_step)


def step(pointer: str, key: object) -> str:
    """Return the JSON pointer one level below `pointer`."""
    return f"{pointer}/{str(key).replace('~', '~0').replace('/', '~1')}"


def load(source: str | Path | bytes, *, name: str = "", fetch: Fetch | None = None) -> Document:
    """Read a file (or bytes), JSON or YAML. Raises UsageError (exit 2) with file and pointer."""
    base: Path | None = None
    if isinstance(source, bytes):
        content, name = source, name or "(input)"
    else:
        path = Path(source)
        name, base = name or str(source), path.parent
        content = read_file(path, name)
    data = parse(content, name)
    digest = hashlib.sha256(content).hexdigest()
    if _OUTSIDE.search(content):
        from ccops.contract.external import bundle

        data, digest = bundle(data, name, base, fetch), ""  # the same bytes may lead to other files
    return document(data, name=name, digest=digest)


def load_pair(
    old: str | Path | bytes, new: str | Path | bytes, *, fetch: Fetch | None = None
) -> tuple[Document, Document]:
    """Read both sides; the same bytes are parsed once."""
    contents = [one if isinstance(one, bytes) else read_file(Path(one), str(one)) for one in (old, new)]
    first = load(old, fetch=fetch)
    if contents[0] != contents[1] or not first.digest:
        return first, load(new, fetch=fetch)
    name = "(input)" if isinstance(new, bytes) else str(new)
    return first, Document(first.data, name, first.kind, first.version, first.digest)


def document(data: object, *, name: str = "(document)", digest: str = "") -> Document:
    """Say what kind of document `data` is. Raises UsageError for one we can't compare."""
    if not isinstance(data, Mapping):
        raise bad("CONTRACT_SHAPE", name, "", f"a contract is an object, this is {kind_of(data)}")
    keys = [key for key in ("openapi", "asyncapi", "swagger") if key in data]
    if len(keys) != 1:
        what = (
            f"the document says it is {' and '.join(keys)} at once"
            if keys
            else "no `openapi` or `asyncapi` key"
        )
        raise bad(
            "CONTRACT_VERSION", name, "", what, next_step="give an OpenAPI 3.0/3.1 or AsyncAPI 3 document"
        )
    written = str(data[keys[0]])
    match = re.fullmatch(r"(\d{1,3})\.(\d{1,3})(\.\d+)?(-[\w.]+)?", written)
    version = (int(match[1]), int(match[2])) if match else (0, 0)
    known = {"openapi": {(3, 0), (3, 1)}, "asyncapi": {(3, 0), (3, 1)}}.get(keys[0], set())
    if version not in known:
        raise bad(
            "CONTRACT_VERSION",
            name,
            step("", keys[0]),
            f"{keys[0]} {written[:40]} is not compared here",
            next_step="OpenAPI 3.0 and 3.1 and AsyncAPI 3 are",
        )
    return Document(data, name, keys[0], version, digest)


def parse(content: bytes, name: str) -> object:
    """Parse JSON or YAML within the limits."""
    if len(content) > MAX_BYTES:
        raise bad("CONTRACT_TOO_BIG", name, "", f"{len(content):,} bytes; the limit is {MAX_BYTES:,}")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise bad("CONTRACT_UNREADABLE", name, "", f"not UTF-8 at byte {error.start}") from None
    start = text.lstrip()[:1]
    if not start:
        raise bad("CONTRACT_UNREADABLE", name, "", "the file is empty")
    try:
        data = _json(text, name) if start in "{[" and not _yaml_flow(text, name) else _yaml(text, name)
    except RecursionError:
        raise bad("CONTRACT_TOO_DEEP", name, "", f"nested deeper than {MAX_DEPTH}") from None
    measure(data, name)
    if _HALF.search(text):
        _whole_texts(data, name)
    return data


def measure(data: object, name: str) -> None:
    """Refuse what would be too deep or, aliases counted out, too big to walk."""
    stack: list[tuple[object, int, tuple[object, object] | None]] = [(data, 0, None)]
    seen = 0
    while stack:
        node, depth, trail = stack.pop()
        if not isinstance(node, (dict, list)):
            break
        if depth > MAX_DEPTH:
            raise bad("CONTRACT_TOO_DEEP", name, _pointer(trail), f"nested deeper than {MAX_DEPTH}")
        for key, child in node.items() if isinstance(node, dict) else enumerate(node):
            kind = type(child)
            if kind is dict or kind is list:
                stack.append((child, depth + 1, (trail, key)))
            elif kind is float and not math.isfinite(child):
                raise bad("CONTRACT_UNREADABLE", name, _pointer((trail, key)), "a number that is not finite")
            if type(key) is _Twice:
                raise bad(
                    "CONTRACT_DUPLICATE_KEY",
                    name,
                    _pointer((trail, key)),
                    f"the key {key!s:.80} is there twice",
                )
        seen += len(node)
        if seen > MAX_NODES:
            raise bad("CONTRACT_TOO_BIG", name, _pointer(trail), f"more than {MAX_NODES:,} nodes")


def _whole_texts(data: object, name: str) -> None:
    """Refuse a text with half of a surrogate pair: JSON can spell it, and nothing can write it again."""
    stack: list[tuple[object, tuple[object, object] | None]] = [(data, None)]
    seen: set[int] = set()
    while stack:
        node, trail = stack.pop()
        if isinstance(node, str):
            if any("\ud800" <= char <= "\udfff" for char in node):
                where = _pointer(trail).encode("utf-8", "replace").decode()
                raise bad("CONTRACT_UNREADABLE", name, where, "a text with half of a surrogate pair")
        elif isinstance(node, (dict, list)) and id(node) not in seen:
            seen.add(id(node))
            for key, child in node.items() if isinstance(node, dict) else enumerate(node):
                stack += [(key, (trail, key)), (child, (trail, key))]


def kind_of(value: object) -> str:
    """Return what JSON calls `value`."""
    names = {dict: "an object", list: "an array", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")


class _Twice(str):
    """A key that its object holds twice."""

    __slots__ = ()


def read_file(path: Path, name: str) -> bytes:
    """Return a file that is not too big. Raises UsageError."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise bad(
                "CONTRACT_TOO_BIG", name, "", f"{path.stat().st_size:,} bytes; the limit is {MAX_BYTES:,}"
            )
        return path.read_bytes()
    except OSError as error:
        raise bad("CONTRACT_UNREADABLE", name, "", f"can't be read: {error.strerror}") from None


def _pointer(trail: tuple[object, object] | None) -> str:
    keys: list[object] = []
    while trail is not None:
        keys.append(trail[1])
        trail = trail[0]  # type: ignore[assignment]  # a linked list: (rest, key)
    result = ""
    for key in reversed(keys):
        result = step(result, key)
    return result


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        keys: set[str] = set()
        for key, _ in pairs:
            if key in keys:
                found[_Twice(f"{key}")] = found.pop(key)
                return {_Twice(name) if name == key else name: value for name, value in found.items()}
            keys.add(key)
    return found


def _yaml(text: str, name: str) -> object:
    from ccops.contract.yamlfile import parse_yaml

    return parse_yaml(text, name)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


def _yaml_flow(text: str, name: str) -> bool:
    """Return whether text that starts with a bracket is YAML flow style: its first key has no quotes."""
    del name
    return re.match(r"\s*\{\s*[A-Za-z]", text) is not None


def _json(text: str, name: str) -> object:
    try:
        return json.loads(text, object_pairs_hook=_once, parse_constant=_refuse)
    except json.JSONDecodeError as error:
        what = f"not JSON: {error.msg} at line {error.lineno}, column {error.colno}"
        raise bad("CONTRACT_UNREADABLE", name, "", what) from None
    except ValueError as error:
        raise bad("CONTRACT_UNREADABLE", name, "", f"not JSON: {error!s:.120}") from None
