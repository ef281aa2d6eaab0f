"""A very small game over real HTTP and WebSocket, with faults on a switch. Not a stand-in for the backend:
it shows what the engine says when a system misbehaves in a way that the backend can't be made to."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field

import uvicorn
from fastapi import FastAPI, Request, Response, WebSocket, WebSocketDisconnect

TOKEN = "token-0123456789abcdef"


@dataclass
class Game:
    """The state of one fake and its switches; `url` is where it listens."""

    url: str = ""
    frames: list[dict[str, object]] = field(default_factory=list)
    sockets: list[WebSocket] = field(default_factory=list)
    acts: int = 0
    skip: bool = False  # swallow a frame: its number is used, nobody sees it
    double: bool = False  # deliver every frame twice
    lag: float = 0.0
    count: int = 1000
    traces: list[str] = field(default_factory=list)
    torn_down: int = 0

    async def push(self, kind: str, trace: str, data: dict[str, object]) -> str:
        event = str(uuid.uuid4())
        frame = {
            "type": kind, "user_id": 7, "data": data, "timestamp": time.time(), "seq": len(self.frames) + 1,
            "epoch": "e1", "event_id": event, "trace_id": trace,
        }  # fmt: skip
        self.frames.append(frame)
        for _ in range(0 if self.skip else 2 if self.double else 1):
            for socket in list(self.sockets):
                await socket.send_text(json.dumps(frame))
        return event


def app_of(game: Game) -> FastAPI:
    """Return the application of `game`."""
    app = FastAPI()

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/metrics")
    async def metrics() -> Response:
        text = f'acts_total{{kind="a"}} {game.count}\nacts_total{{kind="b"}} 5\n'
        return Response(text, media_type="text/plain")

    @app.post("/login")
    async def login() -> dict[str, str]:
        return {"access_token": TOKEN}

    @app.post("/act")
    async def act(request: Request) -> Response:
        trace = request.headers["traceparent"].split("-")[1]
        game.traces.append(trace)
        game.acts += 1
        game.count += 1
        body = await request.json()

        async def later() -> None:
            await asyncio.sleep(game.lag)
            await game.push("acted", trace, {"n": body.get("n", 1)})

        task = asyncio.create_task(later())
        if not game.lag:
            await task
        request.app.state.task = task
        answer = {"n": game.acts, "token": request.headers.get("authorization", "")}
        return Response(
            json.dumps(answer), 201, {"X-Request-Id": f"req-{game.acts}"}, media_type="application/json"
        )

    @app.post("/once")
    async def once() -> Response:
        game.acts += 1
        return Response("{}", 200 if game.acts == 1 else 409, media_type="application/json")

    @app.post("/cut")
    async def cut() -> dict[str, str]:
        for socket in list(game.sockets):
            await socket.close(1012, "restart")
        return {}

    @app.post("/forget")
    async def forget() -> dict[str, str]:
        game.torn_down += 1
        return {}

    @app.websocket("/feed")
    async def feed(socket: WebSocket, epoch: str = "", last_seq: int = 0) -> None:
        offered = socket.headers.get("sec-websocket-protocol", "").split(", ")
        if f"bearer.{TOKEN}" not in offered:
            await socket.close(4401)
            return
        await socket.accept(subprotocol="cc.v1")
        resumed = epoch == "e1"
        data = {"epoch": "e1", "seq": len(game.frames), "recovered": resumed}
        await socket.send_text(json.dumps({"type": "sync_connected", "user_id": 7, "data": data}))
        for frame in game.frames[last_seq:] if resumed else ():
            await socket.send_text(json.dumps({**frame, "replay": True}))
        game.sockets.append(socket)
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            while True:
                await game.push("echo", "", {"said": json.loads(await socket.receive_text())})
        game.sockets.remove(socket)

    return app


@contextlib.contextmanager
def serving() -> Iterator[Game]:
    """Run a fake on a free port in a thread."""
    game = Game()
    config = uvicorn.Config(app_of(game), host="127.0.0.1", port=0, log_level="error", ws="websockets-sansio")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.005)
    port = server.servers[0].sockets[0].getsockname()[1]
    game.url = f"http://127.0.0.1:{port}"
    try:
        yield game
    finally:
        server.should_exit = True
        thread.join(5)
