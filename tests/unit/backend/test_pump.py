"""When a batch counts as done, and when its poison is put aside."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from typing import cast

import pytest
from confluent_kafka import Consumer, Message

from ccops.backend.core.config import settings
from ccops.backend.olap import pump as module
from ccops.backend.olap.clickhouse_client import ClickHouse, StoreDown
from ccops.backend.olap.dead_letters import Loss
from ccops.backend.olap.domains import DOMAINS
from ccops.backend.olap.pump import Pump
from ccops.backend.olap.reader import Reader
from ccops.backend.olap.tables import Row, Table

GOOD = {
    "event_id": "11111111-2222-3333-4444-555555555555",
    "trace_id": "t",
    "type": "user_action",
    "user_id": 4,
    "ts": "2026-01-31T23:59:59.999Z",
    "data": {"action_type": "LOGIN", "context": {}},
}


class Record:
    """What a batch needs of a record."""

    def __init__(self, offset: int, value: bytes) -> None:
        self._offset, self._value = offset, value

    def topic(self) -> str:
        return settings.topic("actions.events")

    def partition(self) -> int:
        return 0

    def offset(self) -> int:
        return self._offset

    def value(self) -> bytes:
        return self._value


class Store:
    """Takes rows once it is up."""

    def __init__(self) -> None:
        self.up = False
        self.rows: list[Row] = []

    def insert(self, table: Table, rows: Sequence[Row], token: str) -> None:
        if not self.up:
            raise StoreDown("away")
        self.rows += rows


def test_poison_is_put_aside_once_however_often_its_batch_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Loss] = []
    monkeypatch.setattr(module, "give_up", lambda losses, group, tries: given.extend(losses))
    monkeypatch.setattr(module, "_KEEP_BATCH_S", -1.0)  # leave the group at the first failure
    pump, store = Pump(DOMAINS[0], threading.Event()), Store()
    batch = cast(list[Message], [Record(0, b"{"), Record(1, json.dumps(GOOD).encode())])
    for _ in range(3):
        with pytest.raises(StoreDown):
            pump._write(cast(ClickHouse, store), batch)
    assert given == []
    store.up = True
    assert pump._write(cast(ClickHouse, store), batch) is True
    assert ([loss.source.rpartition("/")[2] for loss in given], len(store.rows)) == (["0"], 1)


class Source:
    """In the place of a consumer and its reader: batches of so many records."""

    def __init__(self, count: int, *, full: bool) -> None:
        self._count = count
        self.full = full
        self.reachable = True

    def assignment(self) -> list[object]:
        return [object()]

    def collect(self) -> list[Message]:
        return cast(list[Message], [Record(n, json.dumps(GOOD).encode()) for n in range(self._count)])


@pytest.mark.parametrize(("count", "full", "waits"), [(40, False, 1), (40, True, 0), (5, False, 0)])
def test_a_busy_batch_is_followed_by_a_pause_unless_more_is_waiting(
    monkeypatch: pytest.MonkeyPatch, count: int, full: bool, waits: int
) -> None:
    stop, source, paused = threading.Event(), Source(count, full=full), list[float]()
    monkeypatch.setattr(stop, "wait", paused.append)
    monkeypatch.setattr(module, "commit", lambda consumer, batch: None)
    pump, store = Pump(DOMAINS[0], stop), Store()
    store.up = True
    pump._step(cast(Consumer, source), cast(Reader, source), cast(ClickHouse, store))
    assert (len(store.rows), len(paused)) == (count, waits)
