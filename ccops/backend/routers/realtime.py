"""Routes of realtime: the one channel of a player's screen."""

from __future__ import annotations

from fastapi import APIRouter, WebSocket

from ccops.backend.services import realtime

router = APIRouter(prefix="/api/realtime", tags=["realtime"])


@router.websocket("/sync")
async def sync(socket: WebSocket) -> None:
    """Serve the player's event stream; see services/realtime.py for order and close codes."""
    await realtime.serve(socket)
