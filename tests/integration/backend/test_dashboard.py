"""The dashboard: one snapshot, not sent again while nothing changed."""

from __future__ import annotations

from ccops.backend.schemas.dashboard import Dashboard


def test_a_new_account_sees_its_whole_state(account):
    user = account()
    body = user.get("/api/dashboard").json()

    assert body["user"]["id"] == user.id
    assert (body["gold_balance"], body["wallet_version"], body["level"], body["exp"]) == (1000, 1, 1, 0)
    assert body["streaks"] == [
        {"action_type": "DAILY", "count": 0, "longest": 0, "last_claim_day": None, "claimed_today": False}
    ]
    assert body["stats"] == body["recent_actions"] == []
    assert {item["code"] for item in body["achievements"]} >= {"FIRST_STREAK", "FIRST_SPIN"}


def test_the_bytes_have_the_shape_that_openapi_promises(account, sql):
    user = account()
    for number in range(25):
        sql(
            "INSERT INTO user_actions (event_id, trace_id, user_id, action_type, context)"
            " VALUES (gen_random_uuid(), 't', %s, 'VIEW', jsonb_build_object('n', %s::int))",
            user.id,
            number,
        )
    sql("INSERT INTO game_stats VALUES (%s, 'slot', 3, 1, 2, 30, 40)", user.id)
    body = user.get("/api/dashboard").json()

    shown = Dashboard.model_validate(body, extra="forbid")

    assert [item.context["n"] for item in shown.recent_actions] == list(range(24, 4, -1))
    assert (shown.stats[0].plays, shown.stats[0].paid) == (3, 40)


def test_an_unchanged_dashboard_is_304_and_a_changed_one_is_not(account):
    user = account()
    tag = user.get("/api/dashboard").headers["ETag"]

    for held in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        same = user.get("/api/dashboard", headers={"If-None-Match": held})
        assert (same.status_code, same.content, same.headers["ETag"]) == (304, b"", tag)

    user.post("/api/streak/claim", {"action_type": "DAILY"})

    changed = user.get("/api/dashboard", headers={"If-None-Match": tag})
    assert changed.status_code == 200
    assert changed.headers["ETag"] != tag
    body = changed.json()
    assert (body["gold_balance"], body["wallet_version"], body["exp"]) == (1100, 2, 50)
    assert body["streaks"][0]["claimed_today"] is True
