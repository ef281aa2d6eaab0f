"""Clients of a backend that is several processes: players, sockets that come back, a scraper, a prober."""

from __future__ import annotations

import asyncio
import json
import os
import re
import secrets
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psycopg
from psycopg.rows import dict_row
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.sync.client import ClientConnection
from websockets.sync.client import connect as connect_sync

from ccops.core.profile import Profile
from ccops.stack import engine
from tests.web import http_client, web

SAMPLE = re.compile(r"^(?P<series>[a-z_]+(?:\{.*\})?) (?P<value>\S+)$")
ADDS_UP = ("_total", "_count", "_bucket")


@dataclass
class Several:
    """The running stack: one port, two processes."""

    load: Callable[[], Profile]
    folder: Path

    @property
    def url(self) -> str:
        return self.load().get("CCOPS_BACKEND_URL")

    def alone(self, number: int) -> str:
        """Return the URL of one process' own port."""
        state = engine.state(self.load())
        assert state is not None
        return f"http://{state.services[f'backend-{number}'].address}"

    def pid(self, number: int) -> int | None:
        return engine.pid_of(self.load(), f"backend-{number}")

    def kill(self, number: int) -> None:
        pid = self.pid(number)
        assert pid
        os.kill(pid, signal.SIGKILL)

    def sql(self, query: str, *args: object) -> list[dict]:
        url = self.load().get("CCOPS_DATABASE_URL")
        with psycopg.connect(url, autocommit=True, row_factory=dict_row) as conn:
            cursor = conn.execute(query, args or None)
            return cursor.fetchall() if cursor.description else []

    def samples(self, url: str = "") -> dict[str, float]:
        """Scrape once: the text of each series and its value."""
        answer = web.get(f"{url or self.url}/metrics", timeout=10)
        found = (SAMPLE.match(line) for line in answer.text.splitlines())
        return {one["series"]: float(one["value"]) for one in found if one}

    def ready(self, number: int) -> bool:
        try:
            return web.get(f"{self.alone(number)}/health/ready", timeout=2).is_success
        except httpx.HTTPError:
            return False


@dataclass
class Player:
    """A user of one test."""

    several: Several
    id: int
    token: str

    @property
    def auth(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def act(self, http: httpx.Client, kind: str = "ACT", url: str = "") -> str:
        """Do something; return its event id."""
        place = f"{url or self.several.url}/api/actions"
        answer = http.post(place, json={"action_type": kind}, headers=self.auth)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["event_id"])

    def history(self) -> list[str]:
        """Return the event ids of the outbox in its order."""
        rows = self.several.sql(
            "SELECT event_id::text FROM outbox o WHERE user_id = %s AND realtime ORDER BY o.id", self.id
        )
        return [row["event_id"] for row in rows]

    @contextmanager
    def feed(self, url: str = "") -> Iterator[ClientConnection]:
        """Open the realtime channel and read its greeting."""
        place = (url or self.several.url).replace("http", "ws", 1) + "/api/realtime/sync"
        with connect_sync(place, subprotocols=["cc.v1", f"bearer.{self.token}"], proxy=None) as feed:
            while json.loads(feed.recv(10))["type"] != "backfill_complete":
                pass
            yield feed


@dataclass
class Follower:
    """A client that reads for ever and comes back whenever it is closed, with what it has."""

    player: Player
    epoch: str = ""
    last: int = 0
    first: int = 0
    ids: list[str] = field(default_factory=list)
    seqs: list[int] = field(default_factory=list)
    closes: list[int] = field(default_factory=list)
    recovered: list[bool] = field(default_factory=list)
    refused: int = 0
    up: bool = False

    async def follow(self) -> None:
        """Read until cancelled."""
        base = self.player.several.url.replace("http", "ws", 1) + "/api/realtime/sync"
        protocols = ["cc.v1", f"bearer.{self.player.token}"]
        while True:
            place = f"{base}?epoch={self.epoch}&last_seq={self.last}" if self.epoch else base
            try:
                async with connect(place, subprotocols=protocols, proxy=None, max_queue=None) as feed:
                    async for text in feed:
                        self._take(json.loads(text))
            except ConnectionClosed:
                pass
            except (OSError, InvalidHandshake):
                self.refused += 1
                await asyncio.sleep(0.05)
                continue
            self.up = False
            self.closes.append(feed.close_code or 0)

    def _take(self, frame: dict) -> None:
        if frame["type"] == "sync_connected":
            if self.epoch:
                self.recovered.append(frame["data"]["recovered"])
            else:
                self.first = self.last = frame["data"]["seq"]
            self.epoch = frame["data"]["epoch"]
        elif frame["type"] == "backfill_complete":
            self.up = True
        elif "seq" in frame:
            self.seqs.append(frame["seq"])
            self.ids.append(frame["event_id"])
            self.last = frame["seq"]


class Background:
    """Calls something again and again in a thread until the block ends, and raises what that raised."""

    def __init__(self, step: Callable[[], object], pause_s: float = 0.0) -> None:
        self.times = 0
        self._step, self._pause_s = step, pause_s
        self._stop = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Background:
        self._thread.start()
        return self

    def __exit__(self, *failed: object) -> None:
        self._stop.set()
        self._thread.join(20)
        if self._error is not None and failed[0] is None:
            raise self._error

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                self._step()
                self.times += 1
                self._stop.wait(self._pause_s)
        except BaseException as error:  # noqa: BLE001 - shown by the thread that waits
            self._error = error


@dataclass
class Scraper:
    """Scrapes, and remembers which counter was lower than in the scrape before, or gone."""

    several: Several
    unanswered: int = 0
    fallen: list[str] = field(default_factory=list)
    _last: dict[str, float] = field(default_factory=dict)

    def scrape(self) -> None:
        try:
            samples = self.several.samples()
        except httpx.TransportError:
            self.unanswered += 1
            return
        now = {
            series: value for series, value in samples.items() if series.partition("{")[0].endswith(ADDS_UP)
        }
        self.fallen += [series for series, value in self._last.items() if now.get(series, -1) < value]
        self._last = now


def signup(several: Several) -> Player:
    """Make a user and log them in."""
    name = f"m{secrets.token_hex(5)}"
    with http_client(several.url) as http:
        body = {"site_id": name, "password": f"pw-{name}-secret"}
        more = {"invite_code": "5858", "nickname": name, "birth_date": "1990-05-17"}
        made = http.post("/api/auth/signup", json=body | more)
        assert made.status_code == 201, made.text
        return Player(
            several, made.json()["user"]["id"], http.post("/api/auth/login", json=body).json()["access_token"]
        )


def until(done: Callable[[], object], seconds: float = 15.0) -> object:
    """Return the first true answer; fail with the last one."""
    end = time.monotonic() + seconds
    while not (answer := done()):
        assert time.monotonic() < end, f"still {answer!r} after {seconds:g} s"
        time.sleep(0.02)
    return answer


def accepted_by(several: Several, connections: int) -> Mapping[int, int]:
    """Open so many connections at the shared port; return how many each process accepted."""
    import psutil

    place = urlsplit(several.url)
    pids = {number: several.pid(number) for number in (1, 2)}

    def count() -> dict[int, int]:
        found = {number: psutil.Process(pid).net_connections("tcp") for number, pid in pids.items()}
        return {number: sum(_accepted(link, place.port) for link in links) for number, links in found.items()}

    with ExitStack() as clients:
        for _ in range(connections):
            clients.enter_context(socket.create_connection((place.hostname, place.port), 10))
        until(lambda: sum(count().values()) == connections)
        return count()


def _accepted(link: object, port: int | None) -> bool:
    return bool(link.laddr.port == port and link.status == "ESTABLISHED")  # type: ignore[attr-defined]


def alternately(several: Several) -> Iterator[str]:
    """Yield the processes' own URLs in turn."""
    return cycle((several.alone(1), several.alone(2)))
