"""The realtime channel: reconnects without a hole or a repeat, and says why it closes."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

from tests.integration.pipeline.kit import Player, Stores, Worker, frames, greeting, silent, until
from tests.web import web


@pytest.fixture(autouse=True, scope="module")
def relay(stores: Stores) -> Iterator[Worker]:
    with stores.worker("realtime-relay") as worker:
        yield worker


def pushed(user: Player) -> None:
    """Wait until every event of the user is in Redis."""
    query = "SELECT 1 FROM outbox WHERE user_id = %s AND realtime AND pushed_at IS NULL"
    until(lambda: not user.stores.sql(query, user.id))


def closed(feed: ClientConnection) -> int | None:
    """Read to the end; return the close code."""
    try:
        while True:
            feed.recv(10)
    except ConnectionClosed as ending:
        return ending.rcvd.code if ending.rcvd else None


def resume(seen: dict) -> str:
    return f"?epoch={seen['epoch']}&last_seq={seen['seq']}"


def test_the_greeting_is_in_order_and_holds_the_snapshot(player: Callable[[], Player]) -> None:
    user = player()
    with user.feed() as feed:
        assert feed.subprotocol == "cc.v1"
        hello, state, done = greeting(feed)
    assert (hello["type"], state["type"], done["type"]) == (
        "sync_connected",
        "initial_state",
        "backfill_complete",
    )
    assert (hello["data"]["recovered"], hello["data"]["seq"]) == (False, 0)
    assert (state["data"]["gold_balance"], state["data"]["wallet_version"]) == (1000, 1)
    assert done["data"] == {"from": 0, "to": 0, "count": 0, "recovered": False}
    assert "seq" not in hello


def test_a_reconnect_replays_exactly_what_was_missed(player: Callable[[], Player]) -> None:
    user = player()
    with user.feed() as feed:
        greeting(feed)
        user.act(count=2)
        seen = frames(feed, 2)[-1]
    missed = user.act(count=5)
    pushed(user)
    with user.feed(resume(seen)) as feed:
        hello, state, *replayed, done = greeting(feed)
        (live,) = user.act()
        (frame,) = frames(feed, 1)
        assert silent(feed, 0.2)
    assert hello["data"]["recovered"] is True
    assert [item["event_id"] for item in replayed] == missed
    assert [item["seq"] for item in replayed] == [3, 4, 5, 6, 7]
    assert all(item["replay"] for item in replayed)
    assert done["data"] == {"from": 2, "to": 7, "count": 5, "recovered": True}
    assert (frame["event_id"], frame["seq"], "replay" in frame) == (live, 8, False)
    assert state["data"]["seq"] == 7


def test_events_during_the_greeting_are_neither_lost_nor_doubled(player: Callable[[], Player]) -> None:
    user = player()
    with user.feed() as feed:
        seen = greeting(feed)[0]["data"]
    for _ in range(5):
        user.act_fast(20)
        with user.feed(resume(seen)) as feed:  # the relay is still pushing
            got = greeting(feed)
            numbers = [item["seq"] for item in got if "seq" in item]
            until(lambda: user.stores.redis().hget(f"rt:{user.id}:meta", "seq"))
            pushed(user)
            top = int(user.stores.redis().hget(f"rt:{user.id}:meta", "seq"))
            while numbers[-1:] != [top] and seen["seq"] != top:
                numbers.append(frames(feed, 1)[0]["seq"])
        assert numbers == list(range(seen["seq"] + 1, top + 1))
        seen = {"epoch": seen["epoch"], "seq": top}


def test_too_much_missed_gives_the_snapshot_and_no_partial_replay(player: Callable[[], Player]) -> None:
    user = player()
    with user.feed() as feed:
        seen = greeting(feed)[0]["data"]
    user.act_fast(400)
    pushed(user)
    with user.feed(resume(seen)) as feed:
        got = greeting(feed)
    assert [item["type"] for item in got] == ["sync_connected", "initial_state", "backfill_complete"]
    assert got[0]["data"]["recovered"] is False
    assert got[1]["data"]["seq"] == 400


def test_a_lost_redis_closes_sockets_and_starts_another_epoch(player: Callable[[], Player]) -> None:
    user = player()
    with user.feed() as feed:
        greeting(feed)
        user.act(count=2)
        seen = frames(feed, 2)[-1]
        user.stores.redis().flushall()
        (event,) = user.act()
        assert closed(feed) == 1012
    with user.feed(resume(seen)) as feed:
        hello, state, done = greeting(feed)
    assert hello["data"]["recovered"] is False
    assert hello["data"]["epoch"] != seen["epoch"]
    assert state["data"]["recent_actions"][0]["event_id"] == event
    assert done["data"]["count"] == 0


def test_a_client_that_saw_more_than_the_stream_holds_gets_another_epoch(
    player: Callable[[], Player],
) -> None:
    user = player()
    with user.feed() as feed:
        seen = greeting(feed)[0]["data"]
    with user.feed(resume(seen | {"seq": 99})) as feed:
        hello = greeting(feed)[0]["data"]
    assert (hello["recovered"], hello["epoch"] != seen["epoch"]) == (False, True)


def test_frames_lost_by_pubsub_are_read_from_the_stream(player: Callable[[], Player]) -> None:
    user = player()
    with user.feed() as feed:
        greeting(feed)
        user.act()
        frames(feed, 1)
        # The backend's subscription is cut; what is published before it is back is only in the stream.
        user.stores.redis().client_kill_filter(_type="pubsub", skipme=True)
        events = user.act(count=3)
        assert [item["event_id"] for item in frames(feed, 3)] == events


def test_a_bad_token_closes_with_4401_after_the_handshake(player: Callable[[], Player]) -> None:
    user = player()
    for token in ("nonsense", user.token[:-2], "x" * 3000):
        with user.feed(token=token) as feed:
            assert closed(feed) == 4401


def test_the_fourth_socket_replaces_the_oldest(player: Callable[[], Player]) -> None:
    user = player()
    with user.feed() as first, user.feed() as second, user.feed() as third:
        for feed in (first, second, third):
            greeting(feed)
        with user.feed() as fourth:
            greeting(fourth)
            assert closed(first) == 4409
            user.act()
            assert [frames(feed, 1)[0]["seq"] for feed in (second, third, fourth)] == [1, 1, 1]


def test_a_flood_closes_with_4429_and_a_long_message_with_4413(player: Callable[[], Player]) -> None:
    user = player()
    with user.feed() as feed:
        greeting(feed)
        feed.send(json.dumps({"type": "ping"}))
        assert frames(feed, 1)[0]["type"] == "pong"
        for _ in range(30):
            feed.send(json.dumps({"type": "ack", "seq": 1}))
        assert closed(feed) == 4429
    with user.feed() as feed:
        greeting(feed)
        feed.send("x" * 4097)
        assert closed(feed) == 4413


@pytest.mark.parametrize("message", ["", "{", "[]", "null", '{"type": {}}', "\x00", b"\xff\xfe", "9" * 4000])
def test_a_hostile_message_is_answered_and_the_socket_lives(
    player: Callable[[], Player], message: str | bytes
) -> None:
    with player().feed() as feed:
        greeting(feed)
        feed.send(message)
        assert frames(feed, 1)[0]["data"] == {"code": "BAD_MESSAGE"}


@pytest.mark.parametrize(
    "query", ["?epoch=x&last_seq=-1", "?epoch=x&last_seq=" + "9" * 400, "?last_seq=1", "?epoch=%00"]
)
def test_a_hostile_position_means_no_position(player: Callable[[], Player], query: str) -> None:
    with player().feed(query) as feed:
        assert greeting(feed)[0]["data"]["recovered"] is False


def test_a_burst_closes_nobody_who_reads(player: Callable[[], Player]) -> None:
    user = player()
    before = sample(user.stores, "realtime_slow_consumer_total")
    with user.feed() as feed:
        greeting(feed)
        for _ in range(3):
            user.act_fast(200)
        assert [item["seq"] for item in frames(feed, 600)] == list(range(1, 601))
    assert sample(user.stores, "realtime_slow_consumer_total") == before


def test_a_client_that_does_not_read_is_closed_and_counted(player: Callable[[], Player]) -> None:
    user = player()
    name = "realtime_slow_consumer_total"
    before = sample(user.stores, name)
    narrow = socket.socket()
    narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    host, port = user.stores.url("BACKEND_URL").removeprefix("http://").split(":")
    narrow.connect((host, int(port)))
    with user.feed(sock=narrow, max_queue=1, close_timeout=0.1) as feed:
        greeting(feed)
        for _ in range(20):
            user.act_fast(150, size=3500)
            if sample(user.stores, name) > before:
                break
            pushed(user)
        until(lambda: sample(user.stores, name) == before + 1)
        until(lambda: sample(user.stores, "ws_active_connections") == 0)


def sample(stores: Stores, name: str) -> float:
    text = web.get(stores.url("BACKEND_URL") + "/metrics").text
    return next(float(line.split()[-1]) for line in text.splitlines() if line.startswith(f"{name} "))
