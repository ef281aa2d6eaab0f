"""A ceiling for request bodies, so that nobody fills our memory with JSON."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY = 256 * 1024


class BodyLimit:
    """Refuses bodies above MAX_BODY, announced or counted, as 413 PAYLOAD_TOO_LARGE.

    It raises where the body is read: a route without a body never notices, and the usual handler answers.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        too_large = announced.isdigit() and (len(announced) > 9 or int(announced) > MAX_BODY)
        taken = 0

        async def limited() -> Message:
            nonlocal taken
            if too_large:
                raise HTTPException(413)
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > MAX_BODY:
                raise HTTPException(413)
            return message

        await self.app(scope, limited, send)
