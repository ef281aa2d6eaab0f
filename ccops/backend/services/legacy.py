"""The old games socket: every attempt is counted; nothing is ever served on it."""

from __future__ import annotations

import contextlib

from fastapi import WebSocket
from starlette.websockets import WebSocketDisconnect

from ccops.backend import metrics
from ccops.backend.core.clock import iso, now
from ccops.backend.core.config import settings

SUCCESSOR = "/api/realtime/sync"


async def serve(socket: WebSocket) -> None:
    """Refuse the handshake (HTTP 403), or accept, name the successor and close with 1000."""
    metrics.ws_legacy.inc()
    metrics.ws_legacy_by_result.labels("accepted" if settings.enable_legacy_games_ws else "rejected").inc()
    with contextlib.suppress(RuntimeError, WebSocketDisconnect, OSError):
        if not settings.enable_legacy_games_ws:
            await socket.close()
            return
        await socket.accept()
        data = {"successor": SUCCESSOR}
        await socket.send_json({"type": "legacy_notice", "data": data, "timestamp": iso(now())})
        await socket.close(1000, f"use {SUCCESSOR}")
