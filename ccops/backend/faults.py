"""Plant a fault: `FAULT=ledger|ws|kafka` breaks this process so that a smoke run can show it notices.

A fault replaces one attribute of one module; the normal code has no branch for it. Settings refuse it on
protected profiles.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from importlib import import_module
from typing import Protocol, cast

from ccops.backend.db import Connection, call_context

log = logging.getLogger("ccops.backend.faults")

# Books this request's last ledger row again, if the wallet covers it: a debit must still answer 200.
_POST_AGAIN = """
SELECT cc_post($1, l.user_id, l.delta, l.counter_account, l.reason, l.ref_type, l.ref_id || ':again')
  FROM (SELECT * FROM gold_ledger WHERE user_id = $2 ORDER BY seq DESC LIMIT 1) AS l
 WHERE l.trace_id = $1::jsonb->>'trace_id' AND l.balance_after + l.delta >= 0
"""


class _Transactional(Protocol):
    def transaction(self) -> AbstractAsyncContextManager[object]: ...


def plant(name: str) -> None:
    """Break this process as `name` says; an unknown name raises KeyError."""
    log.warning("fault planted: %s", name)
    _FAULTS[name]()


def _ledger() -> None:
    for module in ("shop", "streak"):
        repository = import_module(f"ccops.backend.repositories.{module}")
        attribute = {"shop": "buy", "streak": "claim"}[module]
        setattr(repository, attribute, _posting_twice(getattr(repository, attribute)))


def _posting_twice(call: Callable[..., Awaitable[object]]) -> Callable[..., Awaitable[object]]:
    async def twice(conn: Connection, user_id: int, *args: object, **kwargs: object) -> object:
        # One transaction: the fault is a wrong ledger, not a torn one.
        async with cast(_Transactional, conn).transaction():
            answer = await call(conn, user_id, *args, **kwargs)
            await conn.execute(_POST_AGAIN, call_context(), user_id)
        return answer

    return twice


def _ws() -> None:
    relay = import_module("ccops.backend.relays.realtime")
    publish = relay.publish

    def skipping(pipe: object, row: object, sha: str, before: object = None) -> object:
        # The relay marks the whole batch as pushed, so nobody will ever send this frame.
        if getattr(row, "type", "") == "reward_granted":
            return None
        return publish(pipe, row, sha, None if getattr(before, "type", "") == "reward_granted" else before)

    relay.publish = skipping  # type: ignore[attr-defined]


def _kafka() -> None:
    relay = import_module("ccops.backend.relays.kafka")
    produce = relay.produce

    def losing(producer: object, row: object, report: Callable[[object], None]) -> None:
        if getattr(row, "type", "") != "user_action":
            produce(producer, row, report)
            return
        # An acknowledgement without a record. Its offset is below every real one: the relay, which compares
        # offsets with what it recorded, must neither heal this row nor take good ones for lost because of it.
        report(relay.Place("fault.lost", 0, -1))

    relay.produce = losing  # type: ignore[attr-defined]


_FAULTS: dict[str, Callable[[], None]] = {"ledger": _ledger, "ws": _ws, "kafka": _kafka}
