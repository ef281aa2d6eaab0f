"""Administrators and security events, on the backend of the parent folder."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

Sql = Callable[..., list[dict]]
INVARIANTS = Path(__file__).parents[4] / "ccops" / "backend" / "contract" / "invariants.sql"


@pytest.fixture
def events(sql: Sql) -> Callable[[int], list[dict]]:
    """The payloads of a user's security events, oldest first."""

    def read(user_id: int) -> list[dict]:
        query = "SELECT payload FROM outbox WHERE user_id = %s AND type = 'security' ORDER BY id"
        return [row["payload"] for row in sql(query, user_id)]

    return read


@pytest.fixture
def admin(account: Callable, sql: Sql) -> object:
    """An administrator; the token is older than the rank."""
    one = account()
    sql("UPDATE users SET rank = 'ADMIN' WHERE id = %s", one.id)
    return one


@pytest.fixture
def adjust() -> Callable:
    """`adjust(admin, user_id, delta)` with a fresh key; `key` and `version` may be given."""

    def send(admin, user_id: int, delta: int, *, key: str = "", version: object = None, reason: str = "why"):
        headers = {"Idempotency-Key": key or secrets.token_hex(8)}
        if version is not None:
            headers["If-Match"] = str(version)
        path = f"/api/admin/users/{user_id}/gold-adjust"
        return admin.post(path, {"delta": delta, "reason": reason}, headers=headers)

    return send


@pytest.fixture
def broken(sql: Sql) -> Callable[[str], list[dict]]:
    """The rows that break one invariant of the contract."""
    parts = INVARIANTS.read_text(encoding="utf-8").split("-- name: ")[1:]
    queries = {text.partition("\n")[0]: text.partition("\n")[2] for text in parts}
    return lambda name: sql(queries[name])


@pytest.fixture(autouse=True, scope="module")
def _everything_holds(sql: Sql) -> Iterator[None]:
    """After every module the invariants of the contract hold; only a worker would empty the outbox."""
    yield
    for text in INVARIANTS.read_text(encoding="utf-8").split("-- name: ")[1:]:
        name, _, query = text.partition("\n")
        if name != "outbox_leaves_within_60s":
            found = sql(query)
            assert found == [], f"{name}: {json.dumps(found, default=str)[:500]}"
