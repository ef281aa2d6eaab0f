"""Values the way parameters and headers carry them: as text, which the reader turns back by its schema."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import quote

from ccops.contract.normalise import frozen
from ccops.contract.oracle import Budget, Oracle

_INTEGER = re.compile(r"-?(0|[1-9]\d{0,30})")
_NUMBER = re.compile(r"-?(0|[1-9]\d{0,30})(\.\d{1,30})?([eE][+-]?\d{1,2})?")


def text(value: object) -> str:
    """Return how a simple value travels."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def readings(value: object) -> Iterator[object]:
    """Yield what a reader could take a value for once it has travelled."""
    if isinstance(value, list):
        yield [text(one) for one in value]
        yield [_best(text(one)) for one in value]
    elif isinstance(value, dict):
        yield {name: text(one) for name, one in value.items()}
        yield {name: _best(text(one)) for name, one in value.items()}
    else:
        yield from ([text(value)], [_best(text(value))])  # a list of one
        yield text(value)
        best = _best(text(value))
        if frozen(best) != frozen(text(value)):
            yield best
    if value is None:
        yield None


def _best(sent: str) -> object:
    if sent in {"true", "false"}:
        return sent == "true"
    if _INTEGER.fullmatch(sent):
        return int(sent)
    return float(sent) if _NUMBER.fullmatch(sent) else sent


def valid(oracle: Oracle, schema: object, value: object, budget: Budget) -> bool:
    """Return whether a value that travels as text can be read as a valid one."""
    return any(oracle.valid(schema, one, budget) for one in readings(value))


def shown(place: str, name: str, value: object) -> str:
    """Return the request line or header that carries a parameter."""
    if isinstance(value, dict):
        sent = "&".join(f"{quote(str(key))}={quote(text(one))}" for key, one in value.items())
        return f"?{sent}" if place == "query" else f"{name}: {sent}"
    parts = (
        [quote(text(one), safe="") for one in value]
        if isinstance(value, list)
        else [quote(text(value), safe="")]
    )
    if place == "query":
        return "?" + "&".join(f"{quote(name)}={one}" for one in parts)
    if place == "path":
        return "/" + ",".join(parts)
    sent = ",".join(text(one) for one in value) if isinstance(value, list) else text(value)
    return f"Cookie: {name}={sent}" if place == "cookie" else f"{name}: {sent}"
