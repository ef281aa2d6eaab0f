"""Open Alertmanager's API v2."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from ccops.clients.http import open_client

if TYPE_CHECKING:
    import httpx


def open_alertmanager(
    url: str, *, timeout: float = 5.0, transport: httpx.BaseTransport | None = None
) -> AbstractContextManager[httpx.Client]:
    """Yield a client whose paths start after /api/v2. Raises Unreachable for whatever goes wrong inside."""
    return open_client("alertmanager", url, "/api/v2", timeout=timeout, transport=transport)
