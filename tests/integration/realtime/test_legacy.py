"""The old games socket is refused or pointed elsewhere, and always counted."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from tests.integration.pipeline.kit import free_port
from tests.integration.realtime.kit import Backend

TOTAL = "ws_legacy_games_connections_total"
BY_RESULT = 'ws_legacy_games_connections_by_result_total{result="%s"}'


def counts(process: Backend) -> tuple[float, float, float]:
    names = (TOTAL, BY_RESULT % "accepted", BY_RESULT % "rejected")
    return tuple(process.sample(name) for name in names)  # type: ignore[return-value]


def touch(url: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "ccops.backend.scripts.ws_touch_legacy", "--host", url, "--once"]
    return subprocess.run(argv, capture_output=True, text=True, timeout=20, check=False)


def test_switched_off_it_is_refused_before_the_handshake_and_counted(main: Backend) -> None:
    before = counts(main)
    with pytest.raises(InvalidStatus) as refusal, connect(f"{main.ws}/ws/games", proxy=None):
        pass
    assert refusal.value.response.status_code == 403
    assert counts(main) == (before[0] + 1, before[1], before[2] + 1)


def test_switched_on_it_names_its_successor_closes_and_counts(quick: Backend) -> None:
    before = counts(quick)
    with connect(f"{quick.ws}/ws/games", proxy=None) as feed:
        notice = json.loads(feed.recv(5))
        with pytest.raises(ConnectionClosed) as ending:
            feed.recv(5)
    assert (notice["type"], notice["data"]) == ("legacy_notice", {"successor": "/api/realtime/sync"})
    assert ending.value.rcvd is not None
    assert ending.value.rcvd.code == 1000
    assert counts(quick) == (before[0] + 1, before[1] + 1, before[2])


def test_the_script_knocks_once_and_says_what_happened(main: Backend, quick: Backend) -> None:
    before = counts(main), counts(quick)
    refused, taken = touch(main.url), touch(quick.url)
    assert (refused.returncode, refused.stdout) == (0, "rejected: HTTP 403\n")
    assert (taken.returncode, taken.stdout.startswith("accepted: {")) == (0, True)
    assert counts(main)[2] == before[0][2] + 1
    assert counts(quick)[1] == before[1][1] + 1


def test_the_script_says_when_nobody_answers_or_the_address_is_none() -> None:
    silent = touch(f"http://127.0.0.1:{free_port()}")
    assert (silent.returncode, silent.stdout) == (4, "")
    assert "nothing answers at ws://127.0.0.1" in silent.stderr
    assert touch("ftp://somewhere").returncode == 2
