"""Grants by administrators, and the log of everything that was credited."""

from __future__ import annotations

import secrets
from collections import Counter

import pytest


def grant(admin, user_id, ref=None, gold=25, reason="sorry for the outage", **headers):
    body = {"user_id": user_id, "ref": ref or secrets.token_hex(8), "gold": gold, "reason": reason}
    return admin.post("/api/rewards/grant", body, headers=headers)


def history(user):
    items, before = [], None
    while True:
        page = user.get(
            "/api/rewards/history", params={"limit": 2} | ({"before": before} if before else {})
        ).json()
        items += page["items"]
        before = page["next_before"]
        if before is None:
            return items


def test_a_grant_leaves_ledger_audit_frames_and_a_line_in_the_log(
    account, admin, ledger, frames, sql, metric
):
    user, granted = account(), metric("reward_grant_total", result="granted")
    answer = grant(admin, user.id, "ticket-1")
    body = answer.json()

    assert answer.status_code == 201
    assert (body["user_id"], body["ref"], body["gold"], body["balance_after"]) == (
        user.id,
        "ticket-1",
        25,
        1025,
    )
    (row,) = ledger(user, "grant")
    assert (row["delta"], row["counter_account"], row["ref_id"]) == (25, "mint:grant", "ticket-1")
    (audit,) = sql("SELECT * FROM audit_log WHERE request_id = %s", answer.headers["X-Request-Id"])
    assert (audit["actor_id"], audit["action"], audit["target"]) == (
        admin.id,
        "reward_grant",
        f"user:{user.id}",
    )
    assert (audit["before"]["gold"], audit["after"]["gold"], audit["reason"]) == (
        1000,
        1025,
        "sorry for the outage",
    )
    reward, profile = frames(user, answer)
    assert (reward["source"], reward["amount"], profile["changes"]["gold_balance"]) == ("grant", 25, 1025)
    assert history(user)[0]["source"] == "grant"
    assert metric("reward_grant_total", result="granted") == granted + 1


def test_the_same_reference_is_refused_and_leaves_nothing(account, admin, ledger, sql, metric, code_of):
    user, other = account(), account()
    assert grant(admin, user.id, "twice").status_code == 201
    duplicates = metric("reward_grant_total", result="duplicate")
    again = grant(admin, user.id, "twice", gold=99)

    assert (again.status_code, code_of(again)) == (409, "DUPLICATE_REF")
    assert sql("SELECT 1 FROM audit_log WHERE request_id = %s", again.headers["X-Request-Id"]) == []
    assert len(ledger(user, "grant")) == 1
    assert metric("reward_grant_total", result="duplicate") == duplicates + 1
    assert grant(admin, other.id, "twice").status_code == 201, "a reference is one user's"


def test_only_administrators_grant_and_only_to_users(account, admin, sql, code_of):
    user = account()
    assert code_of(grant(user, user.id)) == "RANK_REQUIRED"
    assert code_of(grant(admin, 2**62)) == "NOT_FOUND"
    sql("UPDATE users SET rank = 'VIP' WHERE id = %s", admin.id)
    assert code_of(grant(admin, user.id)) == "RANK_REQUIRED", "the token still says what the rank was"


def test_a_wallet_that_would_overflow_is_refused_whole(account, admin, sql, ledger, code_of):
    user = account()
    sql(
        'SELECT cc_post(\'{"env": "dev", "trace_id": "t", "request_id": "r"}\', %s, %s, \'mint:signup\','
        " 'signup', 'test', 'a lot')",
        user.id,
        2**63 - 1 - 1010,
    )
    assert code_of(grant(admin, user.id, gold=11)) == "AMOUNT_OUT_OF_RANGE"
    assert grant(admin, user.id, gold=10).json()["balance_after"] == 2**63 - 1
    assert len(ledger(user, "grant")) == 1


def test_a_key_replays_its_grant_and_no_other(account, admin, ledger, code_of):
    user = account()
    answers = [grant(admin, user.id, "once", **{"Idempotency-Key": user.site_id}) for _ in range(2)]
    other = grant(admin, user.id, "other", **{"Idempotency-Key": user.site_id})

    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].content == answers[1].content
    assert answers[1].headers["Idempotent-Replayed"] == "true"
    assert code_of(other) == "IDEMPOTENCY_KEY_REUSED"
    assert len(ledger(user, "grant")) == 1


def test_a_hundred_grants_of_one_reference_are_one(account, admin, burst, ledger, cache):
    user = account()

    def send(i):
        if i == 50:
            cache.flushall()
        return grant(admin, user.id, "race")

    answers = burst(100, send)

    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 99}
    assert [row["delta"] for row in ledger(user, "grant")] == [25]


def test_a_hundred_references_at_once_are_a_hundred_grants(account, admin, burst, ledger, sql):
    user = account()
    answers = burst(100, lambda i: grant(admin, user.id, f"many-{i}", gold=1))

    assert {answer.status_code for answer in answers} == {201}
    rows = ledger(user, "grant")
    assert [row["balance_after"] for row in rows] == list(range(1001, 1101))
    assert {row["ref_id"] for row in rows} == {f"many-{i}" for i in range(100)}


@pytest.mark.parametrize(
    "change",
    [
        {"gold": 0},
        {"gold": -5},
        {"gold": 1.5},
        {"gold": "5"},
        {"gold": 10**40},
        {"gold": None},
        {"user_id": 0},
        {"user_id": 2**63},
        {"user_id": True},
        {"ref": ""},
        {"ref": "a b"},
        {"ref": "x" * 65},
        {"ref": "\u0000"},
        {"reason": ""},
        {"reason": "a\u0000b"},
        {"reason": "x" * 201},
        {"more": 1},
    ],
)
def test_wrong_shapes_are_422(admin, change, code_of):
    body = {"user_id": admin.id, "ref": "shape", "gold": 1, "reason": "r"} | change
    assert code_of(admin.post("/api/rewards/grant", body)) == "VALIDATION_ERROR"


def test_text_of_every_script_is_kept_as_it_is(account, admin, sql):
    user = account()
    reason = "보상 \N{SLOT MACHINE} \u202e'; DROP TABLE users; --"
    assert grant(admin, user.id, "text", reason=reason).status_code == 201
    assert sql("SELECT reason FROM reward_grants WHERE user_id = %s", user.id) == [{"reason": reason}]


def test_the_log_has_every_credit_and_adds_up(account, admin, season, sql, until):
    user = account(adult=True)
    user.post("/api/streak/claim", {"action_type": "DAILY"})
    user.post("/api/achievements/FIRST_STREAK/claim")
    user.post("/api/battlepass/claim", {"level": 1, "track": "free"})
    for what, body in (("join", None), ("progress", {"delta": 100}), ("claim", None)):
        user.post(f"/api/events/WELCOME/{what}", body)
    grant(admin, user.id)
    user.post(
        "/api/shop/buy",
        {"product_id": "GOLD_1000", "quantity": 1},
        headers={"Idempotency-Key": user.site_id},
    )
    until(lambda: user.get("/api/users/me").json()["gold_balance"] >= 2000)
    for _ in range(12):
        user.post("/api/games/slot/spin", {"bet": 1})
    items = history(user)
    rows = sql(
        "SELECT seq, delta FROM gold_ledger WHERE user_id = %s AND delta > 0 ORDER BY seq DESC", user.id
    )

    assert [(item["ledger_seq"], item["amount"]) for item in items] == [(r["seq"], r["delta"]) for r in rows]
    assert {item["source"] for item in items} - {"slot"} == {
        "signup",
        "streak",
        "achievement",
        "battle_pass",
        "event",
        "grant",
        "gold_pack",
    }


def test_every_credit_of_every_user_has_a_source_that_the_log_names(sql):
    from ccops.backend.schemas.rewards import SOURCES

    found = sql(
        """SELECT DISTINCT CASE WHEN counter_account LIKE 'house:%%' THEN split_part(counter_account, ':', 2)
                                ELSE reason END AS source FROM gold_ledger WHERE delta > %s""",
        0,
    )
    # What tests of other folders book themselves is no source of the game.
    assert {row["source"] for row in found} - {"test"} <= set(SOURCES)


@pytest.mark.parametrize(
    "query", ["before=0", "before=x", "limit=0", "limit=101", f"before={2**63}", "before=%00"]
)
def test_a_wrong_cursor_is_422(account, query, code_of):
    assert code_of(account().get(f"/api/rewards/history?{query}")) == "VALIDATION_ERROR"
