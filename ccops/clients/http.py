"""Open an HTTP client for one base URL."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from typing import TYPE_CHECKING

from ccops.clients.guard import translated

if TYPE_CHECKING:
    import httpx


@cache
def tls(secure: bool) -> ssl.SSLContext:
    """Return the one context of the process: loading the CA bundle costs 60 ms and plain HTTP needs none."""
    return ssl.create_default_context() if secure else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def errors() -> tuple[type[Exception], ...]:
    """Return what httpx raises when the other side can't be reached or talked to."""
    import httpx

    return (httpx.TransportError, httpx.InvalidURL)


@asynccontextmanager
async def open_http(base_url: str, *, timeout: float = 10.0) -> AsyncIterator[httpx.AsyncClient]:
    """Yield an `httpx.AsyncClient` for `base_url`. Proxies of the environment are not used: targets are ours.

    Raises Unreachable for transport errors that leave the block.
    """
    import httpx

    with translated("http", base_url, errors()):
        async with httpx.AsyncClient(
            base_url=base_url,
            timeout=httpx.Timeout(timeout, connect=5.0),
            verify=tls(base_url.startswith("https:")),
            trust_env=False,
            follow_redirects=False,
        ) as client:
            yield client
