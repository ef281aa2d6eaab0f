"""Open an HTTP client for one base URL."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import cache
from typing import TYPE_CHECKING

from ccops.clients.guard import translated

if TYPE_CHECKING:
    import httpx


@cache
def tls(secure: bool) -> ssl.SSLContext:
    """Return the one context of the process: loading the CA bundle costs 60 ms and plain HTTP needs none."""
    return ssl.create_default_context() if secure else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def limits() -> httpx.Limits:
    """Return how long connections are kept: shorter than any server does.

    uvicorn closes after 5 s, which is httpx's default too: a request that meets the close on its way gets no
    answer, and nobody can say whether it was carried out.
    """
    import httpx

    return httpx.Limits(keepalive_expiry=2.0)


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
            limits=limits(),
            follow_redirects=False,
        ) as client:
            yield client


@contextmanager
def open_client(
    system: str,
    url: str,
    path: str = "",
    *,
    timeout: float = 5.0,
    transport: httpx.BaseTransport | None = None,
) -> Iterator[httpx.Client]:
    """Yield a blocking client whose paths start after `path` of `system`, which names it in errors.

    Raises Unreachable for whatever goes wrong inside; after raise_for_status an error status does too.
    """
    import httpx

    with translated(system, url, (httpx.HTTPError, httpx.InvalidURL)):
        with httpx.Client(
            base_url=url.rstrip("/") + path,
            timeout=timeout,
            verify=tls(url.startswith("https:")),
            trust_env=False,
            limits=limits(),
            transport=transport,
        ) as client:
            yield client
