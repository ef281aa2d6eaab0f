"""Open a WebSocket."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from ccops.clients.guard import translated

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection


def errors() -> tuple[type[Exception], ...]:
    """Return what websockets raises when the handshake is refused or the connection is lost."""
    from websockets.exceptions import WebSocketException

    return (WebSocketException, OSError, TimeoutError)


def ws_url(http_url: str, path: str) -> str:
    """Return the ws:// form of `path` below an http:// base."""
    return "ws" + http_url.removesuffix("/").removeprefix("http") + path


@asynccontextmanager
async def open_ws(
    url: str, *, subprotocols: Sequence[str] = (), timeout: float = 5.0
) -> AsyncIterator[ClientConnection]:
    """Yield a connection to `url`; a bearer token travels in `subprotocols`, never in the URL.

    Raises Unreachable when the handshake fails or the connection breaks inside the block.
    """
    from websockets.asyncio.client import connect
    from websockets.typing import Subprotocol

    with translated("ws", url, errors()):
        async with connect(
            url,
            subprotocols=[Subprotocol(name) for name in subprotocols] or None,
            open_timeout=timeout,
            close_timeout=1.0,
            ping_interval=10.0,
            ping_timeout=10.0,
            compression=None,
            proxy=None,
            max_queue=None,
        ) as connection:
            yield connection
