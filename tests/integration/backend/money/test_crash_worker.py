"""The crash worker books what the clock has decided: in time, late, after a kill -9, once each."""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from random import Random

import httpx
import psycopg
import pytest

from tests.freezing import freeze
from tests.integration.backend.money.crash_kit import Crash, bet, cash_out, wait


@pytest.fixture(scope="module")
def table(server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crash]:
    """Two workers: one leads, the other stands by."""
    made = Crash(server, tmp_path_factory.mktemp("crash"))
    made.finish()
    try:
        made.worker()
        made.worker()
        yield made
    finally:
        made.stop()
        made.finish()


@pytest.fixture(scope="module")
def crowd(table: Crash) -> Iterator[list]:
    """Fifty players."""
    made = table.crowd(50)
    yield made
    for one in made:
        one.http.close()


@pytest.fixture
def crash(table: Crash) -> Crash:
    """No round is open, and a worker leads."""
    table.finish()
    table.leader()
    return table


def play(crash: Crash, players: list, autos: list[int | None], point: tuple[int, int]) -> tuple:
    """Everybody bets in one round; returns its id, its point and the bet ids."""
    round_id, at = crash.plant(*point)
    with ThreadPoolExecutor(len(players)) as pool:
        answers = list(pool.map(lambda pair: bet(pair[0], 100, pair[1]), zip(players, autos, strict=True)))
    assert {answer.status_code for answer in answers} == {201}
    assert {answer.json()["round_id"] for answer in answers} == {str(round_id)}
    return round_id, at


def judge(crash: Crash, round_id: object, point: int, left: dict[int, int]) -> Counter:
    """Every bet is settled once, as its limit, its cash-out (`left`, by user) and the point say."""
    row = crash.round(round_id)
    assert (row["status"], row["crash_x100"]) == ("CRASHED", point)
    ends: Counter = Counter()
    for one in crash.bets(round_id):
        auto, fair = one["auto_x100"], point > 100
        wanted = left.get(one["user_id"]) or (auto if auto and auto <= point and fair else None)
        assert (one["status"], one["cashed_x100"]) == ("CASHED" if wanted else "LOST", wanted), one
        assert one["payout"] == (wanted or 0)
        ledger = crash.sql(
            "SELECT delta, reason FROM gold_ledger WHERE user_id = %s AND ref_id = %s ORDER BY seq",
            one["user_id"], str(one["public_id"]),
        )  # fmt: skip
        assert [(line["delta"], line["reason"]) for line in ledger] == [(-100, "bet")] + (
            [(wanted, "win")] if wanted else []
        )
        told = crash.sql("SELECT payout FROM game_rounds WHERE public_id = %s", one["public_id"])
        assert [line["payout"] for line in told] == [wanted or 0]
        ends[one["status"]] += 1
    assert crash.sql("SELECT 1 FROM wallets WHERE gold < 0") == []
    return ends


def over(crash: Crash, round_id: object) -> bool:
    """Whether every bet of the round is settled and its seed is shown."""
    done = crash.round(round_id)["status"] == "CRASHED"
    return done and all(one["status"] != "OPEN" for one in crash.bets(round_id))


def test_fifty_limits_are_each_settled_once(crash: Crash, crowd: list) -> None:
    autos = [101 + 2 * i for i in range(50)]  # 1.01 .. 1.99
    round_id, point = play(crash, crowd, autos, (140, 160))
    crash.at(99)
    wait(lambda: over(crash, round_id), show=crash.logs)

    ends = judge(crash, round_id, point, {})
    assert ends == {"CASHED": (point - 99) // 2, "LOST": 50 - (point - 99) // 2}
    wait(lambda: crash.sql("SELECT 1 FROM crash_rounds WHERE status = 'WAITING'"))


def test_limits_are_paid_while_the_round_still_flies(crash: Crash, crowd: list) -> None:
    round_id, _ = play(crash, crowd[:2], [110, None], (2_000, 10_000))
    crash.at(99)
    wait(lambda: {one["status"] for one in crash.bets(round_id)} == {"CASHED", "OPEN"}, show=crash.logs)

    assert crash.round(round_id)["status"] == "RUNNING"
    assert cash_out(crowd[1]).status_code == 200
    # Nobody is left: the round ends, and the next may begin.
    wait(lambda: crash.round(round_id)["status"] == "CRASHED", 5, crash.logs)


def test_cash_outs_race_the_crash_and_each_bet_has_one_winner(crash: Crash, crowd: list) -> None:
    round_id, point = play(crash, crowd, [None] * 40 + [103] * 10, (105, 107))
    moments = Random(7)
    crash.at(97)
    start = time.monotonic()

    def leave(player) -> tuple[int, httpx.Response]:
        time.sleep(max(0, start + moments.uniform(0.2, 1.0) - time.monotonic()))
        return player.id, cash_out(player)

    with ThreadPoolExecutor(50) as pool:
        answers = dict(pool.map(leave, crowd))
    wait(lambda: over(crash, round_id), show=crash.logs)
    left = {who: answer.json()["cashed_x100"] for who, answer in answers.items() if answer.is_success}
    refused = Counter(answer.json()["error"]["code"] for answer in answers.values() if answer.is_error)

    judge(crash, round_id, point, left)
    assert set(refused) <= {"CRASHED", "ALREADY_CASHED"}
    assert all(multiplier <= point for multiplier in left.values())
    assert left
    assert refused["CRASHED"]


@pytest.mark.parametrize("dies_at", [120, 99])
def test_the_other_worker_finishes_what_a_killed_leader_left(crash: Crash, crowd: list, dies_at: int) -> None:
    """kill -9 of the leader while bets are in flight, then of the other while bets are taken."""
    round_id, point = play(crash, crowd[:20], [*range(111, 130), None], (200, 250))
    crash.at(dies_at)
    if dies_at > 100:
        wait(lambda: any(one["status"] == "CASHED" for one in crash.bets(round_id)), show=crash.logs)
    crash.leader().kill()
    crash.at(point + 1)

    assert cash_out(crowd[19]).json()["error"]["code"] == "CRASHED"
    if dies_at < 100:
        crash.worker()
    wait(lambda: over(crash, round_id), show=crash.logs)
    judge(crash, round_id, point, {})


def test_a_leader_that_was_frozen_for_a_whole_round_changes_no_outcome(crash: Crash, crowd: list) -> None:
    round_id, point = play(crash, crowd[:4], [110, 110, 160, None], (150, 155))
    leader = crash.leader()
    freeze(leader.process.pid)
    crash.at(120)
    assert cash_out(crowd[0]).json()["cashed_x100"] == 110
    by_hand = cash_out(crowd[3]).json()["cashed_x100"]
    crash.at(point + 1)
    assert crash.round(round_id)["status"] != "CRASHED"
    assert cash_out(crowd[2]).json()["error"]["code"] == "CRASHED"
    leader.process.send_signal(signal.SIGCONT)
    wait(lambda: over(crash, round_id), show=crash.logs)

    assert judge(crash, round_id, point, {crowd[3].id: by_hand}) == {"CASHED": 3, "LOST": 1}


def test_a_death_between_crash_and_settlement_loses_no_bet(crash: Crash, crowd: list) -> None:
    """What kill -9 leaves at the worst place: the round is over, its bets are open."""
    leader = crash.leader()
    freeze(leader.process.pid)
    round_id, point = play(crash, crowd[:10], [120] * 5 + [None] * 5, (150, 160))
    crash.at(point + 1)
    crash.sql(
        """UPDATE crash_rounds SET status = 'CRASHED', seed = %s, crash_x100 = %s, ended_at = now()
            WHERE public_id = %s""",
        crash.seed(round_id), point, round_id,
    )  # fmt: skip
    leader.process.send_signal(signal.SIGCONT)
    wait(lambda: over(crash, round_id), show=crash.logs)

    assert judge(crash, round_id, point, {}) == {"CASHED": 5, "LOST": 5}


def test_a_held_wallet_holds_up_nobody_else_for_long(crash: Crash, crowd: list) -> None:
    round_id, point = play(crash, crowd[:5], [110] * 5, (150, 160))
    with psycopg.connect(crash.server.database) as conn:
        conn.execute("SELECT 1 FROM wallets WHERE user_id = %s FOR UPDATE", (crowd[0].id,))
        crash.at(point + 1)
        wait(lambda: sum(one["status"] == "CASHED" for one in crash.bets(round_id)) == 4, show=crash.logs)
    wait(lambda: over(crash, round_id), show=crash.logs)

    judge(crash, round_id, point, {})


def test_a_win_that_fits_no_wallet_hides_no_later_round(crash: Crash, crowd: list) -> None:
    def give(gold: int) -> None:
        crash.sql(
            "SELECT cc_post('{\"trace_id\": \"full\", \"request_id\": \"full\", \"env\": \"dev\"}', %s, %s,"
            " 'mint:signup', 'signup', 'user', gen_random_uuid()::text)",
            crowd[0].id, gold,
        )  # fmt: skip

    first, point = play(crash, crowd[:1], [110], (150, 160))
    full = 2**63 - 1 - crash.sql("SELECT gold FROM wallets WHERE user_id = %s", crowd[0].id)[0]["gold"]
    give(full)
    try:
        crash.at(point + 1)
        wait(lambda: crash.round(first)["status"] == "CRASHED", show=crash.logs)
        second, end = play(crash, crowd[1:3], [None, 110], (150, 160))
        crash.at(end + 1)
        wait(lambda: over(crash, second), show=crash.logs)
        assert judge(crash, second, end, {}) == {"CASHED": 1, "LOST": 1}
        assert not over(crash, first)
    finally:
        give(-full)
    wait(lambda: over(crash, first), show=crash.logs)


def test_while_nobody_bets_nothing_is_written(crash: Crash) -> None:
    wait(lambda: crash.sql("SELECT 1 FROM crash_rounds WHERE status = 'WAITING'"), show=crash.logs)
    before = crash.sql("SELECT id, xmin::text FROM crash_rounds")
    time.sleep(1.1)

    assert crash.sql("SELECT id, xmin::text FROM crash_rounds") == before
