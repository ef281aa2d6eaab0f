"""Events and rewards: join once, progress is capped, the prize is paid once, the log shows every grant."""

from __future__ import annotations

import secrets
import time
from collections import Counter
from collections.abc import Callable

import httpx
import jwt
import pytest

from tests.backends import secrets_of

Burst = Callable[[int, Callable[[int], httpx.Response]], list[httpx.Response]]


def call(player, what: str, event: str = "WELCOME", **body: object) -> httpx.Response:
    return player.http.post(f"/api/events/{event}/{what}", json=body or None)


def code(answer: httpx.Response) -> str:
    return answer.json()["error"]["code"]


@pytest.fixture
def make_event(player) -> Callable[..., str]:
    """Make an event that runs now; returns its name."""

    def make(*, goal: int = 100, reward: int = 1, max_participants: int | None = None) -> str:
        name = f"E{secrets.token_hex(5)}"
        player.server.sql(
            """INSERT INTO game_events (id, title, kind, goal, reward_gold, starts_at, max_participants)
               VALUES (%s, 't', 'collect', %s, %s, now(), %s)""",
            name,
            goal,
            reward,
            max_participants,
        )
        return name

    return make


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


def test_a_hundred_claims_at_once_pay_once(player, burst: Burst, cache) -> None:
    call(player, "join")
    call(player, "progress", delta=100)

    def send(i: int) -> httpx.Response:
        if i == 50:
            cache.flushall()
        return call(player, "claim")

    answers = burst(100, send)

    assert Counter(answer.status_code for answer in answers) == {200: 1, 409: 99}
    assert player.balance() == player.gold + 250


def test_a_hundred_want_ten_seats(player, backend, make_event, burst: Burst) -> None:
    event, ctx = make_event(max_participants=10), '{"env": "dev", "trace_id": "t", "request_id": "r"}'
    # A hundred sign-ups over HTTP are expensive; who joins is who the token says.
    crowd = player.server.sql(
        """SELECT cc_signup(%s::jsonb, gen_random_uuid(), n, n, 'x', NULL, NULL, '5858', 0, '', n, 'c') AS id
             FROM (SELECT 'c' || md5(%s || i::text) AS n FROM generate_series(1, 100) AS i) AS names""",
        ctx,
        event,
    )
    kid, key = secrets_of(backend.load())["JWT_KEYS"].split(",")[0].split(":", 1)
    claims = {"rank": "STANDARD", "fam": "f", "jti": "j", "iat": 1, "exp": int(time.time()) + 60}

    def join(i: int) -> httpx.Response:
        token = jwt.encode(claims | {"sub": str(crowd[i]["id"])}, key, "HS256", {"kid": kid})
        return player.http.post(f"/api/events/{event}/join", headers={"Authorization": f"Bearer {token}"})

    assert Counter(answer.status_code for answer in burst(100, join)) == {201: 10, 410: 90}
    rows = player.server.sql("SELECT count(*) AS n FROM event_participants WHERE event_id = %s", event)
    assert rows == [{"n": 10}]


def test_a_full_event_tells_its_participant_joined_and_the_others_over(
    player, new_player, make_event
) -> None:
    event = make_event(max_participants=1)
    answers = [call(player, "join", event), call(player, "join", event), call(new_player(), "join", event)]

    assert answers[0].status_code == 201
    assert [code(answer) for answer in answers[1:]] == ["ALREADY_JOINED", "EVENT_ENDED"]


def test_joining_and_advancing_replay_under_their_keys(player, make_event) -> None:
    event = make_event(goal=1_000)
    join, step, other = {"Idempotency-Key": "j"}, {"Idempotency-Key": "s"}, {"delta": 7}
    url = f"/api/events/{event}"
    joins = [player.http.post(f"{url}/join", headers=join) for _ in range(2)]
    steps = [player.http.post(f"{url}/progress", json={"delta": 5}, headers=step) for _ in range(3)]
    reused = player.http.post(f"{url}/progress", json=other, headers=step)

    assert [answer.status_code for answer in joins] == [201, 201]
    assert {answer.content for answer in steps} == {steps[0].content}
    assert (steps[2].json()["progress"], steps[2].headers["Idempotent-Replayed"]) == (5, "true")
    assert code(reused) == "IDEMPOTENCY_KEY_REUSED"


def test_a_hundred_steps_at_once_lose_none_and_stop_at_the_goal(player, make_event, burst: Burst) -> None:
    event = make_event(goal=250)
    call(player, "join", event)
    answers = burst(100, lambda _: call(player, "progress", event, delta=3))
    seen = sorted(answer.json()["progress"] for answer in answers)

    assert {answer.status_code for answer in answers} == {200}
    assert seen == [min(3 * i, 250) for i in range(1, 101)]
    assert sum(answer.json()["completed"] for answer in answers) == 100 - 83


def test_the_largest_goal_overflows_nothing_and_a_lower_one_takes_nothing(player, make_event) -> None:
    event, sql = make_event(goal=2**63 - 1), player.server.sql
    call(player, "join", event)
    sql("UPDATE event_participants SET progress = %s WHERE event_id = %s", 2**63 - 4, event)
    last = call(player, "progress", event, delta=1_000).json()
    assert (last["progress"], last["completed"]) == (2**63 - 1, True)
    sql("UPDATE game_events SET goal = 5 WHERE id = %s", event)
    after = call(player, "progress", event, delta=1).json()
    assert (after["progress"], after["completed"]) == (2**63 - 1, True)


def test_after_the_end_nothing_moves_but_what_was_reached_is_paid(player, new_player, make_event) -> None:
    event, late, guest = make_event(goal=10, reward=9), new_player(), new_player()
    for one, delta in ((player, 10), (late, 9)):
        call(one, "join", event)
        call(one, "progress", event, delta=delta)
    player.server.sql("UPDATE game_events SET ends_at = now() WHERE id = %s", event)

    assert code(call(late, "progress", event, delta=1)) == "EVENT_ENDED"
    assert code(call(guest, "join", event)) == "EVENT_ENDED"
    assert code(call(late, "claim", event)) == "NOT_COMPLETED"
    assert call(player, "claim", event).json()["balance_after"] == player.gold + 9


def test_no_such_event_is_404_on_every_step(anyone) -> None:
    steps = (("join", {}), ("progress", {"delta": 1}), ("claim", {}))
    assert {code(call(anyone, what, "NOPE", **body)) for what, body in steps} == {"NOT_FOUND"}


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
