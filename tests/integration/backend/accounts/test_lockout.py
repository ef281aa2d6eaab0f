"""The lock of accounts and of addresses: who guesses is locked out, who knows the password never is."""

from __future__ import annotations

import contextlib
from concurrent.futures import ThreadPoolExecutor
from unittest.mock import ANY

import argon2
import httpx
import pytest

from tests.backends import running


def login(http, site_id, password, **more):
    return http.post("/api/auth/login", json={"site_id": site_id, "password": password}, **more)


def test_a_hundred_right_logins_at_once_all_get_in(account, http, burst, cache):
    user = account()

    answers = burst(100, lambda i: login(http, user.site_id, user.password))

    assert {a.status_code for a in answers} == {200}
    assert cache.keys("auth:busy:*") == []


def test_right_logins_wait_for_the_guesses_beside_them_and_do_not_unlock(account, http, burst, metric):
    user = account()
    locks = metric("auth_login_locked_total")

    answers = burst(
        60, lambda i: login(http, user.site_id, user.password if i % 10 == 0 else f"guess number {i}")
    )

    # Whatever their order: each right one may wipe at most five failures away.
    wrong = [a.status_code for i, a in enumerate(answers) if i % 10]
    assert set(wrong) <= {401, 429}
    assert wrong.count(401) <= 5 * 7
    assert metric("auth_login_locked_total") <= locks + 1


def test_a_lock_is_told_as_an_event_once(account, http, burst, events):
    user = account()

    burst(30, lambda i: login(http, user.site_id, f"guess number {i}"))

    assert events(user.id) == [{"event": "locked"}]


def test_an_attempt_that_nobody_settled_counts_as_a_failure(account, http, cache):
    """A backend that dies while it checks must not give anybody more than five guesses."""
    user, others = account(), set(cache.keys("auth:fail:*"))
    assert login(http, user.site_id, "wrong guess").status_code == 401
    (key,) = [key for key in set(cache.keys("auth:fail:*")) - others if "ip:" not in key]
    cache.set(key, 5, keepttl=True)  # four more were reserved, and their busy marks have expired
    try:
        assert login(http, user.site_id, user.password).status_code == 429
    finally:
        cache.delete(key)


def test_a_hash_of_yesterdays_parameters_is_renewed_by_the_login(account, http, sql):
    user = account()
    old = argon2.PasswordHasher(time_cost=3, memory_cost=4096, parallelism=1).hash(user.password)
    sql("UPDATE users SET password_hash = %s WHERE id = %s", old, user.id)

    assert login(http, user.site_id, "wrong guess").status_code == 401
    assert sql("SELECT password_hash FROM users WHERE id = %s", user.id)[0]["password_hash"] == old
    assert login(http, user.site_id, user.password).status_code == 200
    renewed = sql("SELECT password_hash FROM users WHERE id = %s", user.id)[0]["password_hash"]
    assert "t=3" not in renewed
    assert login(http, user.site_id, user.password).status_code == 200
    assert sql("SELECT password_hash FROM users WHERE id = %s", user.id)[0]["password_hash"] == renewed


@pytest.fixture(scope="module")
def strict(backend, tmp_path_factory):
    """A second backend that locks an address after ten failures."""
    folder = tmp_path_factory.mktemp("strict")
    with running(backend.load(), folder, LOCKOUT_IP_FAILURES="10") as one:
        yield one.url


@pytest.fixture
def client(strict, cache):
    """`client("127.0.0.9")`: a client with that address."""
    with contextlib.ExitStack() as stack:

        def make(address: str) -> httpx.Client:
            cache.delete(f"auth:fail:ip:{address}", f"auth:busy:ip:{address}")
            transport = httpx.HTTPTransport(local_address=address, limits=httpx.Limits(max_connections=60))
            return stack.enter_context(httpx.Client(base_url=strict, timeout=20, transport=transport))

        yield make


def test_one_address_gets_ten_failures_over_all_accounts_and_others_go_on(account, client, cache, code_of):
    users = [account() for _ in range(10)]  # four guesses each: no account can be locked by its own five
    guesser, neighbour = client("127.0.0.21"), client("127.0.0.22")

    with ThreadPoolExecutor(40) as pool:
        answers = list(
            pool.map(lambda i: login(guesser, users[i % 10].site_id, f"guess number {i}"), range(40))
        )

    assert sorted(a.status_code for a in answers) == [401] * 10 + [429] * 30
    refused = login(guesser, users[0].site_id, users[0].password)
    assert (refused.status_code, code_of(refused)) == (429, "ACCOUNT_LOCKED")
    assert refused.json()["error"]["details"] == {"retry_after_s": ANY, "scope": "address"}
    assert 590 <= int(refused.headers["Retry-After"]) <= 600
    assert 590 <= cache.ttl("auth:fail:ip:127.0.0.21") <= 600
    # Attempts that the address was refused do not count against the accounts.
    for user in users:
        assert login(neighbour, user.site_id, user.password).status_code == 200


@pytest.mark.parametrize(
    "header",
    [
        {"X-Forwarded-For": "203.0.113.7"},
        {"X-Real-IP": "203.0.113.7"},
        {"Forwarded": "for=203.0.113.7"},
    ],
    ids=lambda header: next(iter(header)),
)
def test_nobody_escapes_by_saying_who_they_are(client, cache, header):
    guesser = client("127.0.0.1")  # where servers like to believe such a header

    answers = [login(guesser, f"nobody-{i}", "wrong", headers=header) for i in range(11)]

    assert [a.status_code for a in answers] == [401] * 10 + [429]
    assert cache.exists("auth:fail:ip:203.0.113.7") == 0


def test_thirty_players_behind_one_address_all_get_in_at_once(account, client, cache):
    """Three times the limit: attempts under way are no failures, and right ones give theirs back."""
    players = [account() for _ in range(30)]
    behind = client("127.0.0.24")
    for _ in range(9):
        assert login(behind, players[0].site_id + "x", "wrong").status_code in {401, 429}
    failures = cache.get("auth:fail:ip:127.0.0.24")

    with ThreadPoolExecutor(30) as pool:
        answers = list(pool.map(lambda user: login(behind, user.site_id, user.password), players))

    assert {a.status_code for a in answers} == {200}
    # An attacker's own account does not wipe the address's slate either.
    assert cache.get("auth:fail:ip:127.0.0.24") == failures == "5"
