"""Frames reach every socket once and in order, or the socket ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import cast

import orjson
import pytest
from fastapi import WebSocket

from ccops.backend.realtime import codes
from ccops.backend.realtime.connection import QUEUE_FRAMES, Connection
from ccops.backend.realtime.hub import Hub

USER = 7


class Socket:
    """Keeps what was sent."""

    def __init__(self) -> None:
        self.sent: list[int] = []

    async def send_text(self, text: str) -> None:
        self.sent.append(orjson.loads(text)["seq"])
        await asyncio.sleep(0)


class Peer:
    """A connection and the socket behind it, attached to a hub and greeted up to `seq`."""

    def __init__(self, hub: Hub, family: str = "") -> None:
        self.socket = Socket()
        self.connection = Connection(cast(WebSocket, self.socket), USER, family)
        hub.attach(self.connection)
        self.hub = hub

    async def live(self, seq: int, epoch: str = "e") -> None:
        self.hub.joined(self.connection, epoch, seq)
        await self.connection.go_live(epoch, seq)

    async def drain(self) -> list[int]:
        writer = asyncio.create_task(self.connection.write())
        await asyncio.sleep(0.01)
        writer.cancel()
        await asyncio.gather(writer, return_exceptions=True)
        return self.socket.sent

    @property
    def code(self) -> int | None:
        return self.connection.ended.result()[0] if self.connection.ended.done() else 0


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
    assert await peer.drain() == [6, 7]


@scenario
async def test_a_repeated_frame_is_passed_on_once(hub: Hub) -> None:
    peer = Peer(hub)
    await peer.live(0)
    for seq in (1, 2, 2, 1, 3):
        await hub._dispatch(text(seq))
    assert await peer.drain() == [1, 2, 3]


@scenario
async def test_another_epoch_ends_the_sockets(hub: Hub) -> None:
    peer = Peer(hub)
    await peer.live(3)
    await hub._dispatch(text(1, epoch="other"))
    assert (peer.code, await peer.drain()) == (codes.RESTART, [])


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
    for seq in range(1, QUEUE_FRAMES + 2):
        await hub._dispatch(text(seq))
        await quick.drain() if seq % 50 == 0 else None
    assert (slow.code, quick.code) == (codes.SLOW, 0)


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
    assert await peer.drain() == [1]


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
