"""What people see and change of their own account, and how they leave."""

from __future__ import annotations

import json
import secrets
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
import redis

TRACE = '{"trace_id": "left", "request_id": "left"}'


def test_a_nickname_is_changed_and_shown(account, code_of):
    user, other = account(), account()

    changed = user.http.patch("/api/users/me", json={"nickname": "  New \uff2eame "}, headers=user.auth)

    assert changed.status_code == 200
    assert changed.json() == user.get("/api/users/me").json()
    assert changed.json()["nickname"] == "New Name"  # NFKC, trimmed
    again = user.http.patch("/api/users/me", json={"nickname": "NEW name"}, headers=user.auth)
    assert again.json()["nickname"] == "NEW name"  # one's own name in another case is nobody else's
    taken = other.http.patch("/api/users/me", json={"nickname": "new NAME"}, headers=other.auth)
    assert (taken.status_code, code_of(taken)) == (409, "NICKNAME_TAKEN")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"nickname": "x"},
        {"nickname": "a\x00bc"},
        {"nickname": 5},
        {"nickname": "ok name", "rank": "ADMIN"},
    ],
    ids=str,
)
def test_a_change_of_the_wrong_shape_is_refused(account, body, code_of):
    user = account()
    answer = user.http.patch("/api/users/me", json=body, headers=user.auth)
    assert (answer.status_code, code_of(answer)) == (422, "VALIDATION_ERROR")


def test_a_hundred_people_who_want_one_nickname_get_one(account, burst):
    users = [account() for _ in range(10)]
    name = secrets.token_hex(6)
    answers = burst(
        100,
        lambda i: users[i % 10].http.patch(
            "/api/users/me", json={"nickname": name}, headers=users[i % 10].auth
        ),
    )
    winners = {i % 10 for i, answer in enumerate(answers) if answer.status_code == 200}
    assert len(winners) == 1
    assert {answer.status_code for answer in answers} == {200, 409}


def test_a_balance_is_for_oneself_and_administrators(account, admin, code_of):
    user, other = account(), account()
    path = f"/api/users/{user.id}/balance"

    own = user.get(path)

    assert own.json() == {"user_id": user.id, "gold_balance": 1000, "wallet_version": 1}
    assert admin.get(path).json() == own.json()
    for answer in (other.get(path), other.get(f"/api/users/{2**62}/balance")):
        assert (answer.status_code, code_of(answer)) == (403, "FORBIDDEN")
    unknown = admin.get(f"/api/users/{2**63 - 1}/balance")
    assert (unknown.status_code, code_of(unknown)) == (404, "NOT_FOUND")
    for wrong in ("0", "-1", str(2**63), "me", "1.5"):
        assert user.get(f"/api/users/{wrong}/balance").status_code == 422


def test_a_demoted_administrator_may_not_look_although_the_token_says_so(account, http, sql):
    boss, user = account(), account()
    sql("UPDATE users SET rank = 'ADMIN' WHERE id = %s", boss.id)
    body = {"site_id": boss.site_id, "password": boss.password}
    token = http.post("/api/auth/login", json=body).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    assert http.get(f"/api/users/{user.id}/balance", headers=headers).status_code == 200

    sql("UPDATE users SET rank = 'VIP' WHERE id = %s", boss.id)

    assert http.get(f"/api/users/{user.id}/balance", headers=headers).status_code == 403
    assert http.get("/api/admin/audit", headers=headers).status_code == 403


def test_the_ledger_is_read_in_pages_that_never_shift(account, admin, adjust):
    user = account()
    for delta in (10, -5, 20, 30, -1, 2):
        assert adjust(admin, user.id, delta).status_code == 200

    first = user.get("/api/users/me/ledger", params={"limit": 3}).json()
    adjust(admin, user.id, 1000)  # arrives between two pages
    second = user.get("/api/users/me/ledger", params={"limit": 3, "cursor": first["next_cursor"]}).json()
    third = user.get("/api/users/me/ledger", params={"limit": 3, "cursor": second["next_cursor"]}).json()

    rows = [*first["items"], *second["items"], *third["items"]]
    assert [row["seq"] for row in rows] == [7, 6, 5, 4, 3, 2, 1]
    assert [row["delta"] for row in rows] == [2, -1, 30, 20, -5, 10, 1000]
    assert rows[0]["balance_after"] == sum(row["delta"] for row in rows)
    assert {row["reason"] for row in rows} == {"adjust", "signup"}
    assert third["next_cursor"] is None
    whole = user.get("/api/users/me/ledger", params={"limit": 8}).json()
    assert (len(whole["items"]), whole["next_cursor"]) == (8, None)  # exactly full, and nothing after it


@pytest.mark.parametrize(
    "query", ["cursor=0", "cursor=x", "limit=0", "limit=101", f"cursor={2**63}", "cursor=%00"]
)
def test_a_cursor_that_is_none_is_refused(account, query, code_of):
    answer = account().get(f"/api/users/me/ledger?{query}")
    assert (answer.status_code, code_of(answer)) == (422, "VALIDATION_ERROR")


def test_who_leaves_is_forgotten_and_the_ledger_stays(account, http, sql, cache, events, code_of):
    user = account(phone="+82 10 1234 5678")
    another = http.post("/api/auth/login", json={"site_id": user.site_id, "password": user.password}).json()
    before = sql("SELECT * FROM gold_ledger WHERE user_id = %s", user.id)

    left = user.http.delete("/api/users/me", headers=user.auth)

    assert left.status_code == 202
    assert left.json()["erased"] is True
    (row,) = sql("SELECT * FROM users WHERE id = %s", user.id)
    assert (row["phone_enc"], row["birth_date_enc"], row["age_verified_at"], row["last_login_at"]) == (
        None,
    ) * 4
    assert row["site_id"].startswith("erased:")
    assert row["nickname"].startswith("erased:")
    assert user.site_id not in str(row)
    assert (row["is_active"], row["password_hash"]) == (False, "!")
    assert sql("SELECT * FROM gold_ledger WHERE user_id = %s", user.id) == before != []
    login = http.post("/api/auth/login", json={"site_id": user.site_id, "password": user.password})
    assert (login.status_code, code_of(login)) == (401, "INVALID_CREDENTIALS")
    for token in (user.token, another["access_token"]):
        assert http.get("/api/users/me", headers={"Authorization": f"Bearer {token}"}).status_code == 401
    for token in (user.login["refresh_token"], another["refresh_token"]):
        assert http.post("/api/auth/refresh", json={"refresh_token": token}).status_code == 401
    assert cache.exists(f"session:{user.login['session_id']}", f"session:{another['session_id']}") == 0
    assert events(user.id) == [{"event": "erased", "sessions": 2}]


def test_leaving_twice_is_leaving_once(account, sql, cache, events, burst):
    user = account()
    answers = burst(20, lambda i: user.http.delete("/api/users/me", headers=user.auth))
    assert {a.status_code for a in answers} <= {202, 401}  # 401: the first has closed the session meanwhile
    moments = {a.json()["erased_at"] for a in answers if a.status_code == 202}
    assert len(moments) == 1

    cache.delete(f"auth:revoked:fam:{user.login['session_id']}")  # as if Redis had lost it
    again = user.http.delete("/api/users/me", headers=user.auth)

    assert (again.status_code, again.json()["erased_at"]) == (202, moments.pop())
    assert len(events(user.id)) == 1
    assert cache.exists(f"auth:revoked:fam:{user.login['session_id']}") == 1


def test_a_name_that_was_given_back_may_be_taken_again(account, signup):
    user = account()
    user.http.delete("/api/users/me", headers=user.auth)
    assert signup(site_id=user.site_id, nickname=user.nickname).status_code == 201


def test_who_left_can_not_be_verified_given_a_rank_or_paid_as_a_player(account, admin, cache, code_of):
    user = account()
    user.http.delete("/api/users/me", headers=user.auth)
    cache.delete(f"auth:revoked:fam:{user.login['session_id']}")

    verified = user.post("/api/users/me/age-verification")
    ranked = admin.http.patch(
        f"/api/admin/users/{user.id}/rank", json={"rank": "VIP", "reason": "why"}, headers=admin.auth
    )

    assert (verified.status_code, code_of(verified)) == (403, "AGE_RESTRICTED")
    assert (ranked.status_code, code_of(ranked)) == (404, "NOT_FOUND")


def test_who_left_does_nothing_more_although_redis_has_forgotten_it(account, sql, cache, code_of):
    user = account()
    user.http.delete("/api/users/me", headers=user.auth)
    cache.delete(f"auth:revoked:fam:{user.login['session_id']}")
    (before,) = sql("SELECT * FROM wallets WHERE user_id = %s", user.id)

    for path, body in {
        "/api/shop/buy": {"product_id": "LUCKY_CHARM"},
        "/api/shop/limited/FOUNDERS_CHEST/hold": None,
        "/api/shop/limited/FOUNDERS_CHEST/buy": None,
        "/api/shop/promo/redeem": {"code": "WELCOME100"},
        "/api/streak/claim": {"action_type": "DAILY"},
        "/api/events/WELCOME/join": None,
        "/api/events/WELCOME/progress": {"delta": 1},
        "/api/events/WELCOME/claim": None,
        "/api/achievements/FIRST_STREAK/claim": None,
        "/api/battlepass/claim": {"level": 1, "track": "free"},
        "/api/actions": {"action_type": "LOGIN", "context": {"phone": "+82 10 1234 5678"}},
        "/api/games/fairness/rotate": None,
    }.items():
        answer = user.post(path, body, headers={"Idempotency-Key": secrets.token_hex(8)})
        assert (answer.status_code, code_of(answer)) == (401, "UNAUTHORIZED"), (path, answer.text)
    named = user.http.patch("/api/users/me", json={"nickname": "back again"}, headers=user.auth)
    assert (named.status_code, code_of(named)) == (401, "UNAUTHORIZED")

    assert sql("SELECT * FROM wallets WHERE user_id = %s", user.id) == [before]
    assert sql("SELECT 1 FROM user_actions WHERE user_id = %s", user.id) == []


@pytest.mark.parametrize("path", ["/api/auth/login", "/api/users/me/age-verification"])
def test_what_was_begun_before_somebody_left_does_not_end_after_it(
    account, sql, backend, until, code_of, path
):
    """The right password was seen, or the birth date read, and then the erasure commits."""
    user = account()
    body = {"site_id": user.site_id, "password": user.password} if path.endswith("login") else None
    with psycopg.connect(backend.load().get("CCOPS_DATABASE_URL")) as leaving, ThreadPoolExecutor(1) as pool:
        leaving.execute('SELECT cc_erase(\'{"env": "dev"}\'::jsonb || %s::jsonb, %s)', (TRACE, user.id))
        begun = pool.submit(user.post, path, body)
        waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE %s"
        until(lambda: sql(waiting, "%UPDATE users SET%"))
        leaving.commit()

    assert begun.result().status_code == 401, begun.result().text
    assert code_of(begun.result()) == ("INVALID_CREDENTIALS" if body else "UNAUTHORIZED")
    (row,) = sql("SELECT last_login_at, age_verified_at FROM users WHERE id = %s", user.id)
    assert row == {"last_login_at": None, "age_verified_at": None}
    live = "SELECT id FROM refresh_tokens WHERE user_id = %s AND revoked_at IS NULL"
    assert sql(live, user.id) == []


def test_personal_data_is_in_no_sink(account, http, backend, sql, cache: redis.Redis, admin, adjust):
    """A canary phone number and birth date, in every way a client can send them, are found nowhere."""
    phone, born = f"+8210{secrets.randbelow(10**8):08}", "1987-03-29"
    user = account(phone=phone, birth_date=born)
    user.post("/api/users/me/age-verification")
    adjust(admin, user.id, 5)
    admin.http.patch(
        f"/api/admin/users/{user.id}/rank", json={"rank": "VIP", "reason": "why"}, headers=admin.auth
    )
    for wrong in ({"phone": phone + "x"}, {"birth_date": born + "x"}):  # refused, and not echoed
        form = {"invite_code": "5858", "site_id": "canary", "nickname": "canary", "password": "long-enough"}
        answer = http.post("/api/auth/signup", json={**form, "birth_date": born, **wrong})
        assert answer.status_code == 422
        assert phone not in answer.text
    seen = [
        admin.get("/api/admin/users", params={"search": user.site_id}).text,
        user.get("/api/users/me").text,
    ]
    user.post("/api/auth/logout-all")
    user.http.delete("/api/users/me", headers=user.auth)

    for table in ("outbox", "audit_log", "users", "idempotency_keys", "gold_ledger", "user_actions"):
        seen += [row["text"] for row in sql(f"SELECT t::text AS text FROM {table} t")]
    for key in cache.scan_iter("*"):
        kind = cache.type(key)
        seen.append(key)
        seen.append(
            str({"string": cache.get, "hash": cache.hgetall, "set": cache.smembers}.get(kind, str)(key))
        )
    logs = list((backend.load().state_dir / "logs").glob("*"))
    assert logs
    seen += [path.read_text(encoding="utf-8", errors="replace") for path in logs]
    hexes = [phone.encode().hex(), born.encode().hex()]  # how a bytea of plain text would look
    assert [needle for needle in (phone, born, *hexes) if any(needle in text for text in seen)] == []
    json.dumps(seen)
