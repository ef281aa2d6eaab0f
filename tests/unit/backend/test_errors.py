"""Error codes: declared once, one shape, and every code that the source names exists."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from contextvars import copy_context
from pathlib import Path

import asyncpg
import httpx
import orjson
import pytest
from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict

from ccops.backend import db
from ccops.backend.core import context, errors, handlers
from ccops.backend.core.limits import MAX_BODY

_BACKEND = Path(errors.__file__).parent.parent


def test_codes_are_unique_upper_snake_case_and_refusals():
    codes = [item.code for item in errors._DECLARED]
    assert len(codes) == len(set(codes))
    assert all(re.fullmatch(r"[A-Z][A-Z_]*[A-Z]", code) for code in codes)
    assert all(400 <= item.status < 600 and item.message.endswith(".") for item in errors._DECLARED)
    assert [item.code for item in errors._DECLARED if item.status == 500] == ["INTERNAL"]


def test_every_code_the_source_raises_or_documents_is_declared():
    named = set(db.CONSTRAINTS.values())
    for path in _BACKEND.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        named |= set(re.findall(r'ApiError\(\s*"([A-Z_]+)"', text))
        for call in re.findall(r"responses\(((?:[^()]|\n)*?)\)", text):
            named |= set(re.findall(r'"([A-Z_]+)"', call))
    for path in (_BACKEND / "sql").rglob("*.sql"):
        text = path.read_text(encoding="utf-8")
        for call in re.findall(r"cc_fail\((.*?)\);", text, re.DOTALL):
            named |= set(re.findall(r"'([A-Z_]{4,})'", call))
    assert len(named) > 20
    assert named - set(errors.CODES) == set()


def test_an_undeclared_code_can_not_be_raised():
    with pytest.raises(KeyError):
        errors.ApiError("NOT_DECLARED_ANYWHERE")


def test_openapi_lists_the_codes_of_a_status_together():
    shown = errors.responses("UNAUTHORIZED", "TOKEN_EXPIRED", "NOT_FOUND")
    assert shown[401]["x-codes"] == ["UNAUTHORIZED", "TOKEN_EXPIRED"]
    assert shown[404]["description"] == "NOT_FOUND"


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str


@pytest.fixture
def post() -> Callable[..., httpx.Response]:
    """POST to a small application with our handlers, without a socket."""
    app = FastAPI()
    handlers.install(app)

    @app.post("/echo")
    async def echo(body: _Body) -> _Body:
        return body

    async def send(content: object) -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
            return await client.post("/echo", content=content, headers={"Content-Type": "application/json"})

    return lambda content: asyncio.run(send(content))


def test_a_wrong_body_names_the_field_and_never_the_value(post):
    answer = post(b'{"name":1,"canary":"canary-value"}')
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (422, "VALIDATION_ERROR")
    assert {tuple(item["loc"]) for item in error["details"]} == {("body", "name"), ("body", "canary")}
    assert "canary-value" not in answer.text


def test_field_names_of_strangers_are_few_and_short(post):
    fields = {f"{'long' * 100}{n}": n for n in range(500)}
    answer = post(orjson.dumps(fields))
    assert answer.status_code == 422
    details = answer.json()["error"]["details"]
    assert len(details) == 20
    assert max(len(item["loc"][1]) for item in details) == 200
    assert post(b'{"name":"x","\\ud800":1}').status_code in {400, 422}


def test_a_body_may_be_as_large_as_the_limit_and_not_larger(post):
    frame = len(b'{"name":""}')
    fits = b'{"name":"' + b"a" * (MAX_BODY - frame) + b'"}'
    assert post(fits).status_code == 200
    assert post(fits + b" ").json()["error"]["code"] == "PAYLOAD_TOO_LARGE"
    assert post(_pieces(fits, b" ")).status_code == 413


async def _pieces(*parts: bytes):
    for part in parts:
        yield part


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (asyncpg.QueryCanceledError, "STORE_UNAVAILABLE"),  # our statement_timeout
        (asyncpg.IdleInTransactionSessionTimeoutError, "STORE_UNAVAILABLE"),
        (asyncpg.ReadOnlySQLTransactionError, "STORE_UNAVAILABLE"),  # a primary that was demoted
        (asyncpg.DiskFullError, "STORE_UNAVAILABLE"),
        (asyncpg.CannotConnectNowError, "STORE_UNAVAILABLE"),
        (asyncpg.DeadlockDetectedError, "BUSY"),
        (asyncpg.LockNotAvailableError, "BUSY"),
        (asyncpg.NumericValueOutOfRangeError, "AMOUNT_OUT_OF_RANGE"),
        (asyncpg.CharacterNotInRepertoireError, "BAD_REQUEST"),
    ],
)
def test_what_the_database_may_say_any_day_is_never_a_500(
    error: type[asyncpg.PostgresError], code: str
) -> None:
    with pytest.raises(errors.ApiError) as caught, db.translated():
        raise error("said")
    assert caught.value.code == code
    again = handlers.refusal(caught.value).headers.get("Retry-After")
    assert again == ("1" if code == "STORE_UNAVAILABLE" else None)


def test_a_lock_that_a_twin_may_hold_is_told_apart_by_the_key() -> None:
    def wait_in_vain() -> str:
        context.mark_keyed()
        with pytest.raises(errors.ApiError) as caught, db.translated():
            raise asyncpg.LockNotAvailableError("said")
        return caught.value.code

    assert copy_context().run(wait_in_vain) == "IDEMPOTENCY_IN_PROGRESS"
    assert not context.is_keyed()
