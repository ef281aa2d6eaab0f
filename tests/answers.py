"""Which declared answers did the tests really see? Every httpx client of this process is listened to."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from ccops.core.bundle import packaged_contract

OPENAPI: dict[str, Any] = json.loads((packaged_contract() / "openapi.json").read_text(encoding="utf-8"))
# The same function behind two paths: what one of them answered, both can.
ALIASES = {
    "POST /api/auth/register": "POST /api/auth/signup",
    "GET /api/users/profile": "GET /api/users/me",
}
# What the application declares for all routes at once and one of them can't give, each with its reason.
EXCLUDED = {
    ("GET /health", 503, "STORE_UNAVAILABLE"): "it asks no store: a live process answers",
    ("POST /api/payments/webhook/{provider}", 400, "BAD_REQUEST"): "said to a client that has hung up",
}
Answer = tuple[str, int, str]  # operation, status, error code ("" for a success)


@dataclass(frozen=True)
class Operation:
    """One operation of the OpenAPI document."""

    name: str
    method: str
    path: str
    spec: dict[str, Any] = field(repr=False, compare=False)
    regex: re.Pattern[str] = field(repr=False, compare=False)

    @property
    def secured(self) -> bool:
        return bool(self.spec.get("security"))

    def declares(self, code: str) -> bool:
        return any(code in answer.get("x-codes", ()) for answer in self.spec["responses"].values())

    def answers(self) -> Iterator[Answer]:
        """Yield every declared answer."""
        for status, answer in self.spec["responses"].items():
            for code in answer.get("x-codes") or [""]:
                yield self.name, int(status), code


def operations() -> list[Operation]:
    """Return every operation, literal paths before templates."""
    found = [
        Operation(
            f"{method.upper()} {path}",
            method.upper(),
            path,
            spec,
            re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path))),
        )
        for path, methods in OPENAPI["paths"].items()
        for method, spec in methods.items()
    ]
    return sorted(found, key=lambda one: one.path.count("{"))


OPERATIONS = operations()


def operation_of(method: str, path: str) -> Operation | None:
    """Return the operation that a request goes to."""
    return next((one for one in OPERATIONS if one.method == method and one.regex.fullmatch(path)), None)


@dataclass
class Seen:
    """Every answer seen so far, and those that nobody declared, each with an example."""

    answers: set[Answer] = field(default_factory=set)
    undeclared: dict[Answer, str] = field(default_factory=dict)

    def hear(self, answer: httpx.Response) -> None:
        """Remember one answer."""
        found = operation_of(answer.request.method, answer.request.url.path)
        if found is None or "X-Request-Id" not in answer.headers:
            return  # not of the backend: a worker has a /health too
        name = ALIASES.get(found.name, found.name)
        seen = (name, answer.status_code, code_of(answer))
        self.answers.add(seen)
        if seen not in {(name, status, code) for _, status, code in found.answers()}:
            self.undeclared.setdefault(seen, f"{answer.request.method} {answer.request.url.path}")

    def missing(self) -> list[Answer]:
        """Return the declared answers that nothing produced."""
        declared = {
            (ALIASES.get(name, name), status, code)
            for one in OPERATIONS
            for name, status, code in one.answers()
        }
        return sorted(declared - self.answers - EXCLUDED.keys())


def code_of(answer: httpx.Response) -> str:
    """Return the error code of an answer, or an empty text."""
    if answer.status_code < 400 or not answer.is_closed:
        return ""
    try:
        return str(answer.json()["error"]["code"])
    except (ValueError, KeyError, TypeError):
        return ""


@contextmanager
def listening() -> Iterator[Seen]:
    """Hear every answer that any httpx client of this process gets."""
    seen = Seen()
    sync, later = httpx.Client.send, httpx.AsyncClient.send

    def send(self: httpx.Client, request: httpx.Request, **more: Any) -> httpx.Response:
        answer = sync(self, request, **more)
        seen.hear(answer)
        return answer

    async def asend(self: httpx.AsyncClient, request: httpx.Request, **more: Any) -> httpx.Response:
        answer = await later(self, request, **more)
        seen.hear(answer)
        return answer

    httpx.Client.send, httpx.AsyncClient.send = send, asend  # type: ignore[assignment, method-assign]
    try:
        yield seen
    finally:
        httpx.Client.send, httpx.AsyncClient.send = sync, later  # type: ignore[method-assign]
