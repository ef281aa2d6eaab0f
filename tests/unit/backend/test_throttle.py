"""What the realtime relay sends at once, later, or never."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from ccops.backend.relays.throttle import COALESCED, MONEY, WINDOW, Throttle, coalesce
from ccops.backend.repositories.outbox import OutboxRow

START = datetime(2026, 11, 23, tzinfo=UTC)


def row(
    number: int, kind: str = "user_action", *, at_ms: float = 0, user: int = 1, game: str = ""
) -> OutboxRow:
    data = json.dumps({"stats": {"game_type": game}})
    moment = START + timedelta(milliseconds=at_ms)
    return OutboxRow(number, f"e{number}", "t", "r", user, kind, None, data, moment)


def ids(rows: Sequence[OutboxRow]) -> list[int]:
    return [one.id for one in rows]


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def drained(clock: Clock, user: int = 1) -> Throttle:
    """A throttle whose bucket of `user` is empty."""
    throttle = Throttle(clock)
    throttle.sort([row(number, user=user) for number in range(40)])
    return throttle


def test_a_state_that_a_newer_one_follows_at_once_is_not_sent() -> None:
    rows = [row(1, "profile_update"), row(2), row(3, "profile_update", at_ms=50), row(4)]
    kept, gone = coalesce(rows, WINDOW)
    assert (ids(kept), ids(gone)) == ([2, 3, 4], [1])


def test_a_state_older_than_the_window_is_sent() -> None:
    rows = [row(1, "profile_update"), row(2, "profile_update", at_ms=51)]
    assert ids(coalesce(rows, WINDOW)[0]) == [1, 2]


def test_totals_of_one_game_do_not_replace_those_of_another() -> None:
    rows = [row(1, "stats_update", game="slot"), row(2, "stats_update", game="rps"), row(3, "profile_update")]
    assert coalesce(rows, WINDOW) == (rows, [])


def test_one_user_does_not_replace_another() -> None:
    rows = [row(1, "profile_update"), row(2, "profile_update", user=2)]
    assert ids(Throttle().sort(rows).send) == [1, 2]


def test_above_the_rate_frames_are_gathered_and_then_all_sent() -> None:
    clock = Clock()
    throttle = drained(clock)
    late = [row(50), row(51, "profile_update", at_ms=0), row(52), row(53, "profile_update", at_ms=9_000)]
    assert throttle.sort(late).send == []
    assert throttle.waiting() == [1]
    clock.now += 0.25
    assert throttle.waiting() == []
    found = throttle.sort(late)
    assert (ids(found.send), ids(found.superseded)) == ([50, 51, 52, 53], [])  # rest brought five tokens
    throttle = drained(clock)
    throttle.sort([row(number) for number in range(40, 60)])
    clock.now += 0.25
    throttle.sort([row(number) for number in range(40, 60)])
    assert throttle.sort(late).send == []
    clock.now += 0.251
    found = throttle.sort(late)
    assert (ids(found.send), ids(found.superseded)) == ([50, 52, 53], [51])


def test_money_releases_what_stands_before_it() -> None:
    clock = Clock()
    throttle = drained(clock)
    assert throttle.sort([row(50)]).send == []
    throttle.release([1])
    assert ids(throttle.sort([row(50), row(51, MONEY[0])]).send) == [50, 51]
    fresh = drained(clock)
    assert ids(fresh.sort([row(50), row(51, MONEY[1])]).send) == [50, 51]


def test_a_user_who_waits_holds_nobody_else_up() -> None:
    throttle = drained(Clock())
    assert ids(throttle.sort([row(50), row(51, user=2)]).send) == [51]


def test_below_the_rate_nothing_waits() -> None:
    clock = Clock()
    throttle = drained(clock)
    for number in range(50, 150):
        clock.now += 0.051
        assert ids(throttle.sort([row(number)]).send) == [number]


_KINDS = st.sampled_from([*COALESCED, *MONEY, "user_action", "streak_update"])


@given(st.lists(st.tuples(_KINDS, st.integers(0, 80), st.integers(1, 3)), max_size=120), st.integers(1, 30))
def test_nothing_is_lost_but_superseded_states_and_order_holds(
    events: list[tuple[str, int, int]], batch: int
) -> None:
    clock, throttle = Clock(), Throttle()
    throttle = Throttle(clock)
    at, rows = 0.0, []
    for number, (kind, pause, user) in enumerate(events):
        at += pause
        rows.append(row(number, kind, at_ms=at, user=user, game="slot"))
    waiting, sent, gone = list(rows), [], set[int]()
    for _ in range(10_000):
        if not waiting:
            break
        blocked = set(throttle.waiting())
        found = throttle.sort([one for one in waiting if one.user_id not in blocked][:batch])
        sent += ids(found.send)
        gone |= set(ids(found.superseded))
        waiting = [one for one in waiting if one.id not in gone and one.id not in sent]
        clock.now += 0.03
    assert not waiting
    assert sorted([*sent, *gone]) == [one.id for one in rows]
    for user in (1, 2, 3):
        of_user = [number for number in sent if rows[number].user_id == user]
        assert of_user == sorted(of_user)
        for number in gone:
            kind = rows[number].type
            assert kind in COALESCED
            newer = [n for n in of_user if n > number and rows[n].type == kind]
            assert newer or rows[number].user_id != user  # the newest state always comes
