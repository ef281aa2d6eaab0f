"""PostgreSQL rows. The connection is read-only by the server's own setting."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, cast

from ccops.clients.guard import unreachable
from ccops.clients.postgres import errors, open_postgres
from ccops.smoke.probes.base import Look, Observation, Polled, QueryFailed, narrowed, plain, row_evidence

if TYPE_CHECKING:
    from psycopg import AsyncConnection
    from psycopg.rows import DictRow

# Quoted text, comments and casts come first: a `:name` inside them is no parameter.
_TOKEN = re.compile(
    r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|/\*.*?\*/|(\$\w*\$).*?\1|::|:(?P<name>[A-Za-z_]\w*)|%",
    re.DOTALL,
)


def named(query: str) -> tuple[str, tuple[str, ...]]:
    """Return `query` with `:name` as psycopg's `%(name)s`, every other % doubled, and the names used."""
    names: list[str] = []

    def swap(found: re.Match[str]) -> str:
        name = found["name"]
        if name is None:
            return found[0].replace("%", "%%")
        names.append(name)
        return f"%({name})s"

    return _TOKEN.sub(swap, query), tuple(dict.fromkeys(names))


class SqlProbe(Polled):
    """Rows of one query; `:trace` and the source's `params` are sent as parameters, never pasted."""

    system = "sql"

    def __init__(self, connection: AsyncConnection[DictRow], url: str) -> None:
        self._connection, self._url = connection, url
        self._turn = asyncio.Lock()

    async def observe(self, look: Look) -> Sequence[Observation]:
        """Return the rows now. Raises QueryFailed with PostgreSQL's sentence for a wrong query."""
        query = str(look.source.get("query", ""))
        params = look.source.get("params")
        rows = await self.rows(
            query, {**(params if isinstance(params, Mapping) else {}), "trace": look.trace}
        )
        found = [Observation(row, row_evidence(row, query, place)) for place, row in enumerate(rows, 1)]
        return narrowed(found, look.by)

    async def rows(self, query: str, params: Mapping[str, object]) -> list[dict[str, object]]:
        """Return the rows of `query`; a statement without rows gives an empty list."""
        import psycopg

        text, names = named(query)
        if missing := [name for name in names if name not in params]:
            raise QueryFailed(f"no value for :{', :'.join(missing)}")
        values = {name: params[name] for name in names}
        try:
            async with self._turn, self._connection.cursor() as cursor:
                await cursor.execute(text.encode(), values)
                rows = await cursor.fetchall() if cursor.description else []
        except errors() as error:
            if self._connection.closed or self._connection.broken:
                raise unreachable("postgres", self._url, error) from None
            raise QueryFailed(str(error).splitlines()[0]) from None
        except psycopg.Error as error:
            raise QueryFailed(str(error).splitlines()[0]) from None
        return [cast("dict[str, object]", plain(row)) for row in rows]


@asynccontextmanager
async def open_sql_probe(url: str, *, read_only: bool = True) -> AsyncIterator[SqlProbe]:
    """Yield a probe on its own connection."""
    async with open_postgres(url, read_only=read_only) as connection:
        yield SqlProbe(connection, url)
