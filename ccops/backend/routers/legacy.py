"""The old games socket, kept only so that it can be seen who still calls it."""

from __future__ import annotations

from fastapi import APIRouter, WebSocket

from ccops.backend.services import legacy

router = APIRouter(tags=["realtime"])


@router.websocket("/ws/games")
async def games(socket: WebSocket) -> None:
    """Name the channel to use instead, where `ENABLE_LEGACY_GAMES_WS` is set; refuse with 403 elsewhere."""
    await legacy.serve(socket)
