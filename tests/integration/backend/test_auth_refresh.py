"""Refresh tokens: one child each, theft closes the family, a lost answer does not."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor

import psycopg


def refresh(http, token):
    return http.post("/api/auth/refresh", json={"refresh_token": token})


def later(sql, user, seconds=60):
    """Let the user's rotations lie `seconds` back, so that no test waits for the leeway."""
    sql(
        "UPDATE refresh_tokens SET rotated_at = rotated_at - make_interval(secs => %s) WHERE user_id = %s",
        seconds,
        user.id,
    )


def test_ten_refreshes_at_once_have_one_winner_and_the_session_survives(account, http, sql, burst, code_of):
    user = account()

    answers = burst(10, lambda i: refresh(http, user.login["refresh_token"]))

    assert sorted(a.status_code for a in answers) == [200] + [401] * 9
    assert {code_of(a) for a in answers if a.status_code == 401} == {"REFRESH_INVALID"}
    rows = sql("SELECT parent_id, revoked_at FROM refresh_tokens WHERE user_id = %s", user.id)
    assert len(rows) == 2
    assert [row["revoked_at"] for row in rows] == [None, None]
    winner = next(a for a in answers if a.status_code == 200).json()
    assert refresh(http, winner["refresh_token"]).status_code == 200


def test_a_token_used_again_later_closes_the_session_for_everybody(
    account, http, sql, cache, metric, code_of
):
    user = account()
    reused = metric("auth_refresh_total", result="reused")
    second = refresh(http, user.login["refresh_token"]).json()
    later(sql, user)

    thief = refresh(http, user.login["refresh_token"])

    assert (thief.status_code, code_of(thief)) == (401, "REFRESH_REUSED")
    assert metric("auth_refresh_total", result="reused") == reused + 1
    # Committed although the answer was a refusal.
    rows = sql("SELECT revoke_reason FROM refresh_tokens WHERE user_id = %s", user.id)
    assert [row["revoke_reason"] for row in rows] == ["reused", "reused"]
    assert code_of(refresh(http, second["refresh_token"])) == "REFRESH_INVALID"
    # Access tokens of the family die with it, old and new.
    for token in (user.token, second["access_token"]):
        answer = http.get("/api/users/me", headers={"Authorization": f"Bearer {token}"})
        assert (answer.status_code, code_of(answer)) == (401, "UNAUTHORIZED")
    assert 0 < cache.ttl(f"auth:revoked:fam:{user.login['session_id']}") <= 900
    assert cache.exists(f"session:{user.login['session_id']}") == 0


def test_other_sessions_of_the_same_user_stay_open(account, http, sql):
    user = account()
    other = http.post("/api/auth/login", json={"site_id": user.site_id, "password": user.password}).json()
    refresh(http, user.login["refresh_token"])
    later(sql, user)
    assert refresh(http, user.login["refresh_token"]).status_code == 401

    assert refresh(http, other["refresh_token"]).status_code == 200
    assert http.get("/api/users/me", headers={"Authorization": f"Bearer {other['access_token']}"}).is_success


def test_theft_and_rotation_at_the_same_moment_leave_no_live_token(account, http, sql, burst):
    for _ in range(5):
        user = account()
        first = user.login["refresh_token"]
        second = refresh(http, first).json()["refresh_token"]
        later(sql, user)

        burst(6, lambda i, pair=(first, second): refresh(http, pair[i % 2]))

        live = sql("SELECT id FROM refresh_tokens WHERE user_id = %s AND revoked_at IS NULL", user.id)
        assert live == []


def test_a_rotation_that_commits_during_the_revocation_does_not_escape_it(account, http, sql, backend, until):
    user = account()
    first = user.login["refresh_token"]
    refresh(http, first)
    later(sql, user)
    url = backend.load().get("CCOPS_DATABASE_URL")
    with psycopg.connect(url) as rotation, ThreadPoolExecutor(1) as pool:
        (parent,) = rotation.execute(
            "UPDATE refresh_tokens SET rotated_at = now() WHERE user_id = %s AND rotated_at IS NULL"
            " RETURNING id",
            (user.id,),
        ).fetchone()
        rotation.execute(
            "INSERT INTO refresh_tokens (id, family_id, user_id, token_hash, parent_id, expires_at)"
            " SELECT gen_random_uuid(), family_id, user_id, 'child', id, expires_at"
            " FROM refresh_tokens WHERE id = %s",
            (parent,),
        )
        thief = pool.submit(refresh, http, first)
        waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query ILIKE %s"
        until(lambda: sql(waiting, "%cc_refresh_reused%"))
        rotation.commit()
    assert thief.result().json()["error"]["code"] == "REFRESH_REUSED"
    live = "SELECT parent_id FROM refresh_tokens WHERE user_id = %s AND revoked_at IS NULL"
    assert sql(live, user.id) == []


def test_the_database_refuses_a_second_child(sql):
    (index,) = sql("SELECT indexdef FROM pg_indexes WHERE indexname = 'uq_refresh_tokens_parent_id'")
    assert "UNIQUE" in index["indexdef"]


def test_an_expired_token_is_refused_and_counted_as_such(account, http, sql, metric, code_of):
    user = account()
    before = metric("auth_refresh_total", result="expired")
    sql("UPDATE refresh_tokens SET expires_at = now() WHERE user_id = %s", user.id)
    assert code_of(refresh(http, user.login["refresh_token"])) == "REFRESH_INVALID"
    assert metric("auth_refresh_total", result="expired") == before + 1


def test_a_token_nobody_issued_is_refused(http, code_of):
    for token in (uuid.uuid4().hex, "\N{GRINNING FACE}", "a\x00b"):
        assert code_of(refresh(http, token)) == "REFRESH_INVALID"


def test_logout_ends_the_session_at_once(account, http, code_of):
    user = account()
    assert user.post("/api/auth/logout").status_code == 204
    assert user.get("/api/users/me").status_code == 401
    assert code_of(refresh(http, user.login["refresh_token"])) == "REFRESH_INVALID"
