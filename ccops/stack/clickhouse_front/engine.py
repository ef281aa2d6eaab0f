"""The one engine of this process: open it, run queries on it, close it."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from ccops.core.errors import Refused
from ccops.stack.clickhouse_front.config import Layout, clear_incoming
from ccops.stack.clickhouse_front.errors import from_engine
from ccops.stack.clickhouse_front.handles import Handles, identifier, literal
from ccops.stack.clickhouse_front.loader import Connection, Extension, Result
from ccops.stack.clickhouse_front.query import Answer, Query, Summary
from ccops.stack.clickhouse_front.sql import Insert

# Blocks of these formats can simply follow each other; all others have a header or footer per document.
_BINARY_STREAMS = frozenset({"Native", "RowBinary"})
_TEXT_STREAMS = frozenset({"TabSeparated", "TSV", "CSV", "JSONEachRow"})
# What a text format prints after the rows, which the engine leaves out of its streams.
_AFTER_ROWS = re.compile(rb"totals|extremes", re.IGNORECASE)
# Up to this size a streamed answer is sent whole, so that its errors still become an HTTP status.
_STREAM_START = 1 << 20
_TEXT = "TabSeparated"


class Engine:
    """chdb behind the two verbs the front needs: run and close."""

    def __init__(self, extension: Extension, layout: Layout, database: str) -> None:
        self._connect = partial(_connect, extension, layout)
        self._layout = layout
        self._root = _open_root(extension, layout)  # keeps the engine alive between requests
        self._handles = Handles(self._connect)
        clear_incoming(layout)
        self._scalar(f"CREATE DATABASE IF NOT EXISTS {identifier(database)}")
        self.version, self.timezone = self._scalar("SELECT version(), timezone()").split("\t")

    def run(self, query: Query) -> Answer:
        """Run one query on a handle of its own; raise ServerError with the engine's code."""
        handle = self._handles.take(query.database, query.settings)
        with ExitStack() as unless_kept:
            unless_kept.callback(handle.connection.close)
            try:
                if _streams(query):
                    answer = self._stream(handle.connection, query, unless_kept)
                else:
                    answer = self._whole(handle.connection, query)
            except RuntimeError as error:
                raise from_engine(str(error)) from None
            if not query.statement.keeps_state and answer.more is None:
                unless_kept.pop_all()
                self._handles.give_back(handle)
        if query.statement.verb in {"DROP", "DETACH", "RENAME", "EXCHANGE"}:
            self._handles.drain()  # their USE may name a database that is gone
        return answer

    def cancel_all(self) -> None:
        """Ask every running query to stop (when the grace period of a stop is over)."""
        self._scalar("KILL QUERY WHERE 1 ASYNC")

    def close(self) -> None:
        """Close all handles; with the last one the engine releases its directory."""
        self._handles.drain()
        self._root.close()

    def _whole(self, connection: Connection, query: Query) -> Answer:
        if query.statement.insert is not None:
            return self._insert(connection, query, query.statement.insert)
        result = connection.query(query.statement.text, query.default_format, params=dict(query.params))
        body = result.bytes()
        returns = query.statement.returns_rows
        return Answer(body, _format(query) if returns else None, _read_summary(result, len(body), returns))

    def _insert(self, connection: Connection, query: Query, insert: Insert) -> Answer:
        # Through a file: inline data would be cut where the engine sees the next statement in it.
        descriptor, name = tempfile.mkstemp(dir=self._layout.incoming)
        try:
            with os.fdopen(descriptor, "wb") as payload:
                payload.write(insert.data)
            sql = b"%s FROM INFILE %s %s FORMAT %s" % (
                insert.head.rstrip(),
                literal(name).encode(),
                insert.settings,
                insert.format.encode(),
            )
            result = connection.query(sql, _TEXT, params=dict(query.params))
        finally:
            Path(name).unlink(missing_ok=True)
        rows, size = result.rows_read(), result.bytes_read()
        return Answer(
            summary=Summary(
                rows, size, written_rows=rows, written_bytes=size, elapsed_ns=_nanoseconds(result)
            )
        )

    def _stream(self, connection: Connection, query: Query, owner: ExitStack) -> Answer:
        stream = connection.send_query(query.statement.text, query.default_format, params=dict(query.params))

        def blocks() -> Iterator[bytes]:
            while (block := connection.streaming_fetch_result(stream)) is not None and block.rows_read():
                yield block.bytes()

        rest = blocks()
        begun = bytearray()
        for block in rest:
            begun += block
            if len(begun) >= _STREAM_START:
                owner.callback(connection.streaming_cancel_query, stream)
                return Answer(bytes(begun), _format(query), more=_owned(rest, owner.pop_all()))
        return Answer(bytes(begun), _format(query), Summary(result_bytes=len(begun)))

    def _scalar(self, sql: str) -> str:
        return self._root.query(sql.encode(), _TEXT, params={}).bytes().decode().strip("\n")


def _owned(blocks: Iterator[bytes], owner: ExitStack) -> Generator[bytes, None, None]:
    with owner:
        try:
            yield from blocks
        except RuntimeError as error:
            raise from_engine(str(error)) from None


def _connect(extension: Extension, layout: Layout) -> Connection:
    return extension.connect(f"{layout.database}?config-file={layout.config}")


def _open_root(extension: Extension, layout: Layout) -> Connection:
    try:
        return _connect(extension, layout)
    except RuntimeError as error:
        raise Refused(
            "CLICKHOUSE_ENGINE_REFUSED",
            f"the engine cannot open {layout.root}: {' '.join(str(error).split())}",
            next_step="read the engine's message above; move the data directory away to start empty",
        ) from None


def _streams(query: Query) -> bool:
    if not (query.streaming and query.statement.streams):
        return False
    if _format(query) in _TEXT_STREAMS:
        return "extremes" not in query.settings and _AFTER_ROWS.search(query.statement.text) is None
    return _format(query) in _BINARY_STREAMS


def _format(query: Query) -> str:
    return query.statement.format or query.default_format


def _nanoseconds(result: Result) -> int:
    return int(result.elapsed() * 1_000_000_000)


def _read_summary(result: Result, size: int, returns_rows: bool) -> Summary:
    return Summary(
        read_rows=result.storage_rows_read(),
        read_bytes=result.storage_bytes_read(),
        result_rows=result.rows_read() if returns_rows else 0,
        result_bytes=size if returns_rows else 0,
        elapsed_ns=_nanoseconds(result),
    )
