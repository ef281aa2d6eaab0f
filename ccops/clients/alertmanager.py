"""Open Alertmanager's API v2."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ccops.clients.guard import translated
from ccops.clients.http import tls

if TYPE_CHECKING:
    import httpx


def errors() -> tuple[type[Exception], ...]:
    """Return what httpx raises; a status that is no success is among them after raise_for_status."""
    import httpx

    return (httpx.HTTPError, httpx.InvalidURL)


@contextmanager
def open_alertmanager(
    url: str, *, timeout: float = 5.0, transport: httpx.BaseTransport | None = None
) -> Iterator[httpx.Client]:
    """Yield a client whose paths start after /api/v2. Raises Unreachable for whatever goes wrong inside."""
    import httpx

    with translated("alertmanager", url, errors()):
        with httpx.Client(
            base_url=url.rstrip("/") + "/api/v2",
            timeout=timeout,
            verify=tls(url.startswith("https:")),
            trust_env=False,
            transport=transport,
        ) as client:
            yield client
