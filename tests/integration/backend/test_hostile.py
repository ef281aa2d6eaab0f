"""What a hostile client, a hanging store and a closed session may not do."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from ccops.stack import engine
from tests.freezing import frozen_service


def nested(depth: int) -> dict[str, object]:
    return json.loads('{"a":' * depth + "1" + "}" * depth)


def act(user, **fields: object):
    return user.post("/api/actions", {"action_type": "LOGIN"} | fields)


def test_the_event_id_of_another_kind_of_event_is_refused(account, sql, code_of) -> None:
    user = account()
    assert user.post("/api/streak/claim", {"action_type": "DAILY"}).status_code == 200
    for row in sql("SELECT event_id::text AS id FROM outbox WHERE user_id = %s", user.id):
        answer = act(user, event_id=row["id"])
        assert (answer.status_code, code_of(answer)) == (409, "BUSY")


@pytest.mark.parametrize(("depth", "status"), [(32, 201), (33, 422), (252, 422), (254, 422)])
def test_a_deep_context_never_breaks_what_shows_it(account, depth: int, status: int) -> None:
    user = account()

    assert act(user, context=nested(depth)).status_code == status
    assert user.get("/api/dashboard").status_code == 200
    assert user.get(f"/api/actions/recent/{user.id}").status_code == 200


@pytest.mark.parametrize("number", ["1e308", "-1e18", "1e-300"])
def test_a_number_that_is_short_only_in_json_is_refused(account, number: str) -> None:
    user = account()
    body = '{"action_type": "LOGIN", "context": {"a": [[' + number + "]]}}"
    headers = {"Content-Type": "application/json"}

    assert user.post("/api/actions", content=body, headers=headers).status_code == 422


def close_code(user, query: str = "") -> int:
    url = user.http.base_url.copy_with(scheme="ws", path="/api/realtime/sync")
    with connect(f"{url}{query}", subprotocols=["cc.v1", f"bearer.{user.token}"], proxy=None) as feed:
        try:
            feed.recv(5)
        except ConnectionClosed as ending:
            return ending.rcvd.code
    return 0


def test_a_closed_session_opens_no_socket(account) -> None:
    user = account()
    assert close_code(user) == 0
    assert user.post("/api/auth/logout").status_code == 204

    assert close_code(user) == 4401


def test_tokens_in_urls_and_personal_data_never_reach_a_log(backend, account, signup) -> None:
    user = account(phone="+82 10-7777-1234", birth_date="1987-03-21")
    signup(phone="+82 10-7777-1234", birth_date="1987-03-21", invite_code="wrong")
    signup(phone="+82 10-7777-1234", birth_date="1987-03-21", nickname=user.nickname)
    act(user, event_id="not-an-id")
    close_code(user, f"?token={user.token}&access_token=planted-canary")
    logs = [path.read_text(errors="replace") for path in (backend.load().state_dir / "logs").iterdir()]

    assert any("access_token=***" in text for text in logs), "the request is logged, without its token"
    for canary in (user.token, "planted-canary", "7777-1234", "1987-03-21", user.password):
        assert not any(canary in text for text in logs), canary


@pytest.mark.parametrize("table", ["outbox", "gold_ledger", "users", "idempotency_keys", "user_actions"])
def test_personal_data_is_in_no_column_as_text(account, sql, table: str) -> None:
    user = account(phone="+82 10-7777-1234", birth_date="1987-03-21")
    act(user)

    found = sql(f"SELECT row_to_json(t)::text AS line FROM {table} t")
    assert not [row for row in found if "7777-1234" in row["line"] or "1987-03-21" in row["line"]]


@pytest.mark.fault
def test_a_redis_that_hangs_costs_a_request_a_second_not_ten(backend, account) -> None:
    user = account()
    with frozen_service(backend.load(), "redis"):
        started = time.monotonic()
        answer = user.post("/api/streak/claim", {"action_type": "DAILY"})
        took = time.monotonic() - started

    assert answer.status_code == 200
    assert took < 4, "three bounded waits, not the client's own time-outs and retries"


def test_a_clock_ahead_by_a_day_continues_the_streak(
    backend, account, until: Callable[[Callable[[], object]], None]
) -> None:
    user = account()
    first = user.post("/api/streak/claim", {"action_type": "DAILY"}).json()
    engine.restart(backend.load(), "backend", {"GAME_CLOCK_OFFSET_S": "86400"})
    try:
        second = user.post("/api/streak/claim", {"action_type": "DAILY"}).json()
    finally:
        engine.restart(backend.load(), "backend")

    assert (first["streak_count"], second["streak_count"]) == (1, 2)
    assert second["claimed_day"] > first["claimed_day"]


def test_a_nul_in_a_header_is_a_bad_request(backend) -> None:
    host, _, port = backend.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=5) as raw:
        raw.sendall(b"POST /api/shop/buy HTTP/1.1\r\nHost: x\r\nIdempotency-Key: a\x00b\r\n\r\n")
        assert b" 400 " in raw.recv(200)
