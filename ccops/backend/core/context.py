"""What identifies the running request: ids that go into rows, records, frames and logs."""

from __future__ import annotations

import re
import secrets
from contextvars import ContextVar
from dataclasses import dataclass

_TRACEPARENT = re.compile(r"^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$")
_REQUEST_ID = re.compile(r"^[A-Za-z0-9_-]{8,64}$")


@dataclass(frozen=True, slots=True)
class Context:
    """`trace_id` is 32 hex digits (W3C), `request_id` 8-64 characters."""

    trace_id: str
    request_id: str


_keyed: ContextVar[bool] = ContextVar("ccops_keyed", default=False)
_writer: ContextVar[int | None] = ContextVar("ccops_writer", default=None)
_current: ContextVar[Context | None] = ContextVar("ccops_context", default=None)


def current() -> Context:
    """Return the running request's ids, or fresh ones outside a request."""
    return _current.get() or new("", "")


def enter(context: Context) -> None:
    """Make `context` the current one of this task."""
    _current.set(context)


def mark_keyed() -> None:
    """Note that the running request carries an idempotency key: a twin of it may be running."""
    _keyed.set(True)


def is_keyed() -> bool:
    """Return whether the running request carries an idempotency key that its route reads."""
    return _keyed.get()


def enter_writer(user_id: int | None) -> None:
    """Note whose writes the running request makes; None while it holds its place among them."""
    _writer.set(user_id)


def writer() -> int | None:
    """Return whose writes the running request makes; None for reads, for jobs, and inside a place."""
    return _writer.get()


def new(traceparent: str, request_id: str) -> Context:
    """Return a context from the headers; what is missing or malformed is made anew."""
    match = _TRACEPARENT.match(traceparent)
    trace_id = match[1] if match and set(match[1]) != {"0"} else secrets.token_hex(16)
    return Context(trace_id, request_id if _REQUEST_ID.match(request_id) else secrets.token_hex(8))
