"""Sessions: parallel refreshes, and closing all of them at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import psycopg


def refresh(http, token):
    return http.post("/api/auth/refresh", json={"refresh_token": token})


def login(http, user):
    answer = http.post("/api/auth/login", json={"site_id": user.site_id, "password": user.password})
    assert answer.status_code == 200
    return answer.json()


def me(http, token):
    return http.get("/api/auth/me", headers={"Authorization": f"Bearer {token}"})


def test_a_hundred_refreshes_of_one_token_have_one_winner_and_close_nothing(
    account, http, sql, burst, code_of, events
):
    user = account()

    answers = burst(100, lambda i: refresh(http, user.login["refresh_token"]))

    assert sorted(a.status_code for a in answers) == [200] + [401] * 99
    assert {code_of(a) for a in answers if a.status_code == 401} == {"REFRESH_INVALID"}
    winner = next(a for a in answers if a.status_code == 200).json()
    assert me(http, winner["access_token"]).status_code == 200
    assert refresh(http, winner["refresh_token"]).status_code == 200
    assert events(user.id) == []


def test_a_hundred_thefts_at_once_close_the_family_and_say_so_once(
    account, http, sql, burst, code_of, events
):
    user = account()
    first = user.login["refresh_token"]
    second = refresh(http, first).json()
    sql("UPDATE refresh_tokens SET rotated_at = rotated_at - interval '6 s' WHERE user_id = %s", user.id)

    answers = burst(100, lambda i: refresh(http, first))

    assert {code_of(a) for a in answers} == {"REFRESH_REUSED"}
    assert refresh(http, second["refresh_token"]).status_code == 401
    assert events(user.id) == [{"event": "refresh_reused", "sessions": 1}]


def test_logout_all_ends_every_session_of_this_user_only(account, http, sql, cache, events):
    user, other = account(), account()
    sessions = [user.login, *(login(http, user) for _ in range(3))]
    renewed = refresh(http, sessions[1]["refresh_token"]).json()

    assert user.post("/api/auth/logout-all").status_code == 204

    for one in (*sessions, renewed):
        assert me(http, one["access_token"]).status_code == 401
        assert refresh(http, one["refresh_token"]).status_code == 401
        assert cache.exists(f"session:{one['session_id']}") == 0
        assert 0 < cache.ttl(f"auth:revoked:fam:{one['session_id']}") <= 900
    live = "SELECT id FROM refresh_tokens WHERE user_id = %s AND revoked_at IS NULL"
    assert sql(live, user.id) == []
    assert events(user.id) == [{"event": "logout_all", "sessions": 4}]
    assert me(http, other.token).status_code == 200
    assert refresh(http, other.login["refresh_token"]).status_code == 200
    assert me(http, login(http, user)["access_token"]).status_code == 200


def test_no_rotation_escapes_a_logout_of_all(account, http, sql, burst):
    for _ in range(3):
        user = account()
        tokens = [user.login["refresh_token"], *(login(http, user)["refresh_token"] for _ in range(9))]

        answers = burst(
            11,
            lambda i, user=user, tokens=tokens: (
                user.post("/api/auth/logout-all") if i == 10 else refresh(http, tokens[i])
            ),
        )

        assert answers[10].status_code == 204
        live = "SELECT id FROM refresh_tokens WHERE user_id = %s AND revoked_at IS NULL"
        assert sql(live, user.id) == []


def test_a_rotation_that_commits_while_all_are_closed_does_not_escape(account, http, sql, backend, until):
    user = account()
    with psycopg.connect(backend.load().get("CCOPS_DATABASE_URL")) as rotation, ThreadPoolExecutor(1) as pool:
        (parent,) = rotation.execute(
            "UPDATE refresh_tokens SET rotated_at = now() WHERE user_id = %s RETURNING id", (user.id,)
        ).fetchone()
        rotation.execute(
            "INSERT INTO refresh_tokens (id, family_id, user_id, token_hash, parent_id, expires_at)"
            " SELECT gen_random_uuid(), family_id, user_id, sha256(token_hash), id, expires_at"
            " FROM refresh_tokens WHERE id = %s",
            (parent,),
        )
        closing = pool.submit(user.post, "/api/auth/logout-all")
        waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query ILIKE %s"
        until(lambda: sql(waiting, "%cc_logout_all%"))
        rotation.commit()
    assert closing.result().status_code == 204
    live = "SELECT id FROM refresh_tokens WHERE user_id = %s AND revoked_at IS NULL"
    assert sql(live, user.id) == []
