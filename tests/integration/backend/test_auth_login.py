"""Login and the lock: five checks of a password, however they arrive."""

from __future__ import annotations

import hashlib

import pytest

from ccops.stack import engine


def login(http, site_id, password, **more):
    return http.post("/api/auth/login", json={"site_id": site_id, "password": password, **more})


def test_login_opens_a_session_that_is_in_both_stores(account, sql, cache):
    user = account()
    session = user.login["session_id"]

    assert cache.hgetall(f"session:{session}") == {"uid": str(user.id), "rank": "STANDARD", "family": session}
    assert 3500 < cache.ttl(f"session:{session}") <= 3600
    (row,) = sql("SELECT token_hash, family_id::text FROM refresh_tokens WHERE user_id = %s", user.id)
    assert row["family_id"] == session
    assert row["token_hash"] == hashlib.sha256(user.login["refresh_token"].encode()).digest()
    assert user.login["expires_in"] == 900
    assert user.get("/api/auth/me").json() == user.get("/api/users/me").json() == user.login["user"]


def test_the_site_id_is_not_case_sensitive(account, http):
    user = account(site_id="MixedCase")
    assert login(http, "mixedCASE", user.password).status_code == 200


def test_forty_parallel_guesses_get_five_checks_and_one_lock(account, http, burst, metric, cache, code_of):
    user = account()
    checked = metric("auth_login_total", result="bad_password")
    locks = metric("auth_login_locked_total")

    answers = burst(40, lambda i: login(http, user.site_id, f"guess-{i}"))

    assert sorted(a.status_code for a in answers) == [401] * 5 + [429] * 35
    assert metric("auth_login_total", result="bad_password") == checked + 5
    right = login(http, user.site_id, user.password)
    assert (right.status_code, code_of(right)) == (429, "ACCOUNT_LOCKED")
    assert 590 <= int(right.headers["Retry-After"]) <= 600
    assert login(http, user.site_id.upper(), user.password).status_code == 429
    assert metric("auth_login_locked_total") == locks + 1
    # The window over, the right password works and wipes the slate.
    digest = hashlib.sha256(user.site_id.encode()).hexdigest()[:16]
    assert 0 < cache.ttl(f"auth:fail:{digest}") <= 600
    cache.delete(f"auth:fail:{digest}")
    assert login(http, user.site_id, user.password).status_code == 200
    assert cache.exists(f"auth:fail:{digest}") == 0


def test_four_failures_and_a_success_start_the_count_anew(account, http):
    user = account()
    for _ in range(2):
        assert [login(http, user.site_id, "wrong").status_code for _ in range(4)] == [401] * 4
        assert login(http, user.site_id, user.password).status_code == 200


def test_an_unknown_account_answers_like_a_wrong_password_and_locks_too(http, code_of):
    answers = [login(http, "never-signed-up", "wrong") for _ in range(6)]
    assert [a.status_code for a in answers] == [401] * 5 + [429]
    assert code_of(answers[0]) == "INVALID_CREDENTIALS"


def test_a_closed_account_does_not_get_in(account, http, sql):
    user = account()
    sql("UPDATE users SET is_active = false WHERE id = %s", user.id)
    assert login(http, user.site_id, user.password).status_code == 401
    assert (
        http.post("/api/auth/refresh", json={"refresh_token": user.login["refresh_token"]}).status_code == 401
    )


def test_a_token_may_be_asked_to_live_shorter_and_never_longer(account, http, code_of, until):
    user = account()
    assert login(http, user.site_id, user.password, access_ttl_s=86_400).json()["expires_in"] == 900
    short = login(http, user.site_id, user.password, access_ttl_s=1).json()
    headers = {"Authorization": f"Bearer {short['access_token']}"}

    until(lambda: http.get("/api/auth/me", headers=headers).status_code == 401)

    assert code_of(http.get("/api/auth/me", headers=headers)) == "TOKEN_EXPIRED"


@pytest.mark.parametrize(
    "header",
    [None, "Bearer", "Bearer x", "Basic YTpi", "Bearer a.b.c", "Bearer " + "A" * 20_000, "Bearer \xff\xfe"],
    ids=lambda header: repr(header)[:30],
)
def test_without_a_good_token_the_answer_is_401(http, header, code_of):
    headers = {} if header is None else {"Authorization": header.encode("latin-1")}
    answer = http.get("/api/users/me", headers=headers)
    assert (answer.status_code, code_of(answer)) == (401, "UNAUTHORIZED")


@pytest.mark.fault
def test_without_redis_nobody_logs_in_but_sessions_go_on(account, http, backend, code_of, until):
    user = account()
    engine.down(backend.load(), ("redis",))
    try:
        refused = login(http, user.site_id, user.password)
        me = user.get("/api/users/me")
        claim = user.post("/api/streak/claim", {"action_type": "DAILY"})
        renewed = http.post("/api/auth/refresh", json={"refresh_token": user.login["refresh_token"]})
    finally:
        engine.up(backend.load(), ("backend",))
    assert (refused.status_code, code_of(refused)) == (503, "STORE_UNAVAILABLE")
    assert me.status_code == 200
    assert claim.status_code == 200
    assert renewed.status_code == 200
    until(lambda: login(http, user.site_id, user.password).status_code == 200)


@pytest.mark.fault
def test_without_postgres_the_answer_is_503_and_no_attempt_is_lost(account, http, backend, cache, code_of):
    user = account()
    digest = hashlib.sha256(user.site_id.encode()).hexdigest()[:16]
    engine.down(backend.load(), ("postgres",))
    try:
        answers = [
            login(http, user.site_id, user.password),
            user.get("/api/users/me"),
            user.get("/api/dashboard"),
            user.post("/api/streak/claim", {"action_type": "DAILY"}),
        ]
    finally:
        engine.up(backend.load(), ("backend",))
    assert [(a.status_code, code_of(a)) for a in answers] == [(503, "STORE_UNAVAILABLE")] * 4
    assert cache.get(f"auth:fail:{digest}") in {None, "0"}
