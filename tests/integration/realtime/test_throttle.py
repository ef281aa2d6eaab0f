"""Superseded states are left out before they get a number; money never is."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable

import psycopg

from tests.integration.pipeline.kit import Stores, Worker
from tests.integration.realtime.kit import Backend, User, greeted, take

Make = Callable[[], User]
CONTEXT = json.dumps({"trace_id": uuid.uuid4().hex, "request_id": "throttle", "env": "dev"})
THROTTLED = 'realtime_events_throttled_total{type="%s"}'


def emit(stores: Stores, user: User, *events: tuple[str, object]) -> list[str]:
    """Write events in one transaction; return their ids."""
    with psycopg.connect(stores.url("DATABASE_URL")) as conn:
        query = "SELECT cc_emit(%s::jsonb, %s, %s, NULL, true, %s::jsonb)::text"
        rows = [conn.execute(query, (CONTEXT, user.id, kind, json.dumps(data))) for kind, data in events]
        return [str(row.fetchone()[0]) for row in rows]  # type: ignore[index]


def stats(game: str, plays: int) -> tuple[str, object]:
    return "stats_update", {"stats": {"game_type": game, "plays": plays}}


def test_only_the_newest_state_of_each_kind_is_sent_and_all_else_in_order(
    main: Backend, user: Make, stores: Stores, relay: Worker
) -> None:
    one = user()
    before = [relay.metric(THROTTLED % kind) for kind in ("profile_update", "stats_update")]
    events = (
        ("profile_update", {"n": 1}),
        stats("slot", 1),
        ("reward_granted", {"n": 2}),
        ("profile_update", {"n": 3}),
        stats("rps", 1),
        stats("slot", 2),
        ("reward_granted", {"n": 4}),
        ("profile_update", {"n": 5}),
    )
    with main.feed(one.login()) as feed:
        greeted(feed)
        ids = emit(stores, one, *events)
        got = take(feed, 5)
        one.pushed(stores)
    assert [frame["event_id"] for frame in got] == [ids[at] for at in (2, 4, 5, 6, 7)]
    assert [frame["seq"] for frame in got] == [1, 2, 3, 4, 5]
    after = [relay.metric(THROTTLED % kind) for kind in ("profile_update", "stats_update")]
    assert [now - then for now, then in zip(after, before, strict=True)] == [2, 1]


def test_above_the_rate_everything_but_superseded_states_still_comes_in_order(
    main: Backend, user: Make, stores: Stores
) -> None:
    one = user()
    with main.feed(one.login()) as feed:
        greeted(feed)
        emit(stores, one, *[("user_action", {"n": number}) for number in range(80)])
        take(feed, 80)  # the bucket is empty now
        held = [("user_action", {"n": 80}), *[("profile_update", {"n": n}) for n in range(5)]]
        ids = [*emit(stores, one, *held[:3]), *emit(stores, one, *held[3:])]
        assert [frame["event_id"] for frame in take(feed, 2)] == [ids[0], ids[-1]]


def test_money_does_not_wait_and_takes_along_what_stands_before_it(
    main: Backend, user: Make, stores: Stores
) -> None:
    one = user()
    with main.feed(one.login()) as feed:
        greeted(feed)
        emit(stores, one, *[("user_action", {"n": number}) for number in range(120)])
        take(feed, 120)
        before = emit(stores, one, ("user_action", {"n": 1}))
        money = emit(stores, one, ("purchase_update", {"n": 2}))
        assert [frame["event_id"] for frame in take(feed, 2, seconds=1)] == [*before, *money]
