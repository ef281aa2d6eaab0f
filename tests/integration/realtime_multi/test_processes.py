"""Two backend processes behind one port: supervised one by one, restarted without a refused request."""

from __future__ import annotations

import http.client
import json
import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import httpx
import pytest
from websockets.exceptions import ConnectionClosed

from ccops.core.errors import Refused, Unreachable, UsageError
from ccops.stack import engine
from ccops.stack.state import Phase
from tests.conftest import run_ccops
from tests.integration.realtime_multi.kit import (
    Background,
    Player,
    Several,
    accepted_by,
    until,
)
from tests.web import http_client, web


def test_each_process_is_a_row_with_its_own_address_and_the_port_is_one(several: Several) -> None:
    root, env = str(several.folder), {"CCOPS_HOME": str(several.folder / "home")}

    shown = run_ccops("status", "--project", root, "-o", "json", env=env)
    again = run_ccops("up", "backend", "--project", root, env=env)
    logs = run_ccops("logs", "backend", "--project", root, "-o", "json", env=env)

    rows = {row["name"]: row for row in json.loads(shown.out)["data"]["services"]}
    assert shown.code == 0, shown.out + shown.err
    assert {name for name in rows if "backend" in name} == {"backend-1", "backend-2"}
    pids, ports = ({rows[f"backend-{n}"][what] for n in (1, 2)} for what in ("pid", "port"))
    assert len(pids) == 2
    assert len(ports | {httpx.URL(several.url).port}) == 3
    assert "already up" in again.out
    assert {line["service"] for line in json.loads(logs.out)["data"]["lines"]} == {"backend-1", "backend-2"}


def test_both_processes_take_connections(several: Several) -> None:
    counts = accepted_by(several, 60)

    assert sum(counts.values()) == 60
    assert min(counts.values()) >= 5


@pytest.mark.parametrize(("number", "error"), [(1, Refused), (0, UsageError), (5, UsageError)])
def test_another_number_is_refused_while_they_run(
    several: Several, number: int, error: type[Exception]
) -> None:
    before = several.pid(1)

    with pytest.raises(error):
        engine.up(several.load(), ("backend",), backend_workers=number)

    assert several.pid(1) == before


@pytest.mark.slow
def test_a_rolling_restart_refuses_and_breaks_no_request(
    several: Several, player: Callable[[], Player]
) -> None:
    user, before = player(), {number: several.pid(number) for number in (1, 2)}
    both_down: list[str] = []
    place = urlsplit(several.url)
    kept = [http_client(timeout=10) for _ in range(4)]
    lock = threading.Lock()

    def look() -> None:
        state = engine.state(several.load())
        assert state is not None
        phases = [state.services[f"backend-{number}"].phase for number in (1, 2)]
        if Phase.READY not in phases:
            both_down.append(str(phases))

    def fresh() -> None:
        visit = http.client.HTTPConnection(str(place.hostname), place.port, timeout=10)
        visit.request("GET", "/health")
        assert visit.getresponse().status == 200
        visit.close()

    def busy(client: httpx.Client) -> Callable[[], None]:
        def act() -> None:
            event = user.act(client)
            with lock:
                done.append(event)

        return act

    done: list[str] = []
    with (
        Background(look, 0.02),
        Background(fresh) as visits,
        Background(busy(kept[0])),
        Background(busy(kept[1])),
        Background(busy(kept[2]), 0.2),
    ):
        after = engine.restart(several.load(), "backend", {"LOG_LEVEL": "WARNING"})

    assert both_down == []
    assert visits.times > 100
    assert all(several.pid(number) not in {None, before[number]} for number in (1, 2))
    assert [after.services[f"backend-{number}"].overrides for number in (1, 2)] == [("LOG_LEVEL",)] * 2
    assert sorted(user.history()) == sorted(done)
    for client in kept:
        client.close()
    print(f"{visits.times} fresh connections, {len(done)} writes, none refused")


def test_a_process_that_ends_answers_for_a_while_and_sends_its_clients_away(several: Several) -> None:
    before = several.pid(1)
    assert before
    with http_client(several.alone(1), timeout=10) as client:
        first = client.get("/health")
        os.kill(before, signal.SIGTERM)
        time.sleep(0.2)

        last = client.get("/health")

        with pytest.raises(httpx.ConnectError):
            client.get("/health")
    until(lambda: several.pid(1) not in {None, before} and several.ready(1))

    assert [first.headers.get("connection"), last.headers.get("connection")] == [None, "close"]
    assert last.status_code == 200


@pytest.mark.slow
def test_a_rolling_restart_stops_at_the_first_process_that_does_not_come_back(several: Several) -> None:
    untouched = several.pid(2)

    with pytest.raises(Unreachable) as failure:
        engine.restart(several.load(), "backend", {"GAME_TZ": "No/Where"})

    assert "1 of 2 services is not ready" in failure.value.message
    assert "backend-1" in failure.value.evidence
    assert several.pid(2) == untouched
    assert web.get(f"{several.url}/health/ready").status_code == 200
    engine.restart(several.load(), "backend-1")
    assert several.ready(1)
    assert several.pid(2) == untouched


@pytest.mark.fault
def test_kill_9_of_one_process_costs_its_own_connections_only(
    several: Several, player: Callable[[], Player]
) -> None:
    user, before = player(), several.pid(1)
    with user.feed(several.alone(1)) as lost, user.feed(several.alone(2)) as kept:
        several.kill(1)
        with ThreadPoolExecutor(8) as pool, http_client(timeout=10) as client:
            events = list(pool.map(lambda i: user.act(client, f"AFTER_{i}"), range(40)))
        frames = [json.loads(kept.recv(10)) for _ in events]
        with pytest.raises(ConnectionClosed):
            lost.recv(5)
    until(lambda: several.pid(1) not in {None, before} and several.ready(1))

    assert [frame["event_id"] for frame in frames] == user.history()
    assert sorted(events) == sorted(user.history())


@pytest.mark.fault
def test_a_request_waits_when_every_process_was_killed_and_is_answered_by_the_next(several: Several) -> None:
    before = {several.pid(1), several.pid(2)}
    several.kill(1)
    several.kill(2)

    answer = web.get(f"{several.url}/health")

    assert answer.status_code == 200
    until(lambda: several.ready(1) and several.ready(2))
    assert before.isdisjoint({several.pid(1), several.pid(2)})
