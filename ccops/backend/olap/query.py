"""Questions to ClickHouse from the event loop: one HTTP request each, and never longer than told.

The backend asks rarely, so it keeps no connection and loads no driver for it.
"""

from __future__ import annotations

import asyncio
from importlib import import_module
from urllib.parse import unquote, urlsplit

import orjson

from ccops.backend.core.config import settings
from ccops.backend.olap.clickhouse_client import StoreDown

Row = dict[str, object]


async def rows(query: str, *, within_s: float) -> list[Row]:
    """Return the answer's rows. Raises StoreDown when ClickHouse does not give one in time."""
    await asyncio.to_thread(import_module, "httpx")  # a tenth of a second, once
    import httpx

    url = urlsplit(settings.clickhouse_url)
    database = url.path.strip("/") or "casino"
    headers = {
        "X-ClickHouse-User": unquote(url.username or "default"),
        "X-ClickHouse-Key": unquote(url.password or ""),
    }
    target = f"{url.scheme}://{url.hostname}:{url.port or 8123}/"
    try:
        async with (
            asyncio.timeout(within_s),
            # Reading the machine's certificates takes longer than the question, and http needs none.
            httpx.AsyncClient(trust_env=False, verify=url.scheme == "https") as client,
        ):
            answer = await client.post(
                target,
                params={"database": database, "output_format_json_quote_64bit_integers": "0"},
                headers=headers,
                content=f"{query} FORMAT JSONEachRow",
            )
    except (httpx.HTTPError, OSError, TimeoutError) as error:
        raise StoreDown(type(error).__name__) from error
    if answer.status_code != 200:
        raise StoreDown(f"HTTP {answer.status_code}: {answer.text[:200]}")
    return [orjson.loads(line) for line in answer.content.splitlines()]
