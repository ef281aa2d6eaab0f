"""The connections of the backend: those that clients keep, and those to the database that requests lend."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from http.client import HTTPConnection
from urllib.parse import urlsplit

import httpx

Burst = Callable[[int, Callable[[int], httpx.Response]], list[httpx.Response]]

_OURS = "FROM pg_stat_activity WHERE application_name = 'ccops-backend' AND pid <> pg_backend_pid()"


def test_connections_that_the_server_ended_are_replaced_and_nobody_notices(account, burst: Burst, sql, until):
    user = account()
    burst(24, lambda _: user.get("/api/dashboard"))
    before = sql(f"SELECT count(*) {_OURS}")[0]["count"]
    sql(f"SELECT pg_terminate_backend(pid) {_OURS}")
    until(lambda: sql(f"SELECT count(*) {_OURS}")[0]["count"] < before)
    until(lambda: user.get("/api/dashboard").status_code == 200)
    answers = burst(24, lambda _: user.get("/api/dashboard"))

    assert Counter(answer.status_code for answer in answers) == {200: 24}


def test_many_more_requests_than_connections_all_get_one(account, burst: Burst, sql):
    user = account(adult=True)

    def act(n: int) -> httpx.Response:
        if n % 3 == 0:  # in a transaction of its own
            return user.post("/api/games/fairness/rotate", {})
        return user.get("/api/dashboard" if n % 3 == 1 else "/api/shop/catalog")

    answers = burst(90, act)

    assert {answer.status_code for answer in answers if answer.request.method == "GET"} == {200}
    assert {answer.status_code for answer in answers} <= {200, 409}  # the seeds of one user queue
    assert sql(f"SELECT count(*) {_OURS}")[0]["count"] <= 17


def test_a_connection_that_rests_as_long_as_clients_keep_theirs_is_not_closed_by_the_server(backend):
    """httpx keeps 5 s: a server that closes at the same moment leaves a request without an answer."""
    conn = HTTPConnection(urlsplit(backend.url).netloc, timeout=20)
    conn.auto_open = False
    conn.connect()
    for rest_s in (5.5, 0.0):
        conn.request("GET", "/health")
        answer = conn.getresponse()
        assert (answer.status, bool(answer.read())) == (200, True)
        time.sleep(rest_s)
    conn.close()
