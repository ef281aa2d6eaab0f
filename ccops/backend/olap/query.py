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


async def ping(*, within_s: float) -> None:
    """Raise StoreDown when ClickHouse does not answer our account in time. Asked often: it loads nothing."""
    url, (host, port, database, headers) = urlsplit(settings.clickhouse_url), _target()
    lines = [f"POST /?database={database} HTTP/1.0", *(f"{name}: {value}" for name, value in headers.items())]
    body = "\r\n".join([*lines, f"Host: {host}", "Content-Length: 8", "", "SELECT 1"])
    try:
        async with asyncio.timeout(within_s):
            reader, writer = await asyncio.open_connection(host, port, ssl=url.scheme == "https" or None)
            try:
                writer.write(body.encode())
                status = await reader.readline()
            finally:
                writer.close()
    except (OSError, TimeoutError, ValueError) as error:
        raise StoreDown(type(error).__name__) from error
    if status.split(b" ")[1:2] != [b"200"]:
        raise StoreDown(status.decode("latin-1").strip()[:100])


async def rows(query: str, *, within_s: float) -> list[Row]:
    """Return the answer's rows. Raises StoreDown when ClickHouse does not give one in time."""
    await asyncio.to_thread(import_module, "httpx")  # a tenth of a second, once
    import httpx

    scheme, (host, port, database, headers) = urlsplit(settings.clickhouse_url).scheme, _target()
    try:
        async with (
            asyncio.timeout(within_s),
            # Reading the machine's certificates takes longer than the question, and http needs none.
            httpx.AsyncClient(trust_env=False, verify=scheme == "https") as client,
        ):
            answer = await client.post(
                f"{scheme}://{host}:{port}/",
                params={"database": database, "output_format_json_quote_64bit_integers": "0"},
                headers=headers,
                content=f"{query} FORMAT JSONEachRow",
            )
    except (httpx.HTTPError, OSError, TimeoutError) as error:
        raise StoreDown(type(error).__name__) from error
    if answer.status_code != 200:
        raise StoreDown(f"HTTP {answer.status_code}: {answer.text[:200]}")
    return [orjson.loads(line) for line in answer.content.splitlines()]


def _target() -> tuple[str, int, str, dict[str, str]]:
    """Return host, port, database and the headers of our account."""
    url = urlsplit(settings.clickhouse_url)
    account = {
        "X-ClickHouse-User": unquote(url.username or "default"),
        "X-ClickHouse-Key": unquote(url.password or ""),
    }
    return url.hostname or "", url.port or 8123, url.path.strip("/") or "casino", account
