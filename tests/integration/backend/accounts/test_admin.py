"""Administrators: what they may, that everybody else may not, and that each write is in the chain once."""

from __future__ import annotations

import json
import secrets
from pathlib import Path

import psycopg
import pytest

from tests.backends import secrets_of

SETTINGS = Path("ccops", "backend", "contract", "settings.json")


def audit(sql, target):
    return sql("SELECT * FROM audit_log WHERE target = %s ORDER BY id", target)


def rank(admin, user_id, name, reason="because"):
    return admin.http.patch(
        f"/api/admin/users/{user_id}/rank", json={"rank": name, "reason": reason}, headers=admin.auth
    )


def test_who_has_no_rank_gets_nowhere(account, adjust, code_of, sql):
    user = account()
    before = sql("SELECT count(*) FROM audit_log")
    answers = [
        user.get("/api/admin/users"),
        user.get("/api/admin/audit"),
        user.get("/api/admin/settings"),
        rank(user, user.id, "ADMIN"),
        adjust(user, user.id, 1_000_000),
        user.post("/api/admin/invites", {}),
        user.post("/api/admin/promos", {"gold": 1}),
    ]
    assert {(a.status_code, code_of(a)) for a in answers} == {(403, "RANK_REQUIRED")}
    assert sql("SELECT count(*) FROM audit_log") == before


def test_users_are_found_by_id_and_by_how_their_names_begin(account, admin):
    head = secrets.token_hex(4)
    users = [account(site_id=f"{head}-{i}", nickname=f"nick{head}%{i}") for i in range(3)]

    first = admin.get("/api/admin/users", params={"search": head.upper(), "limit": 2}).json()
    rest = admin.get(
        "/api/admin/users", params={"search": head, "limit": 2, "cursor": first["next_cursor"]}
    ).json()

    assert [row["id"] for row in first["items"] + rest["items"]] == [user.id for user in reversed(users)]
    assert rest["next_cursor"] is None
    for search in (str(users[1].id), f"nick{head}%1"):
        found = admin.get("/api/admin/users", params={"search": search}).json()["items"]
        assert users[1].id in [row["id"] for row in found]
    assert admin.get("/api/admin/users", params={"search": "%"}).json()["items"] == []
    row = first["items"][0]
    assert (row["rank"], row["gold_balance"], row["wallet_version"], row["is_active"]) == (
        "STANDARD",
        1000,
        1,
        True,
    )


def test_administrators_see_what_the_process_runs_with_and_no_secret(admin, backend):
    answer = admin.get("/api/admin/settings")
    found = answer.json()["settings"]
    declared = json.loads((Path(__file__).parents[4] / SETTINGS).read_text(encoding="utf-8"))
    assert set(found) == {name for name, one in declared.items() if not one.get("secret")}
    assert (found["APP_ENV"], found["ARGON2_PROFILE"], found["PROTECTED"]) == ("dev", "test", False)
    assert found["LOCKOUT_IP_FAILURES"] == 100_000
    for secret in secrets_of(backend.load()).values():
        assert secret not in answer.text


def test_a_rank_holds_at_once_and_is_logged_once(account, admin, sql, events):
    user = account()

    given = rank(admin, user.id, "ADMIN", "promoted")
    again = rank(admin, user.id, "ADMIN", "promoted")

    assert given.json() == {"user_id": user.id, "rank": "ADMIN", "previous_rank": "STANDARD", "changed": True}
    assert again.json()["changed"] is False
    (row,) = audit(sql, f"user:{user.id}")
    assert (row["actor_id"], row["action"], row["reason"]) == (admin.id, "set_rank", "promoted")
    assert (row["before"], row["after"]) == ({"rank": "STANDARD"}, {"rank": "ADMIN"})
    assert row["request_id"] == given.headers["X-Request-Id"]
    assert events(user.id) == [{"event": "rank_changed", "rank": "ADMIN", "previous_rank": "STANDARD"}]
    assert user.get("/api/admin/users").status_code == 200  # the old token, the fresh rank
    assert rank(admin, 2**62, "VIP").status_code == 404


def test_two_administrators_who_demote_each_other_do_not_both_succeed(account, sql, burst):
    for _ in range(5):
        one, two = account(), account()
        sql("UPDATE users SET rank = 'ADMIN' WHERE id IN (%s, %s)", one.id, two.id)

        answers = burst(2, lambda i, pair=(one, two): rank(pair[i], pair[1 - i].id, "STANDARD"))

        assert sorted(a.status_code for a in answers) == [200, 403]


def test_gold_is_added_and_taken_on_the_ledger_and_in_the_chain(account, admin, adjust, sql):
    user = account()

    added = adjust(admin, user.id, 500, reason="lost in the move")
    taken = adjust(admin, user.id, -300)

    assert (added.status_code, taken.status_code) == (200, 200)
    assert (added.json()["balance_after"], taken.json()["balance_after"]) == (1500, 1200)
    assert (added.json()["wallet_version"], taken.json()["wallet_version"]) == (2, 3)
    rows = sql("SELECT * FROM gold_ledger WHERE user_id = %s AND reason = 'adjust' ORDER BY seq", user.id)
    assert [(r["delta"], r["counter_account"]) for r in rows] == [(500, "mint:adjust"), (-300, "sink:adjust")]
    first, second = audit(sql, f"user:{user.id}")
    assert (first["before"], first["reason"]) == ({"gold": 1000, "version": 1}, "lost in the move")
    assert first["after"] == {"gold": 1500, "version": 2, "adjustment_id": rows[0]["ref_id"]}
    assert (first["id"], second["id"]) == (added.json()["audit_id"], taken.json()["audit_id"])
    types = sql("SELECT type FROM outbox WHERE user_id = %s AND id > %s ORDER BY id", user.id, 0)
    assert [r["type"] for r in types if r["type"] in {"reward_granted", "profile_update"}] == [
        "reward_granted",
        "profile_update",
        "profile_update",
    ]


def test_nobody_is_pushed_below_zero_and_the_key_stays_usable(account, admin, adjust, sql, code_of):
    user = account()
    refused = adjust(admin, user.id, -1001, key="too-much")
    assert (refused.status_code, code_of(refused)) == (402, "INSUFFICIENT_GOLD")
    assert audit(sql, f"user:{user.id}") == []
    adjust(admin, user.id, 1)
    assert adjust(admin, user.id, -1001, key="too-much").json()["balance_after"] == 0


def test_a_version_that_has_passed_is_refused(account, admin, adjust, sql, code_of):
    user = account()
    stale = adjust(admin, user.id, 5, version='"7"', key="versioned")
    assert (stale.status_code, code_of(stale)) == (412, "VERSION_MISMATCH")
    assert audit(sql, f"user:{user.id}") == []
    first = adjust(admin, user.id, 5, version='"1"', key="versioned-1")
    assert first.json()["wallet_version"] == 2
    replay = adjust(admin, user.id, 5, version='"1"', key="versioned-1")
    assert (replay.content, replay.headers["Idempotent-Replayed"]) == (first.content, "true")
    for wrong in ("*", "abc", '"1', "1.5", "9" * 19, '"1", "2"'):
        answer = adjust(admin, user.id, 5, version=wrong)
        assert answer.status_code in {412, 422} if wrong == '"1' else answer.status_code == 422


def test_of_a_hundred_who_saw_the_same_version_one_wins(account, admin, adjust, burst, sql):
    user = account()

    answers = burst(100, lambda i: adjust(admin, user.id, 7, version=1))

    assert sorted(a.status_code for a in answers) == [200] + [412] * 99
    assert sql("SELECT gold FROM wallets WHERE user_id = %s", user.id) == [{"gold": 1007}]
    assert len(audit(sql, f"user:{user.id}")) == 1


def test_a_hundred_twins_of_one_key_adjust_once(account, admin, adjust, burst, sql, code_of):
    user = account()

    answers = burst(100, lambda i: adjust(admin, user.id, 7, key="the-only-key"))

    assert {a.status_code for a in answers} == {200}
    assert len({a.content for a in answers}) == 1
    assert sum("Idempotent-Replayed" in a.headers for a in answers) == 99
    assert len(audit(sql, f"user:{user.id}")) == 1
    other = adjust(admin, user.id, 8, key="the-only-key")
    assert (other.status_code, code_of(other)) == (409, "IDEMPOTENCY_KEY_REUSED")


def test_a_key_is_needed_and_numbers_have_ends(account, admin, adjust, code_of):
    user = account()
    path = f"/api/admin/users/{user.id}/gold-adjust"
    missing = admin.post(path, {"delta": 1, "reason": "why"})
    assert (missing.status_code, code_of(missing)) == (400, "IDEMPOTENCY_KEY_MISSING")
    for body in (
        {"delta": 0},
        {"delta": 10**13},
        {"delta": 1.5},
        {"delta": True},
        {"delta": 1, "reason": "\x00"},
    ):
        answer = admin.post(path, {"reason": "why", **body}, headers={"Idempotency-Key": "k"})
        assert answer.status_code == 422, body
    unknown = adjust(admin, 2**62, 1)
    assert (unknown.status_code, code_of(unknown)) == (404, "NOT_FOUND")


CTX = '{"trace_id": "t", "request_id": "r", "env": "dev"}'


def test_a_wallet_that_would_overflow_is_a_refusal(account, admin, adjust, sql, code_of):
    user = account()
    post = "SELECT cc_post(%s, %s, %s, 'test', 'test', 'test', %s)"
    full = 2**63 - 1 - 5000
    sql(post, CTX, user.id, full, "fill")
    answer = adjust(admin, user.id, 10**12)
    sql(post, CTX, user.id, -full, "empty")  # the sums of other tests' invariants must stay within a bigint
    assert (answer.status_code, code_of(answer)) == (422, "AMOUNT_OUT_OF_RANGE")


def test_an_invite_made_by_an_administrator_lets_as_many_in_as_it_says(admin, signup, sql, code_of):
    made = admin.post("/api/admin/invites", {"max_uses": 1})
    assert made.status_code == 201
    code = made.json()["code"]
    assert signup(invite_code=code).status_code == 201
    assert code_of(signup(invite_code=code)) == "INVITE_EXHAUSTED"
    named = {"code": f"vip-{secrets.token_hex(4)}", "expires_at": "2020-01-01T00:00:00Z"}
    assert admin.post("/api/admin/invites", named).json()["max_uses"] is None
    assert code_of(signup(invite_code=named["code"])) == "INVITE_INVALID"
    taken = admin.post("/api/admin/invites", named)
    assert (taken.status_code, code_of(taken)) == (409, "CODE_TAKEN")
    (row,) = audit(sql, f"invite:{named['code']}")
    assert (row["action"], row["actor_id"]) == ("create_invite", admin.id)
    assert sql("SELECT created_by FROM invite_codes WHERE code = %s", code) == [{"created_by": admin.id}]
    for body in (
        {"code": "a b"},
        {"max_uses": 0},
        {"max_uses": 2**31},
        {"expires_at": "2020-01-01T00:00:00"},
    ):
        assert admin.post("/api/admin/invites", body).status_code == 422, body


def test_a_promo_made_by_an_administrator_can_be_redeemed(account, admin, sql, code_of):
    made = admin.post("/api/admin/promos", {"gold": 77, "max_uses": 1})
    assert made.status_code == 201
    code = made.json()["code"]
    user = account()
    redeemed = user.post("/api/shop/promo/redeem", {"code": code}, headers={"Idempotency-Key": "p1"})
    assert redeemed.json()["balance_after"] == 1077
    taken = admin.post("/api/admin/promos", {"gold": 1, "code": code})
    assert (taken.status_code, code_of(taken)) == (409, "CODE_TAKEN")
    (row,) = audit(sql, f"promo:{code}")
    assert (row["action"], row["after"]["gold"]) == ("create_promo", 77)
    for body in ({}, {"gold": 0}, {"gold": 10**9 + 1}, {"gold": 1, "code": "\u00e9\u00e9\u00e9"}):
        assert admin.post("/api/admin/promos", body).status_code == 422, body


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_moment_that_a_time_zone_leads_out_of_the_calendar_is_refused(admin, code_of, moment):
    for path, body in (
        ("invites", {"expires_at": moment}),
        ("promos", {"gold": 1, "starts_at": moment}),
        ("promos", {"gold": 1, "expires_at": moment}),
    ):
        answer = admin.post(f"/api/admin/{path}", body)
        assert (answer.status_code, code_of(answer)) == (422, "VALIDATION_ERROR"), answer.text


def test_a_hundred_administrators_at_once_leave_one_unbroken_chain(
    account, admin, adjust, burst, sql, broken
):
    users = [account() for _ in range(10)]
    last = sql("SELECT coalesce(max(id), 0) AS id FROM audit_log")[0]["id"]

    answers = burst(
        100,
        lambda i: (
            adjust(admin, users[i % 10].id, 1)
            if i % 2
            else admin.post("/api/admin/invites", {"max_uses": i + 1})
        ),
    )

    assert {a.status_code for a in answers} == {200, 201}
    assert len(sql("SELECT id FROM audit_log WHERE id > %s", last)) == 100
    assert broken("audit_chain_unbroken") == []


def test_the_log_is_read_in_pages_and_filtered(account, admin, adjust):
    user = account()
    for delta in (1, 2, 3):
        adjust(admin, user.id, delta)
    rank(admin, user.id, "VIP")
    target = {"target": f"user:{user.id}"}

    first = admin.get("/api/admin/audit", params={**target, "limit": 2}).json()
    rest = admin.get("/api/admin/audit", params={**target, "limit": 2, "cursor": first["next_cursor"]}).json()

    rows = first["items"] + rest["items"]
    assert [row["action"] for row in rows] == ["set_rank", "gold_adjust", "gold_adjust", "gold_adjust"]
    assert rest["next_cursor"] is None
    assert all(len(row["hash"]) == 64 for row in rows)
    only = admin.get("/api/admin/audit", params={**target, "action": "set_rank"}).json()["items"]
    assert [row["id"] for row in only] == [rows[0]["id"]]


@pytest.mark.parametrize(
    ("change", "how"),
    [
        ("UPDATE audit_log SET reason = 'another' WHERE id = %s", "its content changed"),
        ("UPDATE audit_log SET after = after || '{\"gold\": 1}' WHERE id = %s", "its content changed"),
        (
            "UPDATE audit_log SET created_at = created_at + interval '1 us' WHERE id = %s",
            "its content changed",
        ),
        ("DELETE FROM audit_log WHERE id = %s", "another row went before"),
    ],
)
def test_a_row_that_was_edited_or_removed_shows(backend, account, admin, adjust, broken, sql, change, how):
    user = account()
    middle = adjust(admin, user.id, 1).json()["audit_id"]
    adjust(admin, user.id, 2)
    script = Path(__file__).parents[4] / "ccops" / "backend" / "contract" / "invariants.sql"
    query = script.read_text(encoding="utf-8").split("-- name: audit_chain_unbroken")[1].split("-- name:")[0]
    with psycopg.connect(backend.load().get("CCOPS_DATABASE_URL")) as conn:
        with (
            pytest.raises(psycopg.errors.RaiseException, match="audit_log is append-only"),
            conn.transaction(),
        ):
            conn.execute(change, (middle,))
        conn.execute("SET LOCAL session_replication_role = replica")  # what a superuser could do
        conn.execute(change, (middle,))
        found = conn.execute(query).fetchall()
        conn.rollback()
    assert [row[3] for row in found] == [how]
    assert broken("audit_chain_unbroken") == []
