"""Open Prometheus' query API."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager
from typing import TYPE_CHECKING

from ccops.clients.guard import translated, unreachable
from ccops.clients.http import open_client

if TYPE_CHECKING:
    import httpx
    from prometheus_api_client import PrometheusConnect


def errors() -> tuple[type[Exception], ...]:
    """Return what the client raises, its transport's errors included."""
    import requests
    from prometheus_api_client.exceptions import PrometheusApiClientException

    return (requests.RequestException, PrometheusApiClientException)


@asynccontextmanager
async def open_prometheus(url: str, *, timeout: float = 5.0) -> AsyncIterator[PrometheusConnect]:
    """Yield the blocking client after a first query; call its methods by `asyncio.to_thread`.

    Raises Unreachable when Prometheus does not answer or goes away inside the block.
    """
    from prometheus_api_client import PrometheusConnect

    with translated("prometheus", url, errors()):
        client = PrometheusConnect(url=url, timeout=int(max(timeout, 1)))
        # The client's own check asks for the page for people, which a server may come without, or elsewhere.
        try:
            await asyncio.to_thread(client.custom_query, "vector(1)")
        except (KeyError, TypeError) as err:  # JSON, but of something else
            raise unreachable("prometheus", url, ConnectionError("no answer of its query API")) from err
        yield client


def open_api(
    url: str, *, timeout: float = 5.0, transport: httpx.BaseTransport | None = None
) -> AbstractContextManager[httpx.Client]:
    """Yield a blocking client whose paths start at the root. Raises Unreachable for what fails inside."""
    return open_client("prometheus", url, timeout=timeout, transport=transport)
