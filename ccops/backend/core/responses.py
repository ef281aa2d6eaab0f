"""JSON answers through orjson, and stored answers byte for byte."""

from __future__ import annotations

import orjson
from fastapi.responses import JSONResponse
from starlette.responses import Response


class JSON(JSONResponse):
    """A JSON answer encoded by orjson."""

    def render(self, content: object) -> bytes:
        return orjson.dumps(content)


def stored(status: int, body: bytes, *, replayed: bool) -> Response:
    """Return the bytes a SQL function made; a replay says so in `Idempotent-Replayed`."""
    headers = {"Idempotent-Replayed": "true"} if replayed else {}
    return Response(body, status, headers, media_type="application/json")
