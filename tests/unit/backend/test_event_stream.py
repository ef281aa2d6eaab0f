"""An event stream leaves who does not read, says that it lives, and always gives its place back."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncGenerator, Callable, Coroutine

import pytest

from ccops.backend.core import event_stream
from ccops.backend.core.errors import ApiError
from ccops.backend.core.event_stream import EventStream
from ccops.backend.services.global_metrics import Sample
from ccops.backend.services.metrics_feed import QUEUE, Feed


def in_a_loop(test: Callable[..., Coroutine[None, None, None]]) -> Callable[..., None]:
    """Run the test in an event loop of its own."""

    @functools.wraps(test)
    def run_it(**fixtures: object) -> None:
        asyncio.run(test(**fixtures))

    return run_it


class Client:
    """The server's side of one connection."""

    def __init__(self, takes: int = 1000) -> None:
        self.got: list[dict] = []
        self.takes = takes
        self.gone = asyncio.Event()
        self.left = 0

    async def send(self, message: dict) -> None:
        if len(self.got) >= self.takes:
            await asyncio.Event().wait()  # its buffers are full
        self.got.append(message)

    async def receive(self) -> dict:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    def leave(self) -> None:
        self.left += 1

    @property
    def text(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.got)


async def endless() -> AsyncGenerator[bytes, None]:
    while True:
        yield b"data: x\n\n"
        await asyncio.sleep(0)


async def silent() -> AsyncGenerator[bytes, None]:
    await asyncio.Event().wait()
    yield b""


async def run(client: Client, events: AsyncGenerator[bytes, None], stop: asyncio.Event, **more) -> None:
    stream = EventStream(events, stop, client.leave, **more)
    async with asyncio.timeout(5):
        await stream({}, client.receive, client.send)
    assert client.left == 1


@in_a_loop
async def test_a_client_that_does_not_read_is_left() -> None:
    client = Client(takes=4)
    await run(client, endless(), asyncio.Event(), write_s=0.05)
    assert len(client.got) == 4


@in_a_loop
async def test_a_client_that_goes_ends_the_stream() -> None:
    client = Client()
    asyncio.get_running_loop().call_later(0.05, client.gone.set)
    await run(client, endless(), asyncio.Event())
    assert client.got


@in_a_loop
async def test_silence_is_filled_with_comments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_stream, "COMMENT_S", 0.02)
    client = Client()
    asyncio.get_running_loop().call_later(0.2, client.gone.set)
    await run(client, silent(), asyncio.Event())
    assert client.text.startswith(b"retry: ")
    assert client.text.count(b": still here\n\n") >= 3


@in_a_loop
async def test_a_stop_ends_the_answer_properly_even_when_the_client_hangs() -> None:
    for client in (Client(), Client(takes=2)):
        stop = asyncio.Event()
        asyncio.get_running_loop().call_later(0.05, stop.set)
        await run(client, silent() if client.takes > 2 else endless(), stop)
        if client.takes > 2:
            assert client.got[-1] == {"type": "http.response.body", "body": b"", "more_body": False}


@in_a_loop
async def test_who_falls_behind_is_dropped_and_the_others_are_served() -> None:
    feed = Feed()
    slow, quick = feed.join(), feed.join()
    assert feed._task is not None
    feed._task.cancel()
    seen = []
    for number in range(1, QUEUE + 3):
        feed._give(Sample(f"{number}-0", b"{}"))
        while not quick.empty():
            seen.append(quick.get_nowait())
    assert [one.id for one in seen if one] == [f"{number}-0" for number in range(1, QUEUE + 3)]
    assert slow.get_nowait() is None
    assert slow.empty()


@in_a_loop
async def test_a_full_house_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ccops.backend.services.metrics_feed.CLIENTS", 1)
    feed = Feed()
    queue = feed.join()
    with pytest.raises(ApiError, match="TOO_MANY_STREAMS"):
        feed.join()
    feed.leave(queue)
    feed.join()
    await feed.close()


@in_a_loop
async def test_a_stream_ends_with_the_token_that_opened_it() -> None:
    client = Client()
    await run(client, silent(), asyncio.Event(), last_s=0.05)
    assert client.got[-1] == {"type": "http.response.body", "body": b"", "more_body": False}
