"""What a replay does with each record: entry points of `ccops.kafka.handlers`, or module:function.

A handler takes a `Record` and returns whether it had an effect. False means that it knew the event already:
that is how an idempotent consumer shows.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ccops.core.errors import UsageError

GROUP = "ccops.kafka.handlers"


@dataclass(frozen=True, slots=True)
class Record:
    """One record of a replay; `event_id` comes from the header, else from the JSON value."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: Mapping[str, bytes]

    @property
    def event_id(self) -> str:
        """Return what the event is known by everywhere; its place in the log when it has no id."""
        if found := self.headers.get("event_id"):
            return found.decode(errors="replace")
        try:
            data = json.loads(self.value or b"")
        except ValueError:
            data = None
        named = data.get("event_id") if isinstance(data, dict) else None
        return str(named) if named else f"{self.topic}:{self.partition}:{self.offset}"


Handler = Callable[[Record], bool]


class Counting:
    """The handler when none is named: it only remembers ids, so a repeat in the window shows."""

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def __call__(self, record: Record) -> bool:
        """Return whether the event is seen for the first time."""
        new = record.event_id not in self._seen
        self._seen.add(record.event_id)
        return new


def load_handler(name: str) -> Handler:
    """Return the handler `name`: empty for counting. Raises UsageError when it can't be loaded."""
    if not name:
        return Counting()
    try:
        found = _found(name)
    except Exception as error:  # noqa: BLE001 - importing a stranger's module may raise anything
        raise _unknown(name, f"{type(error).__name__}: {error}") from None
    if not callable(found):
        raise _unknown(name, f"it is a {type(found).__name__} and can't be called")
    handler: Handler = found
    return handler


def _found(name: str) -> object:
    module, colon, attribute = name.partition(":")
    if colon:
        return getattr(importlib.import_module(module), attribute)
    known = {point.name: point for point in importlib.metadata.entry_points(group=GROUP)}
    if name not in known:
        raise LookupError(f"known: {', '.join(sorted(known)) or 'none is installed'}")
    return known[name].load()


def _unknown(name: str, why: str) -> UsageError:
    return UsageError(
        "KAFKA_HANDLER_UNKNOWN",
        f"there is no handler {name}",
        evidence=why,
        next_step=f"an entry point of {GROUP}, or module:function with the module on PYTHONPATH",
    )
