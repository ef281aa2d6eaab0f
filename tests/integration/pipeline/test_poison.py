"""A record that can not be ingested costs itself: neither its batch nor its neighbours."""

from __future__ import annotations

import json
import secrets
import uuid
from collections.abc import Iterator

import pytest
from confluent_kafka import Consumer, TopicPartition

from tests.integration.pipeline.kit import Stores, until

TOPIC, GROUP = "cc.shop.transactions.dev", "cc.shop.clickhouse.dev"


def purchase(user: int, qty: int) -> bytes:
    data = {"transaction_id": str(uuid.uuid4()), "status": "SUCCESS", "product_id": "p", "kind": "item"}
    body = {"event_id": str(uuid.uuid4()), "trace_id": "t", "type": "purchase_update", "user_id": user}
    return json.dumps(body | {"ts": "2026-11-23T10:00:00Z", "data": data | {"qty": qty}}).encode()


@pytest.fixture
def picky(stores: Stores) -> Iterator[None]:
    """A table that refuses what a record's reader lets through."""
    with stores.worker("kafka-relay,ingester"):
        until(lambda: stores.clickhouse("SELECT 1 AS one FROM system.tables WHERE name = 'purchases'"))
    stores.clickhouse_run("ALTER TABLE casino.purchases ADD CONSTRAINT picky CHECK qty < 1000")
    try:
        yield
    finally:
        stores.clickhouse_run("ALTER TABLE casino.purchases DROP CONSTRAINT picky")


def committed(stores: Stores) -> int:
    reader = Consumer({"bootstrap.servers": stores.bootstrap, "group.id": GROUP, "log_level": 2})
    try:
        places = reader.committed([TopicPartition(TOPIC, part) for part in range(6)], timeout=5)
        return sum(max(0, place.offset) for place in places)
    finally:
        reader.close()


@pytest.mark.fault
def test_what_clickhouse_refuses_goes_to_the_dead_letters_and_the_rest_of_its_batch_in(
    stores: Stores, picky: None
) -> None:
    user = 3_000_000_000 + secrets.randbelow(10**9)
    good = [purchase(user, number) for number in range(1, 300)]
    bad = [purchase(user, number) for number in (1_000, 5_000)]
    garbled = [b"{" + secrets.token_hex(8).encode()]
    stores.produce_many(TOPIC, good[:100] + bad[:1] + good[100:200] + garbled + good[200:] + bad[1:])
    counter = f'kafka_dlq_total{{topic="{TOPIC}"}}'
    with stores.worker("ingester") as worker:
        until(lambda: worker.metric(counter) == 3, 20)
        held = f"SELECT qty FROM purchases FINAL WHERE user_id = {user}"
        until(lambda: len(stores.clickhouse(held)) == len(good), 20)
        until(lambda: committed(stores) == len(stores.records(TOPIC)), 20)
    assert sorted(int(row["qty"]) for row in stores.clickhouse(held)) == list(range(1, 300))
    dead = {r["value"]: r for r in stores.records("cc.ops.dlq.dev") if r["value"] in bad + garbled}
    assert set(dead) == set(bad + garbled)
    for value, record in dead.items():
        headers = record["headers"]
        assert (headers["group"], headers["tries"]) == (GROUP, "3")
        assert headers["source"].startswith(f"{TOPIC}/")
        assert ("onstraint" in headers["error"]) == (value in bad)
        assert "Traceback" not in headers["error"]
