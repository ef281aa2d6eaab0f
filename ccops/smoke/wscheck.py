"""Prove the realtime channel: act, listen, cut the connection at random moments, resume, count.

One user acts at a steady rate and listens on one socket. Every acknowledged act must be seen exactly once, in
order, live or replayed; the time from the request to a live frame is the latency.
"""

from __future__ import annotations

import asyncio
import json
import math
import random
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ccops.clients.http import open_http
from ccops.core.errors import CcopsError, ExitCode, Refused, Unreachable, UsageError
from ccops.core.profile import Profile
from ccops.smoke.engine_systems import Targets
from ccops.smoke.functions import make_functions
from ccops.smoke.probes.base import Observation
from ccops.smoke.watchers_ws import WsWatcher
from ccops.smoke.wscheck_heard import Heard

if TYPE_CHECKING:
    import httpx

PATH = "/api/realtime/sync"
THING = "ws"
_LAST_FRAMES_S = 5.0
_AWAY_S = 0.1  # a client is away for up to this long
_BACK_S = 15.0
_LOOK_S = 0.02


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the caller asked for. `token` empty: a new user is signed up."""

    reconnects: int = 20
    duration_s: float = 10.0
    acts_per_s: float = 10.0
    max_p95_ms: float | None = None
    token: str = field(default="", repr=False)
    confirm: str = ""


class Feed(WsWatcher):
    """One socket that hands each frame over instead of keeping it."""

    def __init__(self, base_url: str, hear: Callable[[Observation], None]) -> None:
        super().__init__("feed", base_url, PATH)
        self._hear = hear

    def add(self, observation: Observation) -> None:
        self._hear(observation)


def check_ws(profile: Profile, wanted: Wanted, learned: Callable[[str], None] = lambda _: None) -> Heard:
    """Return what was heard; `learned` is told every secret that must not be shown.

    Raises Refused on a protected profile that was not confirmed, UsageError for a token nobody accepts,
    Unreachable when the backend does not answer.
    """
    name = f"{profile.env}:{THING}"
    if profile.protected and wanted.confirm != name:
        raise Refused(
            "ENV_PROTECTED",
            f"smoke ws makes a user act, and {profile.env} is protected",
            evidence=f"CCOPS_PROTECTED=1 in env/{profile.env}.env",
            next_step=f"ccops smoke ws --env {profile.env} --confirm {name}",
        )
    return asyncio.run(_check(profile, wanted, learned))


async def _check(profile: Profile, wanted: Wanted, learned: Callable[[str], None]) -> Heard:
    url = Targets.of(profile).url("http")
    async with open_http(url) as client:
        learned(wanted.token)
        token = wanted.token or await _new_user(client, profile, learned)
        learned(token)
        answer = await client.get("/api/users/me", headers={"Authorization": f"Bearer {token}"})
        if answer.status_code in {401, 403}:
            raise UsageError(
                "TOKEN_REFUSED",
                f"the backend refuses the token: GET /api/users/me answers {answer.status_code}",
                next_step="put a fresh access token into CCOPS_WS_TOKEN, or leave it out",
            )
        return await Run(client, url, token, wanted).all()


class Run:
    """One user who acts and listens."""

    def __init__(self, client: httpx.AsyncClient, url: str, token: str, wanted: Wanted) -> None:
        self.heard = Heard()
        self._client, self._url, self._token, self._wanted = client, url, token, wanted
        self._feed = Feed(url, self._hear)
        self._feed.token = lambda: token
        self._sent: dict[str, float] = {}  # not seen yet
        self._acked: list[str] = []
        self._order: dict[str, int] = {}
        self._seen: set[str] = set()
        self._forgiven: set[str] = set()
        self._last = -1
        self._open_since = math.inf
        self._cutting = asyncio.Lock()

    async def all(self) -> Heard:
        """Listen, act and reconnect for as long as wanted; then wait for the last frames."""
        await self._open(resume=False)
        jobs = [asyncio.create_task(job) for job in (self._act(), self._cut())]
        mending = asyncio.create_task(self._mend())
        try:
            await asyncio.gather(*jobs)
            for _ in range(round(_LAST_FRAMES_S / _LOOK_S)):
                await asyncio.sleep(_LOOK_S if self._missing() else 0)
        finally:
            for job in (*jobs, mending):
                job.cancel()
            await asyncio.gather(*jobs, mending, return_exceptions=True)
            await self._feed.close()
        if not mending.cancelled() and (problem := mending.exception()):
            raise problem
        self.heard.unseen = len(self._missing())
        return self.heard

    async def _act(self) -> None:
        until = time.monotonic() + self._wanted.duration_s
        while (moment := time.monotonic()) < until:
            await self._one()
            pause = random.uniform(0.5, 1.5) / self._wanted.acts_per_s
            await asyncio.sleep(max(0.0, moment + pause - time.monotonic()))

    async def _one(self) -> None:
        import httpx

        event_id = str(uuid.uuid4())
        self._order[event_id] = len(self._order)
        self._sent[event_id] = time.monotonic()
        headers = {"Authorization": f"Bearer {self._token}"}
        body = {"action_type": "WS_CHECK", "event_id": event_id}
        try:
            answer = await self._client.post("/api/actions", json=body, headers=headers)
        except httpx.TransportError:
            self.heard.failed_acts += 1  # perhaps it happened, perhaps not: its frame is welcome
            return
        if answer.status_code != 201:
            self.heard.failed_acts += 1
            return
        self.heard.acts += 1
        self._acked.append(event_id)

    async def _cut(self) -> None:
        started, span = time.monotonic(), self._wanted.duration_s
        for moment in sorted(random.uniform(0, span) for _ in range(self._wanted.reconnects)):
            await asyncio.sleep(max(0.0, started + moment - time.monotonic()))
            async with self._cutting:
                await self._feed.drop("reset")
                await asyncio.sleep(random.uniform(0, _AWAY_S))
                await self._open(resume=True)

    async def _mend(self) -> None:
        """Come back whenever the server closes the socket, as a client would."""
        while True:
            await asyncio.sleep(_LOOK_S)
            async with self._cutting:
                if not self._feed.armed:
                    self.heard.closed_by_server.append(self._feed.state)
                    await self._open(resume=True)

    async def _open(self, *, resume: bool) -> None:
        until = time.monotonic() + _BACK_S
        while True:
            begun = time.monotonic()
            try:
                await self._feed.open(self._token, resume=resume)
                break
            except Unreachable:
                if not resume or time.monotonic() > until:
                    raise
                await asyncio.sleep(_AWAY_S)
        self._open_since = time.monotonic()
        if resume:
            self.heard.reconnects += 1
            self.heard.back.append(1000 * (self._open_since - begun))

    def _hear(self, observation: Observation) -> None:
        frame, heard = observation.data, self.heard
        kind = str(frame.get("type"))
        if kind in {"watch_gap", "watch_duplicate"}:
            heard.gaps += kind == "watch_gap"
            heard.duplicates += kind == "watch_duplicate"
            return
        heard.frames[kind] += 1
        data = frame.get("data")
        if kind == "sync_connected" and isinstance(data, Mapping):
            if self._open_since != math.inf and not data.get("recovered"):
                heard.snapshots += 1
                self._forgive()
            return
        event_id = str(frame.get("event_id"))
        if event_id not in self._order:
            return
        if event_id in self._seen:
            heard.duplicates += 1
            return
        self._take(event_id, bool(frame.get("replay")), observation.at)

    def _take(self, event_id: str, replayed: bool, at: float) -> None:
        self._seen.add(event_id)
        sent, number = self._sent.pop(event_id), self._order[event_id]
        self.heard.disorder += number < self._last
        self._last = max(self._last, number)
        self.heard.replayed += replayed
        if not replayed and sent >= self._open_since:
            self.heard.latencies.append(1000 * (at - sent))

    def _forgive(self) -> None:
        """A snapshot tells the state, not the frames before it: what was sent by now need not come.

        It may: the relay can number an event after the snapshot that already held it.
        """
        self._forgiven.update(self._order)

    def _missing(self) -> set[str]:
        return set(self._acked) - self._seen - self._forgiven


async def _new_user(client: httpx.AsyncClient, profile: Profile, learned: Callable[[str], None]) -> str:
    make = make_functions(uuid.uuid4().hex)
    name, password = str(make["unique"]("ws")), str(make["random_password"]())
    learned(password)
    who = {"site_id": name, "password": password}
    more = {"nickname": name, "birth_date": "1990-05-17"}
    invite = {"invite_code": profile.get("UNLIMITED_INVITE_CODE", "5858")}
    await _post(client, "/api/auth/signup", {**who, **more, **invite}, 201)
    found = json.loads(await _post(client, "/api/auth/login", who, 200))
    return str(found["access_token"])


async def _post(client: httpx.AsyncClient, path: str, body: Mapping[str, str], wanted: int) -> bytes:
    answer = await client.post(path, json=dict(body))
    if answer.status_code != wanted:
        raise CcopsError(
            "NO_TEST_USER",
            f"POST {path} answered {answer.status_code}, so there is no user to listen as",
            evidence=answer.text[:200],
            next_step="put an access token into CCOPS_WS_TOKEN",
            exit_code=ExitCode.NEGATIVE,
        )
    return answer.content
