"""The database connections that requests lend each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

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
