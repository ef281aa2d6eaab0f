"""PostgreSQL: the pool, transactions, and database errors turned into declared codes by name."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Protocol, cast

import asyncpg
import orjson

from ccops.backend.core.config import settings
from ccops.backend.core.context import current, enter_writer, is_keyed, writer
from ccops.backend.core.errors import CODES, ApiError
from ccops.backend.turns import Turns

# A user's mistake that a constraint catches is an answer, never a 500.
CONSTRAINTS: Mapping[str, str] = {
    "uq_users_site_id_lower": "SITE_ID_TAKEN",
    "uq_users_nickname_lower": "NICKNAME_TAKEN",
    "ck_wallets_gold_nonneg": "INSUFFICIENT_GOLD",
    "ck_invite_codes_used": "INVITE_EXHAUSTED",
    "pk_streak_claims": "ALREADY_CLAIMED",
    "pk_idempotency_keys": "BUSY",
    "pk_invite_codes": "CODE_TAKEN",
    "pk_promo_codes": "CODE_TAKEN",
    "pk_event_participants": "ALREADY_JOINED",
    "pk_battle_pass_claims": "ALREADY_CLAIMED",
    "uq_reward_grants_user_id_ref": "DUPLICATE_REF",
    "uq_limited_holds_one_held": "ALREADY_HELD",
    "ck_limited_packages_stock": "SOLD_OUT",
    "pk_promo_redemptions": "PROMO_USED",
    "ck_promo_codes_used": "PROMO_EXHAUSTED",
    "uq_game_rounds_user_id_game_nonce": "NONCE_USED",
    "pk_crash_bets": "ALREADY_BET",
    "uq_shop_tx_user_product_idem": "IDEMPOTENCY_KEY_REUSED",
    "uq_user_actions_event_id": "BUSY",
    # An action that brings the id of another kind of event, which its sender has seen in a frame.
    "uq_outbox_event_id": "BUSY",
}
# Raised by our own functions: `RAISE EXCEPTION USING ERRCODE = 'CC001', MESSAGE = '<declared code>'`.
OUR_SQLSTATE = "CC001"
# How long a request waits for a connection, and for its turn among its user's writes before that.
_WAIT_S = 5.0


class Row(Protocol):
    """A row of an answer: columns by name."""

    def __getitem__(self, key: str) -> object: ...


class Connection(Protocol):
    """What repositories may do with a connection."""

    async def fetch(self, query: str, *args: object) -> list[Mapping[str, object]]: ...
    async def fetchrow(self, query: str, *args: object) -> Mapping[str, object] | None: ...
    async def fetchval(self, query: str, *args: object) -> object: ...
    async def execute(self, query: str, *args: object) -> str: ...


class Database:
    """The pool. One instance a process, opened by the application's or worker's lifespan."""

    def __init__(self) -> None:
        self._pool: asyncpg.Pool | None = None
        self._kept: list[asyncpg.pool.PoolConnectionProxy] = []
        self._waiting = 0
        self._turns = Turns(max(2, settings.pool_size // 4), within_s=_WAIT_S)

    async def open(self, *, min_size: int = 2, application_name: str = "backend") -> None:
        """Connect; raises OSError or asyncpg errors when PostgreSQL does not answer."""
        self._pool = await asyncpg.create_pool(
            settings.database_url,
            min_size=min_size,
            max_size=settings.pool_size,
            init=_prepare,
            reset=_keep,
            command_timeout=10,
            server_settings={
                "application_name": f"ccops-{application_name}",
                "lock_timeout": "2s",
                "statement_timeout": "5s",
                "idle_in_transaction_session_timeout": "10s",
                "jit": "off",
            },
        )

    async def close(self) -> None:
        """Close every connection; in-flight queries get a moment to end."""
        if self._pool is not None:
            pool, self._pool = self._pool, None
            self._kept.clear()
            pool.terminate()

    @asynccontextmanager
    async def connection(self, *, in_turn: bool = True) -> AsyncIterator[Connection]:
        """Lend a connection in autocommit: every statement is its own transaction.

        One user's writes get a quarter of the pool at most: they wait for one row, and others need the rest.
        `in_turn=False` is for what waits for no row.
        """
        pool = self._pool
        if pool is None:
            raise ApiError("STORE_UNAVAILABLE")
        with translated():
            caller = await self._turn() if in_turn else None
            try:
                conn = await self._taken(pool)
                try:
                    yield cast(Connection, conn)
                except BaseException:
                    await pool.release(conn)
                    raise
                if self._waiting or self._pool is not pool:
                    await pool.release(conn)
                else:
                    self._kept.append(conn)
            finally:
                if caller is not None:
                    self._turns.leave(caller)
                    enter_writer(caller)

    async def _turn(self) -> int | None:
        """Wait until the caller's other writes leave a place; return who has to give it back."""
        caller = writer()
        if caller is not None:
            try:
                await self._turns.enter(caller)
            except TimeoutError:
                raise ApiError("IDEMPOTENCY_IN_PROGRESS" if is_keyed() else "BUSY") from None
            enter_writer(None)  # what it asks for inside does not queue behind itself
        return caller

    async def _taken(self, pool: asyncpg.Pool) -> asyncpg.pool.PoolConnectionProxy:
        """Return a connection that was lent before, else one of the pool.

        Taking from the pool and giving back cost two tasks, more than a short query. So what a request has
        left in order stays out, for the next one, unless somebody waits for the pool.
        """
        while self._kept:
            conn = self._kept.pop()
            if _is_open(conn):
                return conn
            await pool.release(conn)
        self._waiting += 1
        try:
            return await pool.acquire(timeout=_WAIT_S)
        finally:
            self._waiting -= 1

    @asynccontextmanager
    async def tx(self) -> AsyncIterator[Connection]:
        """Lend a connection inside one transaction (READ COMMITTED); nothing below commits."""
        async with self.connection() as conn, cast(asyncpg.Connection, conn).transaction():
            yield conn

    @asynccontextmanager
    async def dedicated(self, *, application_name: str) -> AsyncIterator[Connection]:
        """Lend a connection outside the pool: its session-level locks live exactly as long as it does."""
        with translated():
            conn = await asyncpg.connect(
                settings.database_url,
                timeout=5,
                command_timeout=10,
                server_settings={
                    "application_name": f"ccops-{application_name}",
                    "lock_timeout": "2s",
                    "statement_timeout": "10s",
                    "jit": "off",
                },
            )
            try:
                await _prepare(conn)
                yield cast(Connection, conn)
            finally:
                conn.terminate()


db = Database()


class translated:  # noqa: N801 - reads as a statement: `with translated():`
    """Turn database errors into declared codes by constraint name or SQLSTATE, never by message text."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None or isinstance(error, ApiError):
            return
        if isinstance(error, asyncpg.PostgresError):
            code = _code_of(error)
            if code:
                raise ApiError(code) from error
        elif isinstance(error, OSError | TimeoutError | asyncpg.InterfaceError | asyncpg.InternalClientError):
            # InternalClientError: asyncpg's word for a connection that died while it was being given back.
            raise ApiError("STORE_UNAVAILABLE") from error


def _code_of(error: asyncpg.PostgresError) -> str | None:
    state = str(error.sqlstate)
    if state == OUR_SQLSTATE:
        return str(error.args[0]) if str(error.args[0]) in CODES else None
    if state == "55P03":  # lock_not_available: somebody, perhaps our twin, still holds the row
        return "IDEMPOTENCY_IN_PROGRESS" if is_keyed() else "BUSY"
    if state in {"40001", "40P01"}:
        return "BUSY"
    if state == "22003":  # numeric_value_out_of_range
        return "AMOUNT_OUT_OF_RANGE"
    if state in {"22021", "22P05"}:  # a NUL or another character PostgreSQL does not store
        return "BAD_REQUEST"
    # 57: cancelled by a timeout, or shut down; 25P03, 25006: our transaction idled, or this is no primary.
    if state.startswith(("08", "53", "57", "58")) or state in {"25P03", "25006"}:
        return "STORE_UNAVAILABLE"
    return CONSTRAINTS.get(str(getattr(error, "constraint_name", "") or ""))


def _is_open(conn: asyncpg.pool.PoolConnectionProxy) -> bool:
    try:
        return not conn.is_closed()
    except asyncpg.InterfaceError:  # its server has ended it, and the pool took it back
        return False


async def _keep(_: asyncpg.Connection) -> None:
    """Give a connection back as it is; asyncpg itself has rolled back what was open.

    Its default asks the server to forget session state on every release. Nobody here makes any: locks,
    settings and listeners live on dedicated connections. It cost a round trip a request.
    """


async def _prepare(conn: asyncpg.Connection) -> None:
    for kind in ("json", "jsonb"):
        await conn.set_type_codec(
            kind,
            encoder=lambda value: orjson.dumps(value).decode(),
            decoder=orjson.loads,
            schema="pg_catalog",
        )


def call_context() -> dict[str, str]:
    """Return the `ctx` argument of our SQL functions: who asked, and for which environment."""
    ids = current()
    return {"trace_id": ids.trace_id, "request_id": ids.request_id, "env": settings.app_env}
