"""Events and rewards: join once, progress is capped, the prize is paid once, the log shows every grant."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import httpx
import pytest

Burst = Callable[[int, Callable[[int], httpx.Response]], list[httpx.Response]]


def call(player, what: str, event: str = "WELCOME", **body: object) -> httpx.Response:
    return player.http.post(f"/api/events/{event}/{what}", json=body or None)


def code(answer: httpx.Response) -> str:
    return answer.json()["error"]["code"]


def test_join_progress_claim(player) -> None:
    joined = call(player, "join")
    half = call(player, "progress", delta=60).json()
    full = call(player, "progress", delta=60).json()
    claimed = call(player, "claim")
    mine = {item["id"]: item for item in player.http.get("/api/events").json()["items"]}["WELCOME"]

    assert (joined.status_code, joined.json()["goal"]) == (201, 100)
    assert (half["progress"], half["completed"]) == (60, False)
    assert (full["progress"], full["completed"]) == (100, True)
    assert claimed.json()["balance_after"] == player.gold + 250 == player.balance()
    assert claimed.json()["exp"] == 100
    assert (mine["joined"], mine["progress"], mine["completed"], mine["claimed"]) == (True, 100, True, True)


def test_progress_after_the_claim_still_says_claimed(player) -> None:
    for what, body in (("join", {}), ("progress", {"delta": 100}), ("claim", {}), ("progress", {"delta": 1})):
        assert call(player, what, **body).status_code < 300
    last = player.server.sql(
        "SELECT payload FROM outbox WHERE user_id = %s AND type = 'event_progress' ORDER BY id DESC LIMIT 1",
        player.id,
    )

    assert last[0]["payload"]["claimed"] is True


def test_each_step_out_of_order_has_its_code(player) -> None:
    found = [code(call(player, "progress", delta=1)), code(call(player, "claim"))]
    call(player, "join")
    found += [code(call(player, "join")), code(call(player, "claim"))]
    call(player, "progress", delta=100)
    call(player, "claim")
    found.append(code(call(player, "claim")))

    assert found == ["NOT_JOINED", "NOT_JOINED", "ALREADY_JOINED", "NOT_COMPLETED", "ALREADY_CLAIMED"]


def test_twenty_claims_at_once_pay_once(player, burst: Burst) -> None:
    call(player, "join")
    call(player, "progress", delta=100)
    answers = burst(20, lambda _: call(player, "claim"))

    assert Counter(answer.status_code for answer in answers) == {200: 1, 409: 19}
    assert player.balance() == player.gold + 250


def test_a_claim_replays_under_its_key(player) -> None:
    call(player, "join")
    call(player, "progress", delta=100)
    answers = [
        player.http.post("/api/events/WELCOME/claim", headers={"Idempotency-Key": "k"}) for _ in range(2)
    ]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].content == answers[1].content
    assert answers[1].headers["Idempotent-Replayed"] == "true"


def test_events_that_ended_have_not_begun_or_are_full_are_closed(player, new_player) -> None:
    player.server.sql(
        """INSERT INTO game_events (id, title, kind, goal, reward_gold, starts_at, ends_at, max_participants)
           VALUES ('OVER', 'o', 'collect', 1, 1, now() - interval '2 days', now() - interval '1 day', NULL),
                  ('SOON', 's', 'collect', 1, 1, now() + interval '1 day', NULL, NULL),
                  ('TINY', 't', 'collect', 1, 1, now() - interval '1 day', NULL, 1)
           ON CONFLICT DO NOTHING"""
    )
    tiny = [call(new_player(), "join", "TINY").status_code for _ in range(2)]
    listed = {item["id"] for item in player.http.get("/api/events").json()["items"]}

    assert sorted(tiny) == [201, 410]
    assert (call(player, "join", "OVER").status_code, code(call(player, "join", "SOON"))) == (
        410,
        "NOT_FOUND",
    )
    assert {"OVER", "SOON"}.isdisjoint(listed)


@pytest.mark.parametrize("delta", [0, -1, 1_001, 10**40, 1.5, "1", None])
def test_progress_out_of_range_is_the_callers_mistake(anyone, delta: object) -> None:
    assert call(anyone, "progress", delta=delta).status_code == 422


@pytest.mark.parametrize("name", ["NOPE", "%00", "a" * 65, "%ED%A0%80", "%F0%9F%8E%B0", "..%2F.."])
def test_unknown_and_hostile_names_are_not_found(anyone, name: str) -> None:
    assert call(anyone, "join", name).status_code in {404, 422}


def test_the_reward_log_shows_every_grant_newest_first(player, until) -> None:
    player.http.post("/api/streak/claim", json={"action_type": "DAILY"})
    call(player, "join")
    call(player, "progress", delta=100)
    call(player, "claim")
    player.buy("GOLD_1000", "pack")
    until(lambda: player.balance() == player.gold + 100 + 250 + 1_000)
    page = player.http.get("/api/rewards/history", params={"limit": 2}).json()
    rest = player.http.get("/api/rewards/history", params={"before": page["next_before"]}).json()
    items = page["items"] + rest["items"]

    assert [(item["source"], item["amount"]) for item in items] == [
        ("gold_pack", 1_000),
        ("event", 250),
        ("streak", 100),
        ("signup", player.gold),
    ]
    assert rest["next_before"] is None
