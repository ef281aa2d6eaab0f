"""What the claiming routes say when a row is held, a lock can't be had, or a key means something else."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

# Path, body, another body or path under the same key, scope of the key.
ROUTES = {
    "streak": ("/api/streak/claim", {"action_type": "DAILY"}, None),
    "achievement": ("/api/achievements/FIRST_STREAK/claim", None, "/api/achievements/WEEK_STREAK/claim"),
    "battlepass": ("/api/battlepass/claim", {"level": 1, "track": "free"}, {"level": 2, "track": "free"}),
    "event_join": ("/api/events/WELCOME/join", None, "/api/events/MARATHON/join"),
    "event_progress": ("/api/events/WELCOME/progress", {"delta": 100}, {"delta": 1}),
    "event_claim": ("/api/events/WELCOME/claim", None, "/api/events/MARATHON/claim"),
    "grant": ("/api/rewards/grant", {"gold": 1}, {"gold": 2}),
}


@pytest.fixture
def ready(account, unlock, sql) -> Callable[[str], object]:
    """`ready(scope)`: a user (for grants: an administrator) for whom the route would succeed."""

    def make(scope: str) -> object:
        user = account()
        unlock(user, "streak_claims", 1)
        if scope in {"event_progress", "event_claim"}:
            assert user.post("/api/events/WELCOME/join").status_code == 201
        if scope == "event_claim":
            assert user.post("/api/events/WELCOME/progress", {"delta": 100}).status_code == 200
        if scope == "grant":
            sql("UPDATE users SET rank = 'ADMIN' WHERE id = %s", user.id)
        return user

    return make


def send(user, scope: str, key: str, *, other: bool = False):
    path, body, change = ROUTES[scope]
    if other and isinstance(change, str):
        path = change
    elif other and change:
        body = change
    if scope == "grant":
        body = {"user_id": user.id, "ref": key, "reason": "r"} | body
    return user.post(path, body, headers={"Idempotency-Key": key})


@pytest.mark.parametrize("scope", ROUTES)
def test_a_key_of_another_request_is_refused_and_the_first_answer_stays(ready, sql, code_of, scope):
    user, key = ready(scope), secrets.token_hex(8)
    first = send(user, scope, key)
    assert first.status_code < 300, first.text
    if scope == "streak":  # there is only one streak to ask for: the stored request was another one
        sql("UPDATE idempotency_keys SET request_hash = 'x' WHERE user_id = %s", user.id)
    refused = send(user, scope, key, other=True)
    assert (refused.status_code, code_of(refused)) == (409, "IDEMPOTENCY_KEY_REUSED")
    if scope != "streak":
        assert send(user, scope, key).content == first.content


def deadlocked(url: str, user, scope: str):
    """Return the answer of a request that ends up in a deadlock with us; its own server notices first."""
    key, answers = secrets.token_hex(8), []
    with psycopg.connect(url) as conn, psycopg.connect(url, autocommit=True) as looker:
        conn.execute("SET deadlock_timeout = '1h'")
        conn.execute("SELECT 1 FROM wallets WHERE user_id = %s FOR UPDATE", (user.id,))
        request = threading.Thread(target=lambda: answers.append(send(user, scope, key)))
        request.start()
        end = time.monotonic() + 5
        while not looker.execute(
            "SELECT 1 FROM pg_stat_activity WHERE %s = ANY(pg_blocking_pids(pid))", (conn.info.backend_pid,)
        ).fetchone():
            assert time.monotonic() < end, "the request never came to the wallet"
            time.sleep(0.01)
        conn.execute(
            """INSERT INTO idempotency_keys (user_id, scope, key, request_hash, expires_at)
               VALUES (%s, %s, %s, 'x', now() + interval '1 hour')""",
            (user.id, scope, key),
        )
        conn.rollback()
        request.join(10)
    return answers[0], key


def test_a_deadlock_is_busy_costs_nothing_and_the_key_is_free(backend, ready, code_of):
    url = backend.load().get("CCOPS_DATABASE_URL")
    users = {scope: ready(scope) for scope in ROUTES}
    with ThreadPoolExecutor(len(ROUTES)) as pool:
        found = list(pool.map(lambda item: deadlocked(url, item[1], item[0]), users.items()))

    said = dict(zip(ROUTES, (code_of(answer) for answer, _ in found), strict=True))
    assert said == dict.fromkeys(ROUTES, "BUSY")
    again = [send(users[scope], scope, key) for scope, (_, key) in zip(ROUTES, found, strict=True)]
    assert all(answer.status_code < 300 for answer in again)
    assert all("Idempotent-Replayed" not in answer.headers for answer in again)


def test_a_wallet_that_somebody_holds_too_long_is_in_progress(backend, ready, code_of):
    users = {scope: ready(scope) for scope in ROUTES}
    with psycopg.connect(backend.load().get("CCOPS_DATABASE_URL")) as conn:
        ids = [user.id for user in users.values()]
        conn.execute("SELECT 1 FROM wallets WHERE user_id = ANY(%s) FOR UPDATE", (ids,))
        with ThreadPoolExecutor(len(ROUTES)) as pool:
            answers = list(pool.map(lambda item: send(item[1], item[0], "k"), users.items()))
        conn.rollback()

    assert {code_of(answer) for answer in answers} == {"IDEMPOTENCY_IN_PROGRESS"}
    assert all(send(user, scope, "k").status_code < 300 for scope, user in users.items())
