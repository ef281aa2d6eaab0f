"""Two backend processes on one database: order, and a death between commit and wake-up."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx
import pytest

from tests.integration.pipeline.kit import Player, Stores, frames, free_port, greeting, until
from tests.web import http_client, web

_MAIN = "import sys; from ccops.backend import serve; {patch}; sys.exit(serve.main())"
DIE_BEFORE_THE_WAKE_UP = (
    "import os, signal; from ccops.backend.services import actions; "
    "actions.wake_relays = lambda: os.kill(os.getpid(), signal.SIGKILL)"
)


@contextmanager
def another_backend(stores: Stores, *, patch: str = "pass") -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Run a second backend; it has the first one's keys."""
    port = free_port()
    secrets = (stores.load().state_dir / "secrets.env").read_text(encoding="utf-8").splitlines()
    env = dict(line.split("=", 1) for line in secrets if "=" in line) | {
        "PATH": os.environ["PATH"],
        "APP_ENV": "dev",
        "DATABASE_URL": stores.url("DATABASE_URL"),
        "REDIS_URL": stores.url("REDIS_URL"),
        "HTTP_PORT": str(port),
    }
    with (stores.folder / f"backend-{port}.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", _MAIN.format(patch=patch)], env=env, stdout=log, stderr=subprocess.STDOUT
        )
    url = f"http://127.0.0.1:{port}"
    try:
        until(lambda: _ready(url))
        yield url, process
    finally:
        process.terminate()
        assert process.wait(15) in {0, -signal.SIGTERM, -signal.SIGKILL}


def _ready(url: str) -> bool:
    try:
        return web.get(f"{url}/health/ready", timeout=2).status_code == 200
    except httpx.HTTPError:
        return False


def test_frames_follow_the_outbox_whichever_process_wrote(
    stores: Stores, player: Callable[[], Player]
) -> None:
    user = player()
    with another_backend(stores) as (other, _), stores.worker("realtime-relay"), user.feed() as feed:
        greeting(feed)
        urls = [stores.url("BACKEND_URL"), other]
        headers = {"Authorization": f"Bearer {user.token}"}
        with http_client(headers=headers) as http:

            def act(i: int) -> str:
                answer = http.post(f"{urls[i % 2]}/api/actions", json={"action_type": f"ACT_{i}"})
                assert answer.status_code == 201, answer.text
                return answer.json()["event_id"]

            with ThreadPoolExecutor(16) as pool:
                ids = list(pool.map(act, range(120)))
        got = frames(feed, 120)
    rows = stores.sql(
        """SELECT o.event_id::text AS id FROM outbox o JOIN user_actions a USING (event_id)
            WHERE o.user_id = %s AND o.realtime ORDER BY o.id""",
        user.id,
    )
    by_time = stores.sql(
        "SELECT event_id::text AS id FROM user_actions WHERE user_id = %s ORDER BY created_at, id", user.id
    )
    assert [frame["seq"] for frame in got] == list(range(1, 121))
    assert (
        [frame["event_id"] for frame in got] == [row["id"] for row in rows] == [row["id"] for row in by_time]
    )
    assert sorted(ids) == sorted(row["id"] for row in rows)


@pytest.mark.fault
def test_a_backend_killed_between_commit_and_wake_up_loses_no_frame(
    stores: Stores, player: Callable[[], Player]
) -> None:
    user = player()
    with (
        another_backend(stores, patch=DIE_BEFORE_THE_WAKE_UP) as (doomed, process),
        stores.worker("realtime-relay"),
        user.feed() as feed,
    ):
        greeting(feed)
        with pytest.raises(httpx.TransportError):
            web.post(
                f"{doomed}/api/actions",
                json={"action_type": "LAST_WORDS"},
                headers={"Authorization": f"Bearer {user.token}"},
            )
        assert process.wait(5) == -signal.SIGKILL
        (frame,) = frames(feed, 1, seconds=2)
    assert frame["data"]["action_type"] == "LAST_WORDS"
