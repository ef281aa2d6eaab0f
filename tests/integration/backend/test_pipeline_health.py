"""Health of broker, ClickHouse and ingester, and the figures of the service, once and as a stream."""

from __future__ import annotations

import contextlib
import json
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from ccops.stack import engine
from tests.backends import Process, running
from tests.freezing import frozen_service

FEW = "import ccops.backend.services.metrics_feed as m; m.CLIENTS = 2"
PIPELINE = ("worker", "kafka", "clickhouse")
# What `httpx` allows a whole answer: the limits inside are shorter, and nothing may hang.
SOON_S = 4


@pytest.fixture(scope="module")
def pipeline(backend) -> Iterator[None]:
    """Kafka, ClickHouse and a worker beside the backend, for the tests of this file."""
    engine.up(backend.load(), ("worker",))
    try:
        yield
    finally:
        engine.down(backend.load(), PIPELINE)


@pytest.fixture
def no_pipeline(backend) -> Iterator[None]:
    """The backend alone, whatever the other tests of this file have started."""
    ran = engine.pid_of(backend.load(), "worker")
    if ran:
        engine.down(backend.load(), PIPELINE)
    yield
    if ran:
        engine.up(backend.load(), ("worker",))


@pytest.fixture(scope="module")
def others(backend, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Process]]:
    folder, made = tmp_path_factory.mktemp("other"), list[Process]()
    with contextlib.ExitStack() as processes:

        def living() -> Process:
            if not made or made[-1].process.poll() is not None:
                made.append(processes.enter_context(running(backend.load(), folder, patch=FEW)))
            return made[-1]

        yield living


@pytest.fixture
def other(others: Callable[[], Process]) -> Process:
    """A second backend process, which has room for two streams; a new one when a test has stopped it."""
    return others()


def ask(http: httpx.Client, what: str) -> httpx.Response:
    return http.get(f"/api/{what}/health", timeout=SOON_S)


def test_without_broker_and_clickhouse_both_say_so_at_once(no_pipeline, http: httpx.Client, until) -> None:
    until(lambda: ask(http, "kafka").json()["ingester"] == "silent")  # what was heard of it is forgotten
    for what, part in (("kafka", "broker"), ("olap", "clickhouse")):
        answer = ask(http, what)
        body = answer.json()
        assert (answer.status_code, body["status"], body["ingester"]) == (503, "unavailable", "silent")
        assert body[part] != "ok"


def ready(http: httpx.Client) -> tuple[int, str, list[str]]:
    answer = http.get("/health/ready", timeout=1)  # it waits for no part of the pipeline
    body = answer.json()
    assert set(body["stores"]) == {"postgres", "redis"}
    assert [name for name, state in body["pipeline"].items() if state != "ok"] == body["degraded"]
    return answer.status_code, body["status"], body["degraded"]


def test_without_the_pipeline_the_backend_is_ready_and_says_what_is_missing(
    no_pipeline, http: httpx.Client, until
) -> None:
    until(lambda: ready(http) == (200, "degraded", ["kafka", "clickhouse", "ingester"]))


def test_with_everything_there_each_group_and_table_is_named(pipeline, http, account, until) -> None:
    until(lambda: ask(http, "kafka").status_code == 200)
    assert account().post("/api/actions", {"action_type": "LOGIN"}).status_code == 201
    groups = {one["group"]: one for one in ask(http, "kafka").json()["groups"]}

    assert set(groups) == {
        f"cc.{n}.clickhouse.dev" for n in ("actions", "games", "economy", "shop", "players")
    }
    assert {name: one["assigned"] for name, one in groups.items()} == {
        name: 18 if "players" in name else 6 for name in groups
    }
    # Whatever ran before left a backlog: no worker had been there to take it.
    until(lambda: _caught_up(_table(http, "events")), within_s=90)
    assert len(ask(http, "olap").json()["tables"]) == 7
    until(lambda: ready(http) == (200, "ok", []))


def _caught_up(table: dict) -> bool:
    return table["last_insert_age_s"] is not None and table["lag_s"] < 10


def _table(http: httpx.Client, name: str) -> dict:
    answer = ask(http, "olap")
    assert answer.status_code == 200, answer.text
    return next(one for one in answer.json()["tables"] if one["table"] == name)


def test_what_hangs_is_unavailable_and_holds_nobody(pipeline, backend, http, account, until) -> None:
    user, asked = account(), [("kafka", "broker"), ("olap", "clickhouse")] * 10
    with frozen_service(backend.load(), "kafka"), frozen_service(backend.load(), "clickhouse"):
        started = time.monotonic()
        with ThreadPoolExecutor(20) as pool:
            answers = list(pool.map(lambda one: (one[1], ask(http, one[0])), asked))
        assert time.monotonic() - started < SOON_S
        assert {(answer.status_code, answer.json()[part]) for part, answer in answers} == {
            (503, "TimeoutError")
        }
        assert user.get("/api/metrics/global").json()["recent"] is None
        until(lambda: {"kafka", "clickhouse"} <= set(ready(http)[2]))
        assert ready(http)[:2] == (200, "degraded")
    until(lambda: all(ask(http, what).status_code == 200 for what, _ in asked[:2]))


def test_a_worker_that_is_gone_falls_silent(pipeline, backend, http, until) -> None:
    until(lambda: ask(http, "olap").status_code == 200)
    engine.down(backend.load(), ("worker",))
    try:
        until(lambda: ask(http, "kafka").status_code == 503)
        assert ask(http, "kafka").json()["broker"] == ask(http, "olap").json()["clickhouse"] == "ok"
        # Both roles stop at the same moment, but each was last heard of at one of its own.
        until(lambda: ask(http, "olap").json()["ingester"] == "silent")
        until(lambda: ready(http) == (200, "degraded", ["ingester"]))
    finally:
        engine.up(backend.load(), ("worker",))


def test_the_figures_are_what_the_stores_hold(pipeline, account, sql, until) -> None:
    user = account(adult=True)
    for _ in range(3):
        assert user.post("/api/games/slot/spin", {"bet": 10}).status_code == 200
    assert user.post("/api/actions", {"action_type": "LOGIN"}).status_code == 201

    def agree() -> bool:
        found = user.get("/api/metrics/global").json()
        (played,) = sql("SELECT sum(plays)::int AS n, sum(wagered)::int AS w FROM game_stats")
        recent = found["recent"] or {"active_users_5m": 0, "rounds_1h": 0}
        return (
            (found["rounds"], found["wagered"]) == (played["n"], played["w"])
            and recent["active_users_5m"] >= 1
            and recent["rounds_1h"] >= 3
        )

    until(agree)


def test_the_figures_are_counted_once_for_everybody(account, burst, cache) -> None:
    user = account()
    time.sleep(2.1)
    before = cache.xlen("metrics:stream")
    answers = burst(30, lambda _: user.get("/api/metrics/global"))
    assert {one.status_code for one in answers} == {200}
    assert cache.xlen("metrics:stream") - before == 1
    assert len({one.content for one in answers}) == 1


Stream = Callable[..., contextlib.AbstractContextManager[tuple[httpx.Response, Iterator[dict]]]]


def _events(answer: httpx.Response) -> Iterator[dict]:
    event: dict = {}
    for line in answer.iter_lines():
        name, _, value = line.partition(": ")
        if line:
            event[name] = value
        elif "data" in event:
            yield {"id": event["id"], "event": event["event"], **json.loads(event["data"])}
            event = {}


@pytest.fixture
def stream(http: httpx.Client, account) -> Stream:
    """Open the event stream of a user."""
    user = account()

    @contextlib.contextmanager
    def opened(url: str = "", **headers: str) -> Iterator[tuple[httpx.Response, Iterator[dict]]]:
        base = url or str(http.base_url)
        given = user.auth | {name.replace("_", "-"): value for name, value in headers.items()}
        with (
            httpx.Client(base_url=base, timeout=10, trust_env=False) as client,
            client.stream("GET", "/api/metrics/stream", headers=given) as answer,
        ):
            yield answer, _events(answer)

    return opened


def test_a_stream_goes_on_where_it_ended_also_at_another_process(other: Process, stream: Stream) -> None:
    with stream() as (answer, steady):
        assert answer.headers["content-type"].startswith("text/event-stream")
        with stream(url=other.url) as (_, mine):
            left = next(mine)
        wanted = [next(steady)]
        while len([one for one in wanted if one["id"] > left["id"]]) < 1:
            wanted.append(next(steady))
        missed = [one for one in wanted if one["id"] > left["id"]]
        with stream(url=other.url, Last_Event_ID=left["id"]) as (_, again):
            got = [next(again) for _ in missed]
    assert got == missed
    assert [one["id"] for one in wanted] == sorted({one["id"] for one in wanted})


@pytest.mark.parametrize("last", ["nonsense", "99999999999999999999-0", "1-1-1", "-"])
def test_an_id_that_was_never_ours_starts_the_stream_anew(stream: Stream, last: str) -> None:
    with stream(Last_Event_ID=last) as (answer, events):
        assert answer.status_code == 200
        assert next(events)["event"] == "metrics"


@pytest.mark.parametrize("path", ["/api/auth/logout", "/api/auth/logout-all"])
def test_a_stream_ends_with_its_session_at_any_process_and_no_other_does(
    other: Process, http: httpx.Client, stream: Stream, account, path: str
) -> None:
    leaving = account()
    with (
        stream() as (_, staying),
        stream(Authorization=leaving.auth["Authorization"]) as (_, here),
        stream(other.url, Authorization=leaving.auth["Authorization"]) as (_, there),
    ):
        for events in (staying, here, there):
            next(events)
        started = time.monotonic()
        assert leaving.post(path).status_code == 204
        assert sum(1 for _ in here) + sum(1 for _ in there) <= 2  # they end as an answer ends
        assert time.monotonic() - started < 8
        next(staying)
    assert leaving.get("/api/metrics/stream").status_code == 401


def test_a_session_that_only_postgresql_knows_as_closed_opens_no_stream(account, sql) -> None:
    user = account()
    sql("UPDATE refresh_tokens SET revoked_at = now() WHERE user_id = %s", user.id)
    assert user.get("/api/metrics/stream").status_code == 401


def test_too_many_streams_are_refused_and_a_closed_one_makes_room(
    other: Process, stream: Stream, account, code_of, until
) -> None:
    user = account()
    with stream(other.url) as (_, first), stream(other.url) as (_, second):
        assert next(first)["event"] == next(second)["event"] == "metrics"
        refused = user.http.get(f"{other.url}/api/metrics/stream", headers=user.auth)
        assert (refused.status_code, code_of(refused)) == (429, "TOO_MANY_STREAMS")
        assert refused.headers["Retry-After"]

    def room() -> bool:
        with stream(other.url) as (answer, _):
            return answer.status_code == 200

    until(room)


def test_a_server_that_stops_ends_its_streams_first(other: Process, stream: Stream) -> None:
    with stream(other.url) as (_, events):
        next(events)
        started = time.monotonic()
        other.process.terminate()
        assert sum(1 for _ in events) <= 1  # it ends as an answer ends: no broken connection
        assert other.process.wait(5) in {0, -signal.SIGTERM}
        assert time.monotonic() - started < 4  # without us the server would wait for five
        assert "ERROR" not in other.log.read_text()
