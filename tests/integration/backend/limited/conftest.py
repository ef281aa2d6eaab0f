"""Packages and codes of one test, a sweeper to start, and a transaction that state machines play in."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psycopg
import pytest
from psycopg.rows import dict_row

from ccops.backend.invariants import INVARIANTS
from ccops.stack.service import HOST

CONTEXT = '{"trace_id": "0123456789abcdef0123456789abcdef", "request_id": "machine-1", "env": "dev"}'
# Tests elsewhere plant rows of their own parts; what holds here is gold, stock, holds and codes.
OURS = [
    item
    for item in INVARIANTS
    if item.name.partition("_")[0] in {"gold", "wallet", "balance", "success", "limited", "captured", "promo"}
]


class Ground:
    """One transaction on the real functions; `call` gives the refusal's code instead of raising."""

    def __init__(self, url: str) -> None:
        self.conn = psycopg.connect(url, row_factory=dict_row)

    def one(self, query: str, *args: object) -> dict:
        """Return the first row; one mapping as the only argument gives named parameters."""
        given = args[0] if len(args) == 1 and isinstance(args[0], dict) else args
        return self.conn.execute(query, given).fetchone() or {}

    def all(self, query: str, *args: object) -> list[dict]:
        return self.conn.execute(query, args).fetchall()

    def call(self, query: str, *args: object) -> dict | str:
        try:
            with self.conn.transaction():  # a savepoint: a refusal undoes all of the call
                return self.one(query, *args)
        except psycopg.Error as error:
            if error.sqlstate != "CC001":
                raise
            return str(error.diag.message_primary)

    def user(self, gold: int) -> int:
        name = secrets.token_hex(8)
        made = self.one(
            "SELECT cc_signup(%s, gen_random_uuid(), %s, %s, 'x', NULL, NULL, '5858', %s, 'x', %s, 'c') id",
            CONTEXT, name, name, gold, name,
        )  # fmt: skip
        return made["id"]

    def broken(self) -> list[str]:
        """Return the names of the invariants that do not hold."""
        return [item.name for item in OURS if self.all(item.sql)]

    def rollback(self) -> None:
        self.conn.rollback()


@pytest.fixture
def database(backend) -> str:
    return backend.load().get("CCOPS_DATABASE_URL")


@pytest.fixture
def ground(database: str) -> Iterator[Ground]:
    made = Ground(database)
    yield made
    made.conn.close()


@pytest.fixture
def package(sql: Callable[..., list[dict]]) -> Callable[..., str]:
    """Put a package on sale: `package(stock=3, limit=1, gold=100)` or `cents=…, worth=…`; returns its id."""

    def make(
        *, stock: int = 5, limit: int = 1, gold: int | None = 100, cents: int | None = None, worth: int = 0,
        hold_s: int | None = None, rank: str = "STANDARD", adult: bool = False, starts: str = "-1 hour",
        ends: str | None = None,
    ) -> str:  # fmt: skip
        name = f"P{secrets.token_hex(5)}"
        sql(
            """INSERT INTO products
                   (id, title, kind, price_gold, price_cents, gold_amount, min_rank, adult_only)
               VALUES (%s, 't', 'limited', %s, %s, %s, %s, %s)""",
            name, None if cents else gold, cents, worth, rank, adult,
        )  # fmt: skip
        sql(
            """INSERT INTO limited_packages
                   (id, product_id, stock_total, per_user_limit, hold_s, starts_at, ends_at)
               VALUES (%s, %s, %s, %s, %s, now() + %s::interval, now() + %s::interval)""",
            name, name, stock, limit, hold_s, starts, ends,
        )  # fmt: skip
        return name

    return make


@pytest.fixture
def promo(sql: Callable[..., list[dict]]) -> Callable[..., str]:
    """Make a promo code: `promo(gold=50, uses=3, starts="-1 hour", expires="1 hour")`."""

    def make(
        *, gold: int = 50, uses: int | None = None, starts: str = "-1 hour", expires: str | None = None
    ) -> str:
        code = f"PROMO-{secrets.token_hex(5)}"
        sql(
            """INSERT INTO promo_codes (code, gold, max_uses, starts_at, expires_at)
               VALUES (%s, %s, %s, now() + %s::interval, now() + %s::interval)""",
            code, gold, uses, starts, expires,
        )  # fmt: skip
        return code

    return make


@pytest.fixture
def buy() -> Callable[..., httpx.Response]:
    """`buy(user, package, key, hold_id=None)`."""

    def send(user, package: str, key: str, hold_id: str | None = None) -> httpx.Response:
        body = {"hold_id": hold_id} if hold_id else None
        return user.post(f"/api/shop/limited/{package}/buy", body, headers={"Idempotency-Key": key})

    return send


@pytest.fixture
def stock(sql: Callable[..., list[dict]]) -> Callable[[str], tuple[int, int]]:
    """`stock(package)` is (reserved, sold)."""

    def read(package: str) -> tuple[int, int]:
        (row,) = sql(
            "SELECT stock_reserved AS r, stock_sold AS s FROM limited_packages WHERE id = %s", package
        )
        return row["r"], row["s"]

    return read


@pytest.fixture
def sweeper(backend, tmp_path: Path) -> Callable:
    """`with sweeper() as url:` runs the worker with that one role; a signal says how it ends."""

    @contextmanager
    def start(last: int = signal.SIGTERM) -> Iterator[str]:
        profile = backend.load()
        port = _free_port()
        env = {
            "PATH": os.environ["PATH"],
            "DATABASE_URL": profile.get("CCOPS_DATABASE_URL"),
            "REDIS_URL": profile.get("CCOPS_REDIS_URL"),
            "WORKER_HTTP_PORT": str(port),
        }
        argv = [sys.executable, "-m", "ccops.backend.worker", "--roles", "sweeper"]
        with (
            (tmp_path / "sweeper.log").open("w") as log,
            subprocess.Popen(argv, env=env, stderr=log) as process,
        ):
            try:
                _wait_for_lead(f"http://{HOST}:{port}")
                yield f"http://{HOST}:{port}"
            finally:
                process.send_signal(last)

    return start


def _free_port() -> int:
    import socket

    with socket.socket() as one:
        one.bind((HOST, 0))
        return int(one.getsockname()[1])


def _wait_for_lead(url: str) -> None:
    end = time.monotonic() + 15
    while time.monotonic() < end:
        try:
            if httpx.get(f"{url}/health", timeout=1).json()["roles"]["sweeper"]["leads"]:
                return
        except (httpx.TransportError, KeyError):
            pass
        time.sleep(0.05)
    raise AssertionError("the sweeper does not lead")


@pytest.fixture(autouse=True)
def _everything_adds_up(sql: Callable[..., list[dict]]) -> Iterator[None]:
    """After every test the invariants hold."""
    yield
    for item in OURS:
        assert sql(item.sql) == [], item.name
