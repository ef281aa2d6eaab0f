"""A feed that says one sentence and closes, and one that closes without a word."""

from __future__ import annotations

import asyncio

import pytest
from websockets.asyncio.server import ServerConnection, serve

from ccops.core.errors import Unreachable
from ccops.smoke.watchers_ws import WsWatcher


async def _opened(said: str, times: int) -> list[tuple[int, str]]:
    """Open a feed of a server that says `said` and closes at once; return how each connection ended."""

    async def last_word(connection: ServerConnection) -> None:
        if said:
            await connection.send(said)
        await connection.close(1000, "use another")

    async with serve(last_word, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        watcher, ends = WsWatcher("old", f"http://127.0.0.1:{port}", "/ws/games"), []
        for _ in range(times):
            await watcher.open()
            ends.append(await watcher.closed())
        await watcher.close()
        return ends


def test_a_feed_that_closes_behind_its_first_frame_was_heard_whichever_comes_first() -> None:
    """Frame and close may come in one piece: then the connection is over before `open` looks."""
    ends = asyncio.run(_opened('{"type": "bye"}', 50))

    assert ends == [(1000, "use another")] * 50


def test_a_feed_that_closes_without_a_word_is_no_feed() -> None:
    with pytest.raises(Unreachable, match="did not answer"):
        asyncio.run(_opened("", 1))
