"""A request for the engine and its answer, free of HTTP."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field

from ccops.stack.clickhouse_front.sql import Statement


@dataclass(frozen=True, slots=True)
class Query:
    """One statement with everything that came along with it."""

    statement: Statement
    query_id: str
    database: str
    settings: Mapping[str, str]
    params: Mapping[str, str]
    default_format: str = "TabSeparated"
    streaming: bool = False


@dataclass(slots=True)
class Summary:
    """What X-ClickHouse-Summary says."""

    read_rows: int = 0
    read_bytes: int = 0
    written_rows: int = 0
    written_bytes: int = 0
    result_rows: int = 0
    result_bytes: int = 0
    elapsed_ns: int = 0


@dataclass(slots=True)
class Answer:
    """A result: whole in `body`, or its beginning in `body` and the rest in `more`."""

    body: bytes = b""
    format: str | None = None
    summary: Summary = field(default_factory=Summary)
    more: Generator[bytes, None, None] | None = None
