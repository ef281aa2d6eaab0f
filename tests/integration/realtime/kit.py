"""Backends and clients of the realtime tests."""

from __future__ import annotations

import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.integration.pipeline.kit import Stores, free_port, until
from tests.web import web

_numbers = itertools.count(1)


@dataclass
class Backend:
    """A backend process; `process` is missing when the stack owns it."""

    url: str
    log: Path
    process: subprocess.Popen[bytes] | None

    @property
    def ws(self) -> str:
        return self.url.replace("http", "ws", 1)

    @contextmanager
    def feed(self, token: str, query: str = "", **more: object) -> Iterator[ClientConnection]:
        """Open the realtime channel."""
        url = f"{self.ws}/api/realtime/sync{query}"
        protocols = ["cc.v1", f"bearer.{token}"] if token else ["cc.v1"]
        with connect(url, subprotocols=protocols, proxy=None, **more) as feed:
            yield feed

    def sample(self, name: str) -> float:
        """Return one sample of /metrics, named with its labels; 0 when there is none."""
        for line in web.get(f"{self.url}/metrics").text.splitlines():
            if line.startswith(f"{name} "):
                return float(line.rpartition(" ")[2])
        return 0.0


@contextmanager
def backend(stores: Stores, *, ready: str = "/health/ready", **settings: str) -> Iterator[Backend]:
    """Run a backend of our own on the same stores; it has the first one's keys."""
    port = free_port()
    secrets = (stores.load().state_dir / "secrets.env").read_text(encoding="utf-8").splitlines()
    env = dict(line.split("=", 1) for line in secrets if "=" in line) | {
        "PATH": os.environ["PATH"],
        "APP_ENV": "dev",
        "UNLIMITED_INVITE_CODE": "5858",
        "DATABASE_URL": stores.url("DATABASE_URL"),
        "REDIS_URL": stores.url("REDIS_URL"),
        "HTTP_PORT": str(port),
        **settings,
    }
    path = stores.folder / f"backend-{next(_numbers)}.log"
    with path.open("wb") as log:
        argv = [sys.executable, "-m", "ccops.backend.serve"]
        process = subprocess.Popen(argv, env=env, stdout=log, stderr=subprocess.STDOUT)
    made = Backend(f"http://127.0.0.1:{port}", path, process)
    try:
        until(lambda: _answers(made, ready))
        yield made
    finally:
        process.terminate()
        assert process.wait(15) in {0, -signal.SIGTERM, -signal.SIGKILL}, path.read_text()[-2000:]


def _answers(made: Backend, path: str) -> bool:
    assert made.process is None or made.process.poll() is None, made.log.read_text()[-2000:]
    try:
        return web.get(made.url + path, timeout=2).status_code == 200
    except httpx.HTTPError:
        return False


@dataclass
class User:
    """A user of one test."""

    url: str
    id: int
    credentials: dict[str, str]

    def login(self, **more: object) -> str:
        """Open a session; return its access token."""
        answer = web.post(f"{self.url}/api/auth/login", json=self.credentials | more)
        assert answer.status_code == 200, answer.text
        return answer.json()["access_token"]

    def call(self, token: str, method: str, path: str, body: object = None) -> httpx.Response:
        """Call the service with a session's token."""
        headers = {"Authorization": f"Bearer {token}"}
        answer = web.request(method, self.url + path, json=body, headers=headers)
        assert answer.is_success, answer.text
        return answer

    def act(self, token: str) -> str:
        """Do something; return the event id."""
        return self.call(token, "POST", "/api/actions", {"action_type": "ACT"}).json()["event_id"]

    def act_fast(self, stores: Stores, count: int) -> None:
        """Do `count` things in one SQL statement."""
        context = {"trace_id": uuid.uuid4().hex, "request_id": "realtime-test", "env": "dev"}
        query = "SELECT cc_action(%s::jsonb, %s, NULL, 'BULK', '{}', NULL) FROM generate_series(1, %s)"
        stores.sql(query, json.dumps(context), self.id, count)

    def pushed(self, stores: Stores) -> None:
        """Wait until the relay took every event of the user."""
        query = "SELECT 1 FROM outbox WHERE user_id = %s AND realtime AND pushed_at IS NULL"
        until(lambda: not stores.sql(query, self.id))


@contextmanager
def proxied(stores: Stores) -> Iterator[tuple[str, Callable[[], None]]]:
    """A way to Redis of its own, and what cuts it: then nothing answers there any more."""
    parts = urlsplit(stores.url("REDIS_URL"))
    server = socket.create_server(("127.0.0.1", 0))
    ends: list[socket.socket] = [server]

    def pump(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                target.sendall(data)

    def accept() -> None:
        with suppress(OSError):
            while True:
                near, _ = server.accept()
                far = socket.create_connection((parts.hostname or "", parts.port or 0))
                ends.extend((near, far))
                for pair in ((near, far), (far, near)):
                    threading.Thread(target=pump, args=pair, daemon=True).start()

    def cut() -> None:
        for end in ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    threading.Thread(target=accept, daemon=True).start()
    port = server.getsockname()[1]
    try:
        yield f"redis://:{parts.password}@127.0.0.1:{port}/0", cut
    finally:
        cut()


def take(feed: ClientConnection, wanted: int = 1, *, seconds: float = 30.0) -> list[dict]:
    """Return the next `wanted` frames that are no heartbeats."""
    got: list[dict] = []
    while len(got) < wanted:
        frame = json.loads(feed.recv(seconds))
        if frame["type"] != "heartbeat":
            got.append(frame)
    return got


def greeted(feed: ClientConnection) -> list[dict]:
    """Return every frame up to `backfill_complete`."""
    got: list[dict] = []
    while not got or got[-1]["type"] != "backfill_complete":
        got += take(feed)
    return got


def closed(feed: ClientConnection, seconds: float = 30.0) -> tuple[int | None, float]:
    """Read to the end; return the close code and how long that took."""
    begun = time.monotonic()
    try:
        while time.monotonic() < begun + seconds:
            feed.recv(max(0.01, begun + seconds - time.monotonic()))
    except ConnectionClosed as ending:
        return (ending.rcvd.code if ending.rcvd else None), time.monotonic() - begun
    except TimeoutError:
        pass
    raise AssertionError(f"still open after {seconds:g} s")


def alive(feed: ClientConnection) -> bool:
    """Return whether the service answers on this socket."""
    feed.send('{"type": "ping"}')
    return take(feed)[0]["type"] == "pong"
