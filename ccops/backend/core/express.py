"""A short way to the busiest routes: plain requests skip what the framework does for unusual ones.

Matching, dependencies and parameters cost a purchase more Python than everything else. A lane does the same
for one shape of request: a bearer token, an idempotency key, a JSON body. It calls the route's own function,
so both ways do the same work. Whatever is not exactly of that shape goes the ordinary way, untouched: every
refusal of a shape is worded there, once.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import orjson
from pydantic import ValidationError
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ccops.backend.core.context import enter_writer
from ccops.backend.core.deps import Idempotency, authenticated, keyed
from ccops.backend.core.errors import ApiError
from ccops.backend.core.handlers import refusal
from ccops.backend.core.limits import MAX_BODY
from ccops.backend.schemas.base import RequestModel

_READ = frozenset({b"authorization", b"idempotency-key", b"content-type", b"content-length"})


@dataclass(frozen=True, slots=True)
class Lane:
    """One POST route: its path, its body, and its function (claims, key, body)."""

    path: str
    model: type[RequestModel]
    run: Callable[..., Awaitable[Response]]


class Express:
    """Answers the plain requests of its lanes; hands on all others."""

    def __init__(self, app: ASGIApp, lanes: Sequence[Lane]) -> None:
        self.app = app
        self._lanes = {lane.path: lane for lane in lanes}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "POST":
            lane = self._lanes.get(scope["path"])
            given = None if lane is None else _given(scope)
            if lane is not None and given is not None:
                message = await receive()
                wanted = _wanted(lane, message)
                if wanted is not None:
                    scope["route"] = lane  # what the request is counted under
                    await (await _answer(lane, *given, wanted))(scope, receive, send)
                    return
                receive = _again(message, receive)
        await self.app(scope, receive, send)


def _given(scope: Scope) -> tuple[str, Idempotency] | None:
    """Return token and key of a plain request; None for any other."""
    found: dict[bytes, bytes] = {}
    for name, value in scope["headers"]:
        if name in _READ:
            if name in found:
                return None
            found[name] = value
    scheme, _, token = found.get(b"authorization", b"").partition(b" ")
    key, length = found.get(b"idempotency-key", b""), found.get(b"content-length", b"")
    if (
        scheme != b"Bearer"
        or not token
        or b" " in token
        or found.get(b"content-type") != b"application/json"
        or not (0 < len(key) <= 255)
        or not (length.isdigit() and len(length) < 9 and int(length) <= MAX_BODY)
    ):
        return None
    return token.decode("latin-1"), Idempotency(key.decode("latin-1"))


def _wanted(lane: Lane, message: Message) -> RequestModel | None:
    """Return the validated body if it came in one piece; None when the ordinary way must look at it."""
    if message["type"] != "http.request" or message.get("more_body"):
        return None
    try:
        return lane.model.model_validate(orjson.loads(message["body"]))
    except (orjson.JSONDecodeError, ValidationError):
        return None


async def _answer(lane: Lane, token: str, key: Idempotency, wanted: RequestModel) -> Response:
    try:
        claims = await authenticated(token)
        enter_writer(claims.user_id)
        return await lane.run(claims, keyed(key), wanted)
    except ApiError as error:
        return refusal(error)


def _again(first: Message, receive: Receive) -> Receive:
    """Return a receive that begins with a message that was taken already."""
    waiting = [first]

    async def replay() -> Message:
        return waiting.pop() if waiting else await receive()

    return replay
