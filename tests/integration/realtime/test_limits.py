"""Who sends too much, reads too little or opens too many ends; everybody else goes on."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from websockets.client import ClientProtocol
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode
from websockets.sync.client import ClientConnection
from websockets.uri import parse_uri

from tests.integration.pipeline.kit import Stores, until
from tests.integration.realtime.kit import Backend, User, alive, backend, closed, greeted, take

Make = Callable[[], User]


@contextlib.contextmanager
def raw(process: Backend, token: str) -> Iterator[tuple[socket.socket, ClientProtocol]]:
    """A client that answers nothing by itself."""
    host, port = process.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=5) as plain:
        names = ["cc.v1", f"bearer.{token}"]
        protocol = ClientProtocol(parse_uri(f"{process.ws}/api/realtime/sync"), subprotocols=names)
        protocol.send_request(protocol.connect())
        plain.sendall(b"".join(protocol.data_to_send()))
        yield plain, protocol


def read_to_the_end(plain: socket.socket, protocol: ClientProtocol) -> int | None:
    """Read without ever answering; return the close code."""
    with contextlib.suppress(OSError):
        while data := plain.recv(65_536):
            protocol.receive_data(data)
    return protocol.close_rcvd.code if protocol.close_rcvd else None


def test_the_newest_three_sockets_stay_whichever_process_holds_them(
    main: Backend, quick: Backend, user: Make
) -> None:
    one = user()
    token = one.login()
    with ExitStack() as stack:
        feeds = []
        for process in (main, quick, main, quick, main):
            feeds.append(stack.enter_context(process.feed(token)))
            greeted(feeds[-1])
        assert [closed(feed)[0] for feed in feeds[:2]] == [4409, 4409]
        event = one.act(token)
        assert [take(feed)[0]["event_id"] for feed in feeds[2:]] == [event] * 3


def test_sockets_of_a_dead_process_do_not_count(main: Backend, user: Make, stores: Stores) -> None:
    one = user()
    token = one.login()
    with ExitStack() as stack:
        old = stack.enter_context(main.feed(token))
        greeted(old)
        with backend(stores) as doomed:
            for _ in range(2):
                feed = stack.enter_context(doomed.feed(token))
                greeted(feed)
            assert doomed.process is not None
            doomed.process.send_signal(signal.SIGKILL)
            doomed.process.wait(5)
        members = stores.redis().zrange(f"rt:{one.id}:sockets", 0, -1)
        lives = {member.partition("/")[0] for member in members}
        assert len(members) == 3
        for process in lives:  # its sign of life runs out after 15 s; main writes its own again
            stores.redis().delete(f"rt:proc:{process}")
        until(lambda: stores.redis().keys("rt:proc:*"))
        new = [stack.enter_context(main.feed(token)) for _ in range(2)]
        for feed in new:
            greeted(feed)
        assert all(alive(feed) for feed in (old, *new))


def test_a_replacement_that_nobody_heard_of_is_found(quick: Backend, user: Make, stores: Stores) -> None:
    one = user()
    with quick.feed(one.login()) as feed:
        greeted(feed)
        cache, key = stores.redis(), f"rt:{one.id}:sockets"
        with cache.pipeline() as pipe:
            newer = [f"another/{number}" for number in range(3)]
            pipe.delete(key)
            pipe.zadd(key, dict.fromkeys(newer, 9))
            pipe.set("rt:proc:another", "1", ex=15)
            pipe.execute()
        assert closed(feed)[0] == 4409
        cache.delete(key)


def test_sockets_that_the_register_forgot_stay_and_count_again(
    quick: Backend, user: Make, stores: Stores
) -> None:
    one = user()
    token = one.login()
    with ExitStack() as stack:
        feeds = []
        for _ in range(3):
            feeds.append(stack.enter_context(quick.feed(token)))
            greeted(feeds[-1])
        cache, key = stores.redis(), f"rt:{one.id}:sockets"
        before = cache.zrange(key, 0, -1)
        assert cache.delete(key) == 1
        until(lambda: cache.zcard(key) == 3)
        assert cache.zrange(key, 0, -1) == before
        assert all(alive(feed) for feed in feeds)
        greeted(stack.enter_context(quick.feed(token)))
        assert closed(feeds[0])[0] == 4409


def test_a_socket_that_leaves_gives_its_place_back(main: Backend, user: Make, stores: Stores) -> None:
    one = user()
    token = one.login()
    for _ in range(3):
        with main.feed(token) as feed:
            greeted(feed)
    until(lambda: not stores.redis().exists(f"rt:{one.id}:sockets"))


def test_no_pong_closes_with_4408(quick: Backend, user: Make) -> None:
    before = quick.sample('ws_closed_total{code="4408"}')
    begun = time.monotonic()
    with raw(quick, user().login()) as (plain, protocol):
        assert read_to_the_end(plain, protocol) == 4408
    assert 0.9 < time.monotonic() - begun < 12
    assert quick.sample('ws_closed_total{code="4408"}') == before + 1


def test_a_client_that_stopped_altogether_is_let_go(quick: Backend, user: Make) -> None:
    before = quick.sample("ws_active_connections")
    with raw(quick, user().login()):
        until(lambda: quick.sample("ws_active_connections") == before + 1)
        until(lambda: quick.sample("ws_active_connections") == before)  # nobody read, nobody answered


def test_silence_brings_heartbeats_with_the_position(quick: Backend, user: Make) -> None:
    one = user()
    token = one.login()
    with quick.feed(token) as feed:
        epoch = greeted(feed)[0]["data"]["epoch"]
        beats = [json.loads(feed.recv(3)) for _ in range(2)]
        one.act(token)
        assert take(feed)[0]["seq"] == 1
        feed.send(json.dumps({"type": "ack", "seq": 1}))
        last = json.loads(feed.recv(3))
    assert [beat["type"] for beat in (*beats, last)] == ["heartbeat"] * 3
    assert beats[0]["data"] == {"epoch": epoch, "seq": 0, "acked": 0}
    assert last["data"] == {"epoch": epoch, "seq": 1, "acked": 1}
    assert "seq" not in last


def test_messages_of_a_client_are_answered_as_the_contract_says(main: Backend, user: Make) -> None:
    one = user()
    with main.feed(one.login()) as feed:
        epoch = greeted(feed)[0]["data"]["epoch"]
        said = [
            ({"type": "ping"}, "pong", {"epoch": epoch, "seq": 0, "acked": 0}),
            ({"type": "ack", "seq": 1}, "error", {"code": "BAD_ACK"}),
            ({"type": "ack", "seq": "0"}, "error", {"code": "BAD_MESSAGE"}),
            ({"type": "subscribe", "topics": []}, "subscribed", {"topics": ["user"]}),
            ({"type": "subscribe", "topics": ["user", f"user:{one.id}"]}, "subscribed", {"topics": ["user"]}),
            ({"type": "subscribe", "topics": ["weather"]}, "error", {"code": "UNKNOWN_TOPIC"}),
            ({"type": "subscribe", "topics": "user"}, "error", {"code": "BAD_MESSAGE"}),
        ]
        for message, kind, data in said:
            feed.send(json.dumps(message))
            answer = take(feed)[0]
            assert (answer["type"], answer["data"]) == (kind, data)
        feed.send(json.dumps({"type": "subscribe", "topics": [f"user:{one.id + 1}"]}))
        assert closed(feed)[0] == 4403


def _huge(feed: ClientConnection) -> None:
    feed.send("x" * 1_000_000)


def _huge_binary(feed: ClientConnection) -> None:
    feed.send(b"\x00" * 1_000_000)


def _long(feed: ClientConnection) -> None:
    feed.send("x" * 4_097)


def _messages(feed: ClientConnection) -> None:
    for _ in range(21):
        feed.send('{"type": "ping"}')


def _pings(feed: ClientConnection) -> None:
    for _ in range(2_000):
        feed.ping()


def _pieces(feed: ClientConnection) -> None:
    feed.protocol.send_text(b"", fin=False)
    for _ in range(2_000):
        feed.protocol.send_continuation(b"", fin=False)
    feed.socket.sendall(b"".join(feed.protocol.data_to_send()))


def _not_utf8(feed: ClientConnection) -> None:
    feed.protocol.send_frame(Frame(Opcode.TEXT, b"\xff\xfe"))
    feed.socket.sendall(b"".join(feed.protocol.data_to_send()))


@pytest.mark.parametrize(
    ("attack", "code"),
    [
        (_huge, 4413),
        (_huge_binary, 4413),
        (_long, 4413),
        (_messages, 4429),
        (_pings, 4429),
        (_pieces, 4429),
        (_not_utf8, 1007),
    ],
)
def test_an_abuser_is_told_why_and_hurts_nobody_else(
    main: Backend, user: Make, stores: Stores, attack: Callable[[ClientConnection], None], code: int
) -> None:
    good, bad = user(), user()
    with main.feed(good.login()) as feed, main.feed(bad.login()) as hostile:
        greeted(feed)
        greeted(hostile)
        good.act_fast(stores, 20)
        with contextlib.suppress(ConnectionClosed, OSError):
            attack(hostile)
        assert closed(hostile)[0] == code
        good.act_fast(stores, 20)
        assert [frame["seq"] for frame in take(feed, 40)] == list(range(1, 41))


def test_a_stalled_client_holds_nobody_up(main: Backend, user: Make, stores: Stores) -> None:
    good, stalled = user(), user()
    with raw(main, stalled.login()), main.feed(good.login()) as feed:
        greeted(feed)
        for _ in range(5):
            stalled.act_fast(stores, 100)
            good.act_fast(stores, 20)
        begun = time.monotonic()
        assert [frame["seq"] for frame in take(feed, 100)] == list(range(1, 101))
        assert time.monotonic() - begun < 10


def test_a_graceful_stop_closes_with_1012(user: Make, stores: Stores) -> None:
    with backend(stores) as leaving, leaving.feed(user().login()) as feed:
        greeted(feed)
        assert leaving.process is not None
        leaving.process.terminate()
        assert closed(feed)[0] == 1012


def test_a_store_that_is_down_closes_with_1013(user: Make, stores: Stores) -> None:
    token = user().login()
    with (
        backend(stores, ready="/health", REDIS_URL="redis://127.0.0.1:1/0") as broken,
        broken.feed(token) as feed,
    ):
        assert closed(feed)[0] == 1013
