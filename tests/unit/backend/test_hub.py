"""Frames reach every socket once and in order, or the socket ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine

import orjson
import pytest

from ccops.backend.realtime import codes
from ccops.backend.realtime.connection import QUEUE_FRAMES, Connection
from ccops.backend.realtime.hub import Hub

USER = 7


class Socket:
    """Keeps what was sent; while it is congested nobody may send."""

    def __init__(self) -> None:
        self.sent: list[int] = []
        self.closed: int | None = None
        self.congested = False

    def push(self, data: bytes) -> None:
        assert not self.congested
        self.sent.append(orjson.loads(data[data.index(b"{") :])["seq"])

    def finish(self, code: int, reason: str) -> None:
        self.closed = code


class Peer:
    """A connection and the socket behind it, attached to a hub and greeted up to `seq`."""

    def __init__(self, hub: Hub, family: str = "") -> None:
        self.socket = Socket()
        self.connection = Connection(self.socket, USER, family)
        hub.attach(self.connection)
        self.hub = hub

    async def live(self, seq: int, epoch: str = "e") -> None:
        self.hub.joined(self.connection, epoch, seq)
        await self.connection.go_live(epoch, seq)

    def stall(self) -> None:
        """Stop reading, as the transport would tell."""
        self.socket.congested = True

    def drain(self) -> list[int]:
        """Read everything."""
        self.socket.congested = False
        self.connection.writable()
        return self.socket.sent

    @property
    def code(self) -> int | None:
        ended = self.connection.ended
        assert self.socket.closed == (ended[0] if ended else None)
        return ended[0] if ended else 0


def text(seq: int, epoch: str = "e", event: str = "") -> str:
    body = {"user_id": USER, "seq": seq, "epoch": epoch, "type": "user_action"}
    stamp = {"event_id": event or f"event-{seq}", "timestamp": "2026-01-01T00:00:00.000Z"}
    return orjson.dumps(body | stamp).decode()


def scenario(test: Callable[[Hub], Coroutine[object, object, None]]) -> Callable[[], None]:
    def run() -> None:
        async def inside() -> None:
            await test(Hub())

        asyncio.run(inside())

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    return run


@scenario
async def test_frames_offered_during_the_greeting_follow_it_once(hub: Hub) -> None:
    peer = Peer(hub)
    for seq in (4, 5, 6):
        await hub._dispatch(text(seq))
    await peer.live(5)  # the snapshot held 4 and 5 already
    await hub._dispatch(text(7))
    assert peer.drain() == [6, 7]


@scenario
async def test_a_repeated_frame_is_passed_on_once(hub: Hub) -> None:
    peer = Peer(hub)
    await peer.live(0)
    for seq in (1, 2, 2, 1, 3):
        await hub._dispatch(text(seq))
    assert peer.drain() == [1, 2, 3]


@scenario
async def test_another_epoch_ends_the_sockets(hub: Hub) -> None:
    peer = Peer(hub)
    await peer.live(3)
    await hub._dispatch(text(1, epoch="other"))
    assert (peer.code, peer.drain()) == (codes.RESTART, [])


@scenario
async def test_a_hole_after_the_snapshot_ends_the_socket(hub: Hub) -> None:
    peer = Peer(hub)
    await hub._dispatch(text(9))
    await peer.live(5)
    assert (peer.code, peer.socket.sent) == (codes.RESTART, [])


@scenario
async def test_a_full_queue_ends_the_socket_and_no_other(hub: Hub) -> None:
    slow, quick = Peer(hub), Peer(hub)
    await slow.live(0)
    await quick.live(0)
    slow.stall()
    for seq in range(1, QUEUE_FRAMES + 1):
        await hub._dispatch(text(seq))
    assert (slow.code, slow.socket.sent) == (0, [])
    await hub._dispatch(text(QUEUE_FRAMES + 1))
    assert (slow.code, quick.code) == (codes.SLOW, 0)
    assert quick.socket.sent == list(range(1, QUEUE_FRAMES + 2))


@scenario
async def test_a_slow_reader_gets_what_waited_in_order_and_once(hub: Hub) -> None:
    peer = Peer(hub)
    await peer.live(0)
    await hub._dispatch(text(1))
    peer.stall()
    for seq in range(2, QUEUE_FRAMES + 2):
        await hub._dispatch(text(seq))
    assert peer.drain() == list(range(1, QUEUE_FRAMES + 2))
    await hub._dispatch(text(QUEUE_FRAMES + 2))
    assert (peer.code, peer.socket.sent[-1]) == (0, QUEUE_FRAMES + 2)


@scenario
async def test_the_greeting_waits_for_a_client_that_does_not_read(hub: Hub) -> None:
    peer = Peer(hub)
    for seq in (1, 2):
        await hub._dispatch(text(seq))
    peer.stall()
    greeting = asyncio.create_task(peer.live(0))
    await asyncio.sleep(0)
    await hub._dispatch(text(3))
    assert (peer.socket.sent, greeting.done()) == ([], False)
    peer.drain()
    await greeting
    assert peer.socket.sent == [1, 2, 3]


@scenario
async def test_an_ended_socket_is_forgotten_and_its_greeting_ends(hub: Hub) -> None:
    peer = Peer(hub)
    peer.connection.opening = asyncio.create_task(asyncio.sleep(60))
    peer.connection.lost()
    await asyncio.wait({peer.connection.opening}, timeout=5)
    assert peer.connection.opening.cancelled()
    assert (peer.socket.closed, hub._feeds, hub._connections) == (None, {}, {})
    await hub._dispatch(text(1))
    assert peer.socket.sent == []


@scenario
async def test_a_replaced_socket_ends_and_no_other(hub: Hub) -> None:
    old, new = Peer(hub), Peer(hub)
    mine = f"{hub.register.process}/{old.connection.id}"
    theirs = f"another-process/{new.connection.id}"
    hub._obey(orjson.dumps({"control": "replaced", "sockets": [theirs, mine, "nonsense", None]}).decode())
    assert (old.code, new.code) == (codes.REPLACED, 0)


@scenario
async def test_a_closed_session_ends_its_sockets_and_no_other(hub: Hub) -> None:
    one, other = Peer(hub, "one"), Peer(hub, "other")
    hub._obey(orjson.dumps({"control": "revoked", "families": ["one", "two"]}).decode())
    assert (one.code, other.code) == (codes.TOKEN, 0)


@scenario
async def test_nonsense_on_the_channel_is_ignored(hub: Hub) -> None:
    peer = Peer(hub)
    await peer.live(0)
    for nonsense in ("", "{", "[]", "null", '{"user_id": []}'):
        await hub._dispatch(nonsense)
    await hub._dispatch(text(1))
    assert peer.drain() == [1]


@scenario
async def test_a_number_used_twice_starts_another_epoch(hub: Hub) -> None:
    peer = Peer(hub)
    await peer.live(0)
    await hub._dispatch(text(1))
    lost: list[int] = []

    async def note(user_id: int, feed: object) -> None:
        lost.append(user_id)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hub, "_lost", note)
        await hub._dispatch(text(1, event="somebody else"))
    assert lost == [USER]
