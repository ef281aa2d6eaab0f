"""What the backend really writes and sends is what events.json says."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from jsonschema.validators import validator_for
from websockets.sync.client import connect

EVENTS = json.loads(
    (Path(__file__).parents[4] / "ccops" / "backend" / "contract" / "events.json").read_text(encoding="utf-8")
)


def problems(schema: dict, value: object) -> list[str]:
    checker = validator_for(schema, Draft202012Validator)(
        schema, format_checker=Draft202012Validator.FORMAT_CHECKER
    )
    return [f"{error.json_path}: {error.message}" for error in checker.iter_errors(value)]


@pytest.fixture(scope="module")
def busy(new_player: Callable, admin, shelf) -> object:
    """A player who has done everything once."""
    player = new_player()
    for _ in range(8):
        assert player.http.post("/api/games/slot/spin", json={"bet": 5}).status_code == 200
        assert player.http.post("/api/games/gacha/pull", json={"bet": 5}).status_code == 200
        play = {"bet": 10, "choice": "PAPER"}
        assert player.http.post("/api/games/rps/play", json=play).status_code == 200
    for path, body in (
        ("/api/streak/claim", {"action_type": "DAILY"}),
        ("/api/actions", {"action_type": "LOOK_AROUND", "context": {"where": ["here", None, 1.5]}}),
        ("/api/events/WELCOME/join", None),
        ("/api/events/WELCOME/progress", {"delta": 100}),
        ("/api/events/WELCOME/claim", None),
        ("/api/achievements/FIRST_STREAK/claim", None),
        ("/api/battlepass/claim", {"level": 1, "track": "free"}),
        ("/api/shop/promo/redeem", {"code": "WELCOME100"}),
    ):
        assert player.http.post(path, json=body).status_code < 300
    bought = player.buy("LUCKY_CHARM", "item")
    assert bought.status_code == 200
    refund = f"/api/payments/{bought.json()['transaction_id']}/refund"
    reason = {"reason": "everything once"}
    assert admin.http.post(refund, json=reason, headers={"Idempotency-Key": "all"}).status_code == 200
    refused = [
        *(player.buy("LUCKY_CHARM", "item", 2), player.buy("GOLDEN_FRAME", "dear", 1_000)),
        *(player.buy("VIP_ONLY", "rank"), player.buy("NO_LONGER", "late"), player.buy("NOTHING", "none")),
        *(player.buy("PRICELESS", "big", 1_000), player.buy("SEASON_PASS", "two", 2)),
    ]
    assert [answer.status_code for answer in refused] == [409, 402, 403, 410, 404, 422, 409]
    for key, status in (("chest", 200), ("another", 409)):
        limited = player.http.post("/api/shop/limited/FOUNDERS_CHEST/buy", headers={"Idempotency-Key": key})
        assert limited.status_code == status
    assert player.buy("GOLD_1000", "pack").status_code == 202
    assert new_player().http.post("/api/auth/logout-all").status_code == 204  # a security event
    return player


def test_every_event_of_every_user_has_the_shape_of_its_type(busy, until) -> None:
    until(lambda: busy.ledger()[-1]["reason"] == "gold_pack")
    rows = busy.server.sql("SELECT type, topic, payload FROM outbox")
    wrong = {
        (row["type"], problem)
        for row in rows
        for problem in problems(EVENTS["payloads"].get(row["type"], {"not": {}}), row["payload"])
    }

    assert wrong == set()
    assert {row["type"] for row in rows} == set(EVENTS["payloads"])


def test_every_event_goes_to_the_topic_that_lists_its_type(busy) -> None:
    rows = busy.server.sql("SELECT DISTINCT type, topic FROM outbox WHERE topic IS NOT NULL")
    listed = {
        (name, topic.replace("{env}", "dev"))
        for topic, names in EVENTS["kafka"]["topics"].items()
        for name in names
    }

    assert {(row["type"], row["topic"]) for row in rows} == listed


def test_only_listed_types_become_frames(busy) -> None:
    rows = busy.server.sql("SELECT DISTINCT type FROM outbox WHERE realtime")

    assert {row["type"] for row in rows} == set(EVENTS["websocket"]["types"])


def test_the_handshake_has_the_shape_of_its_control_frames(busy) -> None:
    url = busy.server.url.replace("http", "ws", 1) + "/api/realtime/sync"
    with connect(url, subprotocols=["cc.v1", f"bearer.{busy.token}"], proxy=None) as socket:
        frames = [json.loads(socket.recv(timeout=5)) for _ in range(3)]

    assert [frame["type"] for frame in frames] == ["sync_connected", "initial_state", "backfill_complete"]
    for frame in frames:
        assert problems(EVENTS["websocket"]["control_envelope"], frame) == []
        assert problems(EVENTS["websocket"]["control"][frame["type"]], frame["data"]) == []
