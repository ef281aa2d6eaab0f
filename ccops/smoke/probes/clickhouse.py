"""ClickHouse rows; the blocking client is used in threads."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, cast

from ccops.clients.clickhouse import errors, open_clickhouse
from ccops.clients.guard import unreachable
from ccops.smoke.probes.base import Look, Observation, Polled, QueryFailed, narrowed, plain, row_evidence

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client


class ClickhouseProbe(Polled):
    """Rows of one query; `{trace:String}` and the source's `params` are bound by the server."""

    system = "clickhouse"

    def __init__(self, client: Client, url: str) -> None:
        self._client, self._url = client, url

    async def observe(self, look: Look) -> Sequence[Observation]:
        """Return the rows now. Raises QueryFailed with ClickHouse's sentence for a wrong query."""
        query = str(look.source.get("query", ""))
        params = look.source.get("params")
        rows = await self.rows(
            query, {**(params if isinstance(params, Mapping) else {}), "trace": look.trace}
        )
        found = [Observation(row, row_evidence(row, query, place)) for place, row in enumerate(rows, 1)]
        return narrowed(found, look.by)

    async def rows(self, query: str, params: Mapping[str, object]) -> list[dict[str, object]]:
        """Return the rows of `query` as dicts."""
        from clickhouse_connect.driver.exceptions import ClickHouseError

        used = {name: value for name, value in params.items() if "{" + name + ":" in query}
        try:
            result = await asyncio.to_thread(self._client.query, query, parameters=used)
        except errors() as error:
            raise unreachable("clickhouse", self._url, error) from None
        except ClickHouseError as error:
            raise QueryFailed(" ".join(str(error).split())[:300]) from None
        return [cast("dict[str, object]", plain(row)) for row in result.named_results()]


@asynccontextmanager
async def open_clickhouse_probe(url: str) -> AsyncIterator[ClickhouseProbe]:
    """Yield a probe on its own client."""
    async with open_clickhouse(url) as client:
        yield ClickhouseProbe(client, url)
