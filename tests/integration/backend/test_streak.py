"""Streaks: one claim a day, once the gold, whatever Redis thinks."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest


def claim(user, action="DAILY", **headers):
    return user.post("/api/streak/claim", {"action_type": action}, headers=headers)


def claimed_on(sql, user, day):
    """Claim as if it were `day`, with the ledger rows and all."""
    sql(
        "SELECT cc_streak_claim(%s::jsonb, %s, 'DAILY', %s, %s::date - 1, '{100}', 0, '{100}', NULL, NULL)",
        '{"env": "dev", "trace_id": "t", "request_id": "r"}',
        user.id,
        day,
        day,
    )


def game_day():
    return datetime.now(ZoneInfo("Asia/Seoul")).date()


def test_twenty_claims_at_once_grant_once(account, sql, burst, metric, code_of):
    user = account()
    duplicates = metric("streak_claim_total", result="duplicate")

    answers = burst(20, lambda i: claim(user))

    assert sorted(a.status_code for a in answers) == [200] + [409] * 19
    assert {code_of(a) for a in answers if a.status_code == 409} == {"ALREADY_CLAIMED"}
    rows = sql("SELECT delta, balance_after FROM gold_ledger WHERE user_id=%s AND reason='streak'", user.id)
    assert rows == [{"delta": 100, "balance_after": 1100}]
    assert user.get("/api/users/me").json()["gold_balance"] == 1100
    assert metric("streak_claim_total", result="duplicate") == duplicates + 19


def test_a_claim_leaves_its_cache_its_mask_and_its_event(account, cache, sql):
    user = account()
    answer = claim(user).json()

    assert answer["claimed"] is True
    assert answer["streak_count"] == 1
    day = game_day()
    assert answer["claimed_day"] == day.isoformat()
    assert cache.get(f"user:{user.id}:streak:DAILY") == "1"
    assert 86_000 < cache.ttl(f"user:{user.id}:streak:DAILY") <= 86_400
    mask = cache.hget(f"attendance:{day:%Y%m}", str(user.id))
    assert int(mask) == 1 << (day.day - 1)
    (event,) = sql("SELECT type, trace_id FROM outbox WHERE event_id = %s", answer["event_id"])
    assert event["type"] == "streak_update"


def test_the_same_key_gets_the_same_bytes_and_another_request_409(account, sql, code_of):
    user = account()
    first = claim(user, **{"Idempotency-Key": "today"})
    again = claim(user, **{"Idempotency-Key": "today"})

    assert first.status_code == again.status_code == 200
    assert again.content == first.content
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert claim(user, **{"Idempotency-Key": "other"}).status_code == 409
    assert len(sql("SELECT 1 FROM streak_claims WHERE user_id = %s", user.id)) == 1


def test_losing_redis_never_gives_a_second_claim(account, cache):
    user = account()
    assert claim(user).status_code == 200
    cache.delete(f"user:{user.id}:streak:DAILY")
    assert claim(user).status_code == 409


@pytest.mark.parametrize(("days_ago", "count", "reward"), [(1, 4, 160), (2, 1, 100)])
def test_yesterday_goes_on_and_a_missed_day_starts_anew(account, sql, days_ago, count, reward):
    user = account()
    last = game_day() - timedelta(days=days_ago)
    for ago in (20, 19, 18, 17, 16, 2, 1, 0):  # a run of five, a gap, a run of three
        claimed_on(sql, user, last - timedelta(days=ago))
    (before,) = user.get("/api/streak/status").json()["streaks"]
    assert before["count"] == (3 if days_ago == 1 else 0)
    assert before["next_reward"] == reward

    answer = claim(user).json()

    assert (answer["streak_count"], answer["reward"]) == (count, reward)
    (after,) = user.get("/api/streak/status").json()["streaks"]
    assert (after["count"], after["longest"], after["claimed_today"]) == (count, 5, True)


@pytest.mark.parametrize("action", ["WEEKLY", "daily", "DAILY' OR '1'='1", "스트릭", "\N{GRINNING FACE}"])
def test_a_streak_that_does_not_exist_is_404(account, action, code_of):
    answer = claim(account(), action)
    assert (answer.status_code, code_of(answer)) == (404, "NOT_FOUND")


def test_a_claim_counts_towards_achievements(account):
    user = account()
    claim(user)
    found = {item["code"]: item for item in user.get("/api/achievements").json()["achievements"]}
    assert (found["FIRST_STREAK"]["progress"], found["FIRST_STREAK"]["unlocked"]) == (1, True)
    assert (found["WEEK_STREAK"]["progress"], found["WEEK_STREAK"]["unlocked"]) == (1, False)
