"""Achievements: unlocked by play, claimed once, whatever happens at the same moment."""

from __future__ import annotations

from collections import Counter

import pytest


def claim(user, code="FIRST_STREAK", **headers):
    return user.post(f"/api/achievements/{code}/claim", headers=headers)


def listed(user):
    return {item["code"]: item for item in user.get("/api/achievements").json()["achievements"]}


@pytest.fixture
def plain(sql):
    """An achievement without gold that no play counts towards."""
    sql(
        """INSERT INTO achievements (code, title, metric, threshold, reward_gold)
           VALUES ('PLAIN', 'Just honour', 'plain_things', 3, 0) ON CONFLICT DO NOTHING"""
    )


def test_a_claim_pays_once_and_tells_sockets_and_the_log(account, ledger, frames, metric):
    user, granted = account(), metric("achievement_claim_total", result="granted")
    user.post("/api/streak/claim", {"action_type": "DAILY"})

    answer = claim(user)
    body = answer.json()

    assert answer.status_code == 200
    assert body == {
        "claimed": True,
        "code": "FIRST_STREAK",
        "reward": 50,
        "balance_after": 1150,
        "level": 1,
        "exp": 75,
        "event_id": body["event_id"],
    }
    (row,) = ledger(user, "achievement")
    assert (row["delta"], row["counter_account"], row["ref_id"]) == (50, "mint:achievement", "FIRST_STREAK")
    reward, progress, profile = frames(user, answer)
    assert (reward["type"], reward["source"], reward["amount"], reward["balance_after"]) == (
        "reward_granted",
        "achievement",
        50,
        1150,
    )
    assert progress == {
        "type": "achievement_progress",
        "achievement_code": "FIRST_STREAK",
        "progress": 1,
        "goal": 1,
        "unlocked": True,
        "claimed": True,
    }
    assert profile["changes"] == {"gold_balance": 1150, "level": 1, "exp": 75}
    assert listed(user)["FIRST_STREAK"]["claimed_at"]
    assert metric("achievement_claim_total", result="granted") == granted + 1


def test_each_refusal_has_its_code_and_is_counted(account, unlock, metric, code_of, ledger):
    user = account()
    locked, duplicate = (metric("achievement_claim_total", result=name) for name in ("locked", "duplicate"))
    unlock(user, "streak_claims", 6)
    found = [
        claim(user, code) for code in ("NOPE", "FIRST_SPIN", "WEEK_STREAK", "FIRST_STREAK", "FIRST_STREAK")
    ]

    assert [answer.status_code for answer in found] == [404, 409, 409, 200, 409]
    assert [code_of(found[i]) for i in (0, 1, 2, 4)] == [
        "NOT_FOUND",
        "NOT_UNLOCKED",
        "NOT_UNLOCKED",
        "ALREADY_CLAIMED",
    ]
    assert len(ledger(user, "achievement")) == 1
    assert metric("achievement_claim_total", result="locked") == locked + 2
    assert metric("achievement_claim_total", result="duplicate") == duplicate + 1


def test_a_hundred_claims_at_once_pay_once(account, unlock, burst, ledger, cache):
    user = account()
    unlock(user, "streak_claims", 7)

    def send(i):
        if i == 50:
            cache.flushall()
        return claim(user, "WEEK_STREAK")

    answers = burst(100, send)

    assert Counter(answer.status_code for answer in answers) == {200: 1, 409: 99}
    assert [row["delta"] for row in ledger(user, "achievement")] == [500]
    assert user.get("/api/users/me").json()["gold_balance"] == 1500


def test_a_hundred_retries_under_one_key_get_one_answer(account, unlock, burst, ledger):
    user = account()
    unlock(user, "streak_claims", 1)
    answers = burst(100, lambda _: claim(user, **{"Idempotency-Key": "k"}))

    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert Counter(answer.headers.get("Idempotent-Replayed") for answer in answers) == {None: 1, "true": 99}
    assert len(ledger(user, "achievement")) == 1


def test_a_key_belongs_to_one_request_and_a_refused_one_is_free(account, unlock, code_of):
    user = account()
    key = {"Idempotency-Key": "k"}
    refused = claim(user, "WEEK_STREAK", **key)
    unlock(user, "streak_claims", 7)
    granted = claim(user, "WEEK_STREAK", **key)
    other = claim(user, "FIRST_STREAK", **key)

    assert (code_of(refused), granted.status_code, code_of(other)) == (
        "NOT_UNLOCKED",
        200,
        "IDEMPOTENCY_KEY_REUSED",
    )


def test_one_without_gold_is_claimed_without_a_ledger_row(account, unlock, plain, ledger, frames, sql):
    user = account()
    unlock(user, "plain_things", 3)
    answer = claim(user, "PLAIN")

    assert (answer.status_code, answer.json()["reward"], answer.json()["balance_after"]) == (200, 0, 1000)
    assert ledger(user, "achievement") == []
    assert [frame["type"] for frame in frames(user, answer)] == ["achievement_progress", "profile_update"]
    # What was paid is remembered: a later reward makes no old claim wrong.
    sql("UPDATE achievements SET reward_gold = 77 WHERE code = 'PLAIN'")
    assert claim(user, "PLAIN").status_code == 409
    sql("UPDATE achievements SET reward_gold = 0 WHERE code = 'PLAIN'")


def test_an_unlock_stays_and_a_lower_threshold_unlocks_with_the_next_step(account, unlock, plain, sql):
    early, late = account(), account()
    unlock(early, "plain_things", 3)
    unlock(late, "plain_things", 2)
    sql("UPDATE achievements SET threshold = 9 WHERE code = 'PLAIN'")
    unlock(early, "plain_things", 1)
    assert (listed(early)["PLAIN"]["unlocked"], listed(early)["PLAIN"]["progress"]) == (True, 3)
    sql("UPDATE achievements SET threshold = 1 WHERE code = 'PLAIN'")
    unlock(late, "plain_things", 1)
    assert (listed(late)["PLAIN"]["unlocked"], listed(late)["PLAIN"]["progress"]) == (True, 1)
    sql("UPDATE achievements SET threshold = 3 WHERE code = 'PLAIN'")


def test_the_database_itself_refuses_a_claim_of_what_is_locked(account, unlock, sql):
    user = account()
    unlock(user, "streak_claims", 1)
    with pytest.raises(Exception, match="ck_user_achievements_claimed_when_unlocked"):
        sql(
            """UPDATE user_achievements SET claimed_at = now(), claimed_gold = 500
                WHERE user_id = %s AND code = 'WEEK_STREAK'""",
            user.id,
        )


@pytest.mark.parametrize("name", ["%00", "a" * 65, "%ED%A0%80", "%F0%9F%8E%B0", "..%2F..", "' OR 1=1"])
def test_hostile_codes_are_the_callers_mistake(account, name):
    assert claim(account(), name).status_code in {404, 422}
