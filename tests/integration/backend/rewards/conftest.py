"""Players who have earned something, on the backend of the parent folder."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import pytest

from ccops.backend import rules

Sql = Callable[..., list[dict]]
INVARIANTS = Path(__file__).parents[4] / "ccops" / "backend" / "contract" / "invariants.sql"
CTX = '{"env": "dev", "trace_id": "t", "request_id": "r"}'


@dataclass
class Season:
    """A season of one test that began just now, and the product that opens its premium track."""

    id: str
    product: str
    sql: Sql

    def end(self) -> None:
        self.sql("UPDATE battle_pass_seasons SET ends_at = now() WHERE id = %s", self.id)


@pytest.fixture
def season(sql: Sql) -> Iterator[Season]:
    """The running season of this test; afterwards the one before it runs again."""
    name = f"S{secrets.token_hex(4)}"
    sql("INSERT INTO battle_pass_seasons (id, title) VALUES (%s, 'of a test')", name)
    sql(
        """INSERT INTO products (id, title, kind, price_gold, season)
           VALUES (%s, 'pass of a test', 'battle_pass', 300, %s)""",
        f"PASS_{name}",
        name,
    )
    yield Season(name, f"PASS_{name}", sql)
    sql("UPDATE battle_pass_seasons SET starts_at = '1970-01-01' WHERE id = %s", name)


@pytest.fixture
def unlock(sql: Sql) -> Callable[..., None]:
    """`unlock(user, metric, n)`: count `n` towards the achievements of a metric, as play would."""

    def count(user, metric: str, n: int) -> None:
        sql("SELECT cc_lock_wallet(%s), cc_achieve(%s::jsonb, %s, %s, %s)", user.id, CTX, user.id, metric, n)

    return count


@pytest.fixture
def claimed_on(sql: Sql) -> Callable[..., None]:
    """`claimed_on(user, day)`: claim the daily streak as if it were `day`."""

    def claim(user, day: date) -> None:
        gold = list(rules.rewards().streak["DAILY"])
        sql(
            "SELECT cc_streak_claim(%s::jsonb, %s, 'DAILY', %s, %s, %s, 0, '{100}', NULL, NULL)",
            CTX,
            user.id,
            day,
            day - timedelta(days=1),
            gold,
        )

    return claim


@pytest.fixture
def admin(account: Callable, sql: Sql) -> object:
    """An administrator; the rank is asked of the database, so the old token will do."""
    one = account()
    sql("UPDATE users SET rank = 'ADMIN' WHERE id = %s", one.id)
    return one


@pytest.fixture
def ledger(sql: Sql) -> Callable[..., list[dict]]:
    """`ledger(user, reason)`: the user's ledger rows of a reason, oldest first."""

    def rows(user, reason: str) -> list[dict]:
        return sql(
            """SELECT seq, delta, balance_after, counter_account, ref_type, ref_id FROM gold_ledger
                WHERE user_id = %s AND reason = %s ORDER BY seq""",
            user.id,
            reason,
        )

    return rows


@pytest.fixture
def frames(sql: Sql) -> Callable[..., list[dict]]:
    """`frames(user, answer)`: what the request of `answer` tells the user's sockets, in order."""

    def rows(user, answer) -> list[dict]:
        found = sql(
            """SELECT type, payload FROM outbox
                WHERE user_id = %s AND request_id = %s AND realtime ORDER BY id""",
            user.id,
            answer.headers["X-Request-Id"],
        )
        return [{"type": row["type"], **row["payload"]} for row in found]

    return rows


@pytest.fixture(autouse=True, scope="module")
def _books_are_right(sql: Sql) -> Iterator[None]:
    """After every module the invariants of the contract hold; only a worker would empty the outbox."""
    yield
    for text in INVARIANTS.read_text(encoding="utf-8").split("-- name: ")[1:]:
        name, _, query = text.partition("\n")
        if name != "outbox_leaves_within_60s":
            assert sql(query.replace("%", "%%")) == [], name
