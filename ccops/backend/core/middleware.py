"""One pure ASGI middleware: ids, metrics, timing, the last net under an exception."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from functools import lru_cache

from prometheus_client import Counter, Gauge, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ccops.backend import metrics
from ccops.backend.core import context, handlers

log = logging.getLogger("ccops.backend.http")
_FAILURES = (500, 503)
_STREAM = b"text/event-stream; charset=utf-8"


# Finding the child of some labels costs more than counting: routes, methods and statuses are few.
@lru_cache(maxsize=len(metrics.METHODS))
def _in_progress(method: str) -> Gauge:
    return metrics.in_progress.labels(method)


@lru_cache(maxsize=2_000)
def _requests(handler: str, method: str, status: int) -> Counter:
    return metrics.requests.labels(handler, method, str(status))


@lru_cache(maxsize=1_000)
def _duration(handler: str, method: str) -> Histogram:
    return metrics.duration.labels(handler, method)


def expect(path: str, methods: Iterable[str]) -> None:
    """Let the server errors of a route start at 0: no rule sees the first increment of a series that was not.

    A rule on a single 500 of `/api/auth/signup` would sleep through it.
    """
    for method in methods:
        for status in _FAILURES:
            _requests(path, method, status)


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
        in_progress = _in_progress(method)
        in_progress.inc()
        try:
            await self.app(scope, receive, send_with_ids)
        except Exception:  # the last net: the body must keep its shape
            log.exception("unexpected error request_id=%s trace_id=%s", ids.request_id, ids.trace_id)
            await handlers.unexpected()(scope, receive, send_with_ids)
        finally:
            in_progress.dec()
        route = scope.get("route")
        handler = getattr(route, "path", None) or "none"
        _requests(handler, method, status).inc()
        _duration(handler, method).observe((streaming or time.perf_counter()) - started)
