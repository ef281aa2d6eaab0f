"""Open a PostgreSQL connection."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from ccops.clients.guard import translated

if TYPE_CHECKING:
    from psycopg import AsyncConnection
    from psycopg.rows import DictRow


def errors() -> tuple[type[Exception], ...]:
    """Return what psycopg raises when the server is gone; a wrong query is a ProgrammingError, not here."""
    import psycopg

    return (psycopg.OperationalError, psycopg.InterfaceError, OSError)


@asynccontextmanager
async def open_postgres(
    url: str, *, read_only: bool = True, timeout: float = 5.0, statement_timeout: float = 5.0
) -> AsyncIterator[AsyncConnection[DictRow]]:
    """Yield an autocommit connection whose rows are dicts; the server itself refuses writes if `read_only`.

    Raises Unreachable when the server does not answer or goes away inside the block.
    """
    import psycopg
    from psycopg.rows import dict_row

    options = f"-c statement_timeout={int(statement_timeout * 1000)}"
    if read_only:
        options += " -c default_transaction_read_only=on"
    with translated("postgres", url, errors()):
        connection = await psycopg.AsyncConnection.connect(
            url,
            autocommit=True,
            row_factory=dict_row,
            connect_timeout=max(2, int(timeout)),
            options=options,
            application_name="ccops",
        )
        async with connection:
            yield connection
