"""Kafka records become rows, or are refused with a reason."""

from __future__ import annotations

import json

import pytest

from ccops.backend.olap.tables import EVENTS, GAME_ROUNDS, LEDGER, PURCHASES, BadRecord, Table, row_of
from ccops.backend.olap.writer import token

EVENT = "11111111-2222-3333-4444-555555555555"
ACTION = {"action_type": "LOGIN", "context": {"game": "slot", "bet": 10}}
POSTING = {
    "seq": 1,
    "delta": -5,
    "balance_after": 995,
    "counter_account": "sink:shop",
    "reason": "purchase",
    "ref_type": "shop_tx",
    "ref_id": "x",
}
ROUND = {"round_id": EVENT, "game": "slot", "bet": 10, "payout": 0, "outcome": {"reels": [1]}, "nonce": 3}
PURCHASE = {"transaction_id": EVENT, "status": "SUCCESS", "product_id": "p", "kind": "item", "qty": 1}


def record(data: object, **changes: object) -> bytes:
    body = {"event_id": EVENT, "trace_id": "t", "type": "x", "user_id": 4, "ts": "2026-01-31T23:59:59.999Z"}
    return json.dumps(body | {"data": data} | changes).encode()


def read(table: Table, value: bytes | None) -> dict:
    return row_of(table, value, "topic", 2, 30)


@pytest.mark.parametrize(
    ("table", "data", "name", "wanted"),
    [
        (EVENTS, ACTION, "amount", 10),
        (EVENTS, ACTION, "game", "slot"),
        (EVENTS, {"action_type": "A", "context": None}, "context", "null"),
        (EVENTS, {"action_type": "A", "context": {"bet": 10**30}}, "amount", 0),
        (LEDGER, POSTING, "delta", -5),
        (GAME_ROUNDS, ROUND, "outcome", '{"reels":[1]}'),
        (PURCHASES, PURCHASE, "amount_gold", 0),
        (PURCHASES, PURCHASE | {"reason": "declined"}, "reason", "declined"),
    ],
)
def test_a_record_becomes_a_row(table: Table, data: object, name: str, wanted: object) -> None:
    row = read(table, record(data))
    assert row[name] == wanted
    assert (row["event_id"], row["user_id"], row["partition"], row["offset"]) == (EVENT, 4, 2, 30)


def test_the_partition_key_depends_on_the_event_only() -> None:
    assert read(EVENTS, record(ACTION))["day"] == "2026-01-31"
    later_elsewhere = record(ACTION, ts="2026-02-01T08:59:59.999+09:00")
    assert read(EVENTS, later_elsewhere)["day"] == "2026-01-31"
    assert read(EVENTS, later_elsewhere)["ts"] == "2026-01-31 23:59:59.999"


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        record(None),
        record([]),
        record({}),
        record(ACTION, event_id="nobody"),
        record(ACTION, ts="2026-01-31T23:59:59"),  # naive: the machine's zone would decide the day
        record(ACTION, event_id=None),
        record(ACTION, user_id=-1),
        record(ACTION, user_id=True),
        record(ACTION, user_id=2**63),
        record(ACTION, ts="yesterday"),
        record(ACTION, ts=5),
        record(ACTION, trace_id=5),
        record({"action_type": 5, "context": {}}),
    ],
)
def test_what_can_never_be_a_row_is_refused_with_a_reason(value: bytes | None) -> None:
    with pytest.raises(BadRecord, match=r".+"):
        read(EVENTS, value)


def test_the_token_names_the_places_and_what_lies_there() -> None:
    def rows(*events: str) -> list[dict[str, object]]:
        return [
            {"topic": "t", "partition": 1, "offset": number, "event_id": event}
            for number, event in enumerate(events)
        ]

    assert token(rows("a", "b")).startswith("t-1-0-1-")
    assert token(rows("a", "b")) == token(rows("a", "b"))
    # A broker that lost records gives their offsets to others: the same places, another batch.
    assert token(rows("a", "b")) != token(rows("a", "c"))


def test_every_table_keeps_twins_apart_by_event_id() -> None:
    for table in (EVENTS, LEDGER, GAME_ROUNDS, PURCHASES):
        text = table.ddl("casino")
        assert "ReplacingMergeTree(ingested_at)" in text
        assert table.order.endswith("event_id")
