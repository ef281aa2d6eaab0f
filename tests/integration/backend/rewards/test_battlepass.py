"""The battle pass: levels by experience, a free track, a premium one for owners, one claim each."""

from __future__ import annotations

from collections import Counter

import pytest


def claim(user, level=1, track="free", **headers):
    return user.post("/api/battlepass/claim", {"level": level, "track": track}, headers=headers)


def buy(user, season):
    headers = {"Idempotency-Key": f"pass-{season.id}"}
    return user.post("/api/shop/buy", {"product_id": season.product, "quantity": 1}, headers=headers)


def level_two(user):
    for what, body in (("join", None), ("progress", {"delta": 100}), ("claim", None)):
        assert user.post(f"/api/events/WELCOME/{what}", body).status_code < 300


def gold(user):
    return user.get("/api/users/me").json()["gold_balance"]


def test_a_level_that_was_reached_stays_when_levels_become_dearer(account, sql, season):
    user = account()
    level_two(user)
    assert claim(user, 2).status_code == 200

    (now,) = sql("SELECT level FROM cc_earn_exp(%s, 1, '{1000, 2000}')", user.id)

    assert now == {"level": 2}


def test_the_pass_shows_level_tracks_and_what_is_claimed(account, season):
    user = account()
    level_two(user)
    assert claim(user, 1).status_code == 200
    found = user.get("/api/battlepass").json()

    assert (found["season"], found["ended"], found["owned"]) == (season.id, False, False)
    assert (found["level"], found["exp"], found["next_level_exp"]) == (2, 100, 250)
    assert found["product_id"] == season.product
    free, premium = found["tracks"]["free"], found["tracks"]["premium"]
    assert [(r["level"], r["unlocked"], r["claimed"]) for r in free[:3]] == [
        (1, True, True),
        (2, True, False),
        (3, False, False),
    ]
    assert not any(reward["unlocked"] or reward["claimed"] for reward in premium)
    assert [reward["reward_gold"] for reward in free[:2]] == [50, 60]


def test_a_claim_pays_and_tells(account, season, ledger, frames, metric):
    user, granted = account(), metric("battlepass_claim_total", result="granted")
    answer = claim(user)
    body = answer.json()

    assert body == {
        "claimed": True,
        "season": season.id,
        "track": "free",
        "level": 1,
        "reward": 50,
        "balance_after": 1050,
        "event_id": body["event_id"],
    }
    (row,) = ledger(user, "battle_pass")
    assert (row["delta"], row["counter_account"], row["ref_id"]) == (
        50,
        "mint:battle_pass",
        f"{season.id}:free:1",
    )
    reward, profile = frames(user, answer)
    assert (reward["type"], reward["source"], reward["amount"]) == ("reward_granted", "battle_pass", 50)
    assert profile["changes"]["gold_balance"] == 1050
    assert metric("battlepass_claim_total", result="granted") == granted + 1


def test_the_bought_pass_opens_the_premium_track(account, season, code_of):
    user = account()
    assert code_of(claim(user, 1, "premium")) == "PREMIUM_REQUIRED"
    assert buy(user, season).status_code == 200
    assert user.get("/api/battlepass").json()["owned"] is True
    assert claim(user, 1, "premium").json()["balance_after"] == 1000 - 300 + 100
    assert claim(user, 1, "free").status_code == 200
    assert code_of(claim(user, 1, "premium")) == "ALREADY_CLAIMED"
    assert code_of(claim(user, 2, "premium")) == "LEVEL_LOCKED"


def test_what_there_is_not_is_404(account, season, code_of):
    assert code_of(claim(account(), 999)) == "NOT_FOUND"


def test_after_its_end_nothing_is_claimed(account, season, code_of):
    user = account()
    assert claim(user, 1, Idempotency_Key="x").status_code == 200
    season.end()
    assert claim(user, 1).status_code == 410
    assert code_of(claim(user, 1)) == "ENDED"
    assert user.get("/api/battlepass").json()["ended"] is True


def test_a_key_replays_even_after_the_end(account, season):
    user = account()
    first = claim(user, **{"Idempotency-Key": "k"})
    season.end()
    again = claim(user, **{"Idempotency-Key": "k"})

    assert (again.status_code, again.content) == (200, first.content)
    assert again.headers["Idempotent-Replayed"] == "true"


def test_before_the_first_season_there_is_nothing(account, sql, code_of):
    user = account()
    sql("UPDATE battle_pass_seasons SET starts_at = starts_at + interval '100 years'")
    try:
        assert code_of(user.get("/api/battlepass")) == "NOT_FOUND"
        assert code_of(claim(user)) == "NOT_FOUND"
    finally:
        sql("UPDATE battle_pass_seasons SET starts_at = starts_at - interval '100 years'")


def test_a_new_season_may_be_claimed_anew(account, season, sql):
    user = account()
    assert claim(user).status_code == 200
    sql("UPDATE battle_pass_seasons SET starts_at = starts_at - interval '1 hour' WHERE id = %s", season.id)
    sql("INSERT INTO battle_pass_seasons (id, title) VALUES (%s, 'next')", f"{season.id}-next")
    assert claim(user).json()["season"] == f"{season.id}-next"
    sql("UPDATE battle_pass_seasons SET starts_at = '1970-01-01' WHERE id = %s", f"{season.id}-next")


def test_a_hundred_claims_at_once_pay_each_reward_once(account, season, burst, ledger, cache):
    user = account()
    assert buy(user, season).status_code == 200

    def send(i):
        if i == 50:
            cache.flushall()
        return claim(user, 1, ("free", "premium")[i % 2])

    answers = burst(100, send)

    assert Counter(answer.status_code for answer in answers) == {200: 2, 409: 98}
    assert sorted(row["delta"] for row in ledger(user, "battle_pass")) == [50, 100]
    assert gold(user) == 1000 - 300 + 150


def test_buying_and_claiming_at_once_never_pays_before_the_purchase(account, season, burst, sql):
    user = account()
    answers = burst(24, lambda i: buy(user, season) if i == 12 else claim(user, 1, "premium"))

    assert {answer.status_code for answer in answers} <= {200, 403, 409}
    rows = sql(
        "SELECT reason FROM gold_ledger WHERE user_id = %s AND reason <> 'signup' ORDER BY seq", user.id
    )
    assert [row["reason"] for row in rows] in (["purchase"], ["purchase", "battle_pass"])


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"level": 1},
        {"level": 0, "track": "free"},
        {"level": -1, "track": "free"},
        {"level": "1", "track": "free"},
        {"level": 1.0, "track": "free"},
        {"level": 10**30, "track": "free"},
        {"level": 1, "track": "gold"},
        {"level": 1, "track": "free\u0000"},
        {"level": 1, "track": "free", "season": "S1"},
    ],
)
def test_wrong_shapes_are_422(account, body, code_of):
    assert code_of(account().post("/api/battlepass/claim", body)) == "VALIDATION_ERROR"
