"""The worker's judgement of its roles."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from ccops.backend import worker
from ccops.backend.db import Connection
from ccops.backend.worker import RoleState, health_of


def test_health_is_good_only_while_every_role_ran_lately() -> None:
    one, other = RoleState("kafka-relay"), RoleState("ingester")
    assert health_of([one, other])[0] is False
    one.beat()
    assert health_of([one, other])[0] is False
    other.beat()
    assert health_of([one, other])[0] is True


def test_a_role_that_raises_is_counted_and_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    starts: list[int] = []

    async def lead(state: RoleState, run: object) -> None:
        starts.append(state.failures)
        if len(starts) == 3:
            raise asyncio.CancelledError
        raise ConnectionError("the store is away")

    async def never(conn: Connection, beat: Callable[[], None]) -> None:
        raise AssertionError

    monkeypatch.setattr(worker, "_lead", lead)
    monkeypatch.setattr(worker, "_BACKOFF_S", (0.0,))
    state = RoleState("kafka-relay")
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(worker.keep(state, never))
    assert starts == [0, 1, 2]
    assert state.last_error == "ConnectionError: the store is away"


def test_unknown_roles_are_refused() -> None:
    with pytest.raises(SystemExit) as ended:
        worker.main(["--roles", "nonsense"])
    assert ended.value.code == 2


def test_the_gauge_of_a_role_falls_when_it_dies(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[float] = []

    class Leader:
        async def fetchval(self, query: str, *args: object) -> bool:
            return True

    @asynccontextmanager
    async def dedicated(*, application_name: str) -> AsyncIterator[Leader]:
        yield Leader()

    def gauge() -> float:
        return worker.metrics.worker_role_up.labels("ingester")._value.get()

    async def die(conn: Connection, beat: Callable[[], None]) -> None:
        seen.append(gauge())
        raise ConnectionError

    monkeypatch.setattr(worker.db, "dedicated", dedicated)
    with pytest.raises(ConnectionError):
        asyncio.run(worker._lead(RoleState("ingester"), die))
    assert (seen, gauge()) == ([1.0], 0.0)
