"""Handles to the engine, kept warm per database and settings.

SET and USE belong to a handle. A handle is therefore reused only for requests with exactly the same
database and settings, and only after statements that leave no state behind; everything else gets a fresh
one (0.7 ms).
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock

from ccops.stack.clickhouse_front.errors import UNKNOWN_SETTING, ServerError, from_engine
from ccops.stack.clickhouse_front.loader import Connection

_IDLE_LIMIT = 8
_SETTING = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# Different for every request: a handle that carries one is never asked for again.
_ONE_OFF = frozenset({"insert_deduplication_token", "log_comment"})

_Key = tuple[str, tuple[tuple[str, str], ...]]


@dataclass(frozen=True, slots=True)
class Handle:
    """A connection that has had its database and settings applied."""

    connection: Connection
    key: _Key

    @property
    def reusable(self) -> bool:
        """Whether another request could ask for the same settings."""
        return not any(name in _ONE_OFF for name, _ in self.key[1])


class Handles:
    """Hands out handles; thread-safe."""

    def __init__(self, connect: Callable[[], Connection]) -> None:
        self._connect = connect
        self._idle: OrderedDict[int, Handle] = OrderedDict()
        self._lock = Lock()

    def take(self, database: str, settings: Mapping[str, str]) -> Handle:
        """Return a handle with this database and these settings; raise what the engine says about them."""
        key = (database, tuple(settings.items()))
        with self._lock:
            found = next((number for number, handle in self._idle.items() if handle.key == key), None)
            if found is not None:
                return self._idle.pop(found)
        return self._open(key)

    def give_back(self, handle: Handle) -> None:
        """Keep a clean handle for the next request; the longest unused one goes."""
        if not handle.reusable:
            handle.connection.close()
            return
        with self._lock:
            self._idle[id(handle)] = handle
            surplus = self._idle.popitem(last=False)[1] if len(self._idle) > _IDLE_LIMIT else None
        if surplus is not None:
            surplus.connection.close()

    def drain(self) -> None:
        """Close every idle handle (a database may be gone, or the engine is to stop)."""
        with self._lock:
            idle, self._idle = list(self._idle.values()), OrderedDict()
        for handle in idle:
            handle.connection.close()

    def _open(self, key: _Key) -> Handle:
        database, settings = key
        prelude = [f"USE {identifier(database)}"] if database else []
        if settings:
            prelude.append(
                "SET " + ", ".join(f"{_setting(name)} = {literal(value)}" for name, value in settings)
            )
        connection = self._connect()
        try:
            for sql in prelude:
                connection.query(sql.encode(), "TabSeparated", params={})
        except RuntimeError as error:
            connection.close()
            raise from_engine(str(error)) from None
        return Handle(connection, key)


def literal(value: str) -> str:
    """Quote a value as an SQL string."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def identifier(value: str) -> str:
    """Quote a name."""
    return "`" + value.replace("\\", "\\\\").replace("`", "\\`") + "`"


def _setting(name: str) -> str:
    if not _SETTING.fullmatch(name):
        raise ServerError(UNKNOWN_SETTING, f"Setting {name!r} is neither a builtin setting nor a valid name.")
    return name
