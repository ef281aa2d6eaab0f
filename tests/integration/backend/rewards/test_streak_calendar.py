"""Streaks over calendars and lost caches: PostgreSQL's days decide, Redis only remembers."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.sync.client import connect

from ccops.backend.core import clock
from ccops.backend.core.config import Settings

CONTEXT = '{"env": "dev", "trace_id": "t", "request_id": "r"}'
GOLD = [10, 20, 30]
# Where midnight, the hour or the date itself is not what one expects, and a moment when it happens there.
PLACES = (
    ("UTC", "2024-02-28T00:00+00:00"),
    ("UTC", "2027-02-27T00:00+00:00"),
    ("Asia/Seoul", "2026-12-30T15:00+00:00"),
    ("Pacific/Apia", "2011-12-29T10:00+00:00"),
    ("Pacific/Kwajalein", "1993-08-20T12:00+00:00"),
    ("Australia/Lord_Howe", "2026-04-03T13:00+00:00"),
    ("America/Sao_Paulo", "2018-11-03T03:00+00:00"),
    ("America/St_Johns", "2010-11-06T02:30+00:00"),
    ("America/New_York", "2026-10-31T04:00+00:00"),
)
# Minutes from one attempt to the next: around a day, short of it, two days, and back.
STEPS = st.lists(
    st.integers(1_200, 1_700) | st.integers(0, 600) | st.integers(2_000, 3_500) | st.integers(-1_500, -1),
    min_size=2,
    max_size=9,
)


@dataclass
class Model:
    """What a streak is, said another way: the run of days that the zone really had, each claimed."""

    claimed: list[date] = field(default_factory=list)

    def claim(self, day: date, days: list[date]) -> tuple[int, int] | None:
        if self.claimed and day <= self.claimed[-1]:
            return None
        self.claimed.append(day)
        return self.run(days), GOLD[min(self.run(days), len(GOLD)) - 1]

    def run(self, days: list[date]) -> int:
        at, run = days.index(self.claimed[-1]), 1
        while at - run >= 0 and len(self.claimed) > run and days[at - run] == self.claimed[-1 - run]:
            run += 1
        return run


def zone_days(zone: ZoneInfo, around: datetime) -> list[date]:
    """Return the local dates of forty days, by looking at the clock each quarter of an hour."""
    seen = {(around + timedelta(minutes=15 * i)).astimezone(zone).date() for i in range(-96 * 15, 96 * 25)}
    return sorted(seen)


@pytest.fixture(scope="module")
def claim_on(backend, sql):
    """Claim through the real SQL function on days of our choice; a rollback forgets them."""
    (user,) = sql("SELECT max(user_id) AS id FROM wallets")
    with psycopg.connect(backend.load().get("CCOPS_DATABASE_URL")) as conn:

        def claim(day: date, before: date) -> dict | None:
            try:
                with conn.transaction():
                    (body,) = conn.execute(
                        """SELECT body
                             FROM cc_streak_claim(%s::jsonb, %s, 'X', %s, %s, %s, 0, '{100}', NULL, NULL)""",
                        (CONTEXT, user["id"], day, before, GOLD),
                    ).fetchone()
                    return json.loads(body)
            except psycopg.Error as error:
                if error.diag.message_primary == "ALREADY_CLAIMED":
                    return None
                raise

        yield claim, conn


@settings(max_examples=150, deadline=None)
@given(place=st.sampled_from(PLACES), start=st.integers(-2_880, 60), steps=STEPS)
def test_any_history_in_any_zone_is_what_the_model_says(claim_on, place, start, steps):
    claim, conn = claim_on
    name, moment = place[0], datetime.fromisoformat(place[1]) + timedelta(minutes=start)
    days, model, granted = zone_days(ZoneInfo(name), moment), Model(), []
    conn.execute("SELECT 1")  # a transaction that the end of this example rolls back
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(clock, "settings", Settings(game_tz=name))
            for step in (0, *steps):
                moment += timedelta(minutes=step)
                day = clock.game_day(moment.astimezone(UTC))
                answer = claim(day, clock.day_before(day))
                expected = model.claim(day, days)
                assert (answer and (answer["streak_count"], answer["reward"])) == expected, (name, moment)
                granted += [answer["reward"]] if answer else []
        (paid,) = conn.execute(
            "SELECT coalesce(sum(delta), 0) FROM gold_ledger WHERE ref_type = 'streak' AND ref_id LIKE 'X:%'"
        ).fetchone()
        assert paid == sum(granted)
    finally:
        conn.rollback()


def post(user, **headers):
    return user.post("/api/streak/claim", {"action_type": "DAILY"}, headers=headers)


def shown(user):
    (streak,) = user.get("/api/streak/status").json()["streaks"]
    return streak["count"], streak["claimed_today"]


def test_a_clock_that_went_back_neither_pays_twice_nor_ends_the_streak(account, ledger, claimed_on, code_of):
    user = account()
    today = datetime.now(ZoneInfo("Asia/Seoul")).date()
    claimed_on(user, today + timedelta(days=1))  # made when the clock was a day ahead

    assert shown(user) == (1, True)
    assert user.get("/api/dashboard").json()["streaks"][0]["claimed_today"] is True
    assert code_of(post(user)) == "ALREADY_CLAIMED", "today was never claimed, but tomorrow was"
    claimed_on(user, today + timedelta(days=2))

    assert shown(user) == (2, True)
    assert [row["delta"] for row in ledger(user, "streak")] == [100, 120]


def test_a_missed_day_is_over_wherever_it_is_shown(backend, account, claimed_on):
    user = account()
    today = datetime.now(ZoneInfo("Asia/Seoul")).date()
    for ago in (4, 3, 2):
        claimed_on(user, today - timedelta(days=ago))
    url = backend.url.replace("http", "ws", 1) + "/api/realtime/sync"
    with connect(url, subprotocols=["cc.v1", f"bearer.{user.token}"], proxy=None) as socket:
        frames = [json.loads(socket.recv(timeout=5)) for _ in range(2)]
    (streak,) = frames[1]["data"]["streaks"]

    assert (streak["streak_count"], streak["longest"]) == (0, 3)
    assert user.get("/api/dashboard").json()["streaks"][0]["count"] == 0
    assert shown(user) == (0, False)


def test_a_hundred_claims_with_redis_lost_between_them_are_one(account, burst, cache, ledger):
    user = account()

    def send(i):
        if i in {30, 60}:
            cache.flushall()
        return post(user)

    answers = burst(100, send)

    assert Counter(answer.status_code for answer in answers) == {200: 1, 409: 99}
    assert len(ledger(user, "streak")) == 1


def test_what_redis_lost_comes_back_with_the_next_look(account, cache):
    user = account()
    day = date.fromisoformat(post(user).json()["claimed_day"])
    keys = f"user:{user.id}:streak:DAILY", f"attendance:{day:%Y%m}"
    cache.flushall()
    assert cache.exists(*keys) == 0

    assert shown(user) == (1, True)

    assert cache.get(keys[0]) == "1"
    assert 86_000 < cache.ttl(keys[0]) <= 86_400
    assert cache.hget(keys[1], str(user.id)) == str(1 << (day.day - 1))
    assert 119 * 86_400 < cache.ttl(keys[1]) <= 120 * 86_400
    assert post(user).status_code == 409


def test_what_redis_has_wrong_is_put_right_and_the_dead_is_forgotten(account, cache):
    alive, dead = account(), account()
    day = date.fromisoformat(post(alive).json()["claimed_day"])
    mask = f"attendance:{day:%Y%m}"
    cache.set(f"user:{alive.id}:streak:DAILY", "41", ex=9)
    cache.set(f"user:{dead.id}:streak:DAILY", "7", ex=9)
    cache.hset(mask, str(alive.id), str(1 << 30))

    assert (shown(alive), shown(dead)) == ((1, True), (0, False))

    assert cache.get(f"user:{alive.id}:streak:DAILY") == "1"
    assert cache.exists(f"user:{dead.id}:streak:DAILY") == 0
    assert int(cache.hget(mask, str(alive.id))) == 1 << 30 | 1 << (day.day - 1), "bits are only ever added"


def test_looking_at_a_streak_writes_nothing_when_nothing_is_lost(account, cache):
    user = account()
    assert shown(user) == (0, False)
    assert cache.exists(f"user:{user.id}:streak:DAILY") == 0
    post(user)
    cache.expire(f"user:{user.id}:streak:DAILY", 1_000)
    shown(user)
    assert cache.ttl(f"user:{user.id}:streak:DAILY") <= 1_000
