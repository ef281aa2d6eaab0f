"""One pure ASGI middleware: ids, metrics, timing, the last net under an exception."""

from __future__ import annotations

import logging
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ccops.backend import metrics
from ccops.backend.core import context, handlers

log = logging.getLogger("ccops.backend.http")
_STREAM = b"text/event-stream; charset=utf-8"


class RequestContext:
    """Sets the request's ids, counts it, times it, and turns the unexpected into our error body."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        ids = context.new(
            headers.get(b"traceparent", b"").decode("latin-1"),
            headers.get(b"x-request-id", b"").decode("latin-1"),
        )
        context.enter(ids)
        status = 500
        started, streaming = time.perf_counter(), 0.0

        async def send_with_ids(message: Message) -> None:
            nonlocal status, streaming
            if message["type"] == "http.response.start":
                status = message["status"]
                if (b"content-type", _STREAM) in message.get("headers", ()):
                    streaming = time.perf_counter()  # an open stream has been answered, however long it is
                message["headers"] = [
                    *message.get("headers", ()),
                    (b"x-request-id", ids.request_id.encode()),
                    (b"x-trace-id", ids.trace_id.encode()),
                ]
            await send(message)

        method = scope["method"] if scope["method"] in metrics.METHODS else "OTHER"
        with metrics.in_progress.labels(method).track_inprogress():
            try:
                await self.app(scope, receive, send_with_ids)
            except Exception:  # the last net: the body must keep its shape
                log.exception("unexpected error request_id=%s trace_id=%s", ids.request_id, ids.trace_id)
                await handlers.unexpected()(scope, receive, send_with_ids)
        route = scope.get("route")
        handler = getattr(route, "path", None) or "none"
        metrics.requests.labels(handler, method, str(status)).inc()
        metrics.duration.labels(handler, method).observe((streaming or time.perf_counter()) - started)
