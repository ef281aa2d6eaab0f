"""Crash without its worker: the database's clock decides, the seed is committed to before and shown after."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Iterator

import httpx
import psycopg
import pytest

from ccops.backend.services.crash_point import crash_x100
from tests.integration.backend.money.crash_kit import Crash, bet, cash_out

Burst = Callable[[int, Callable[[int], httpx.Response]], list[httpx.Response]]


@pytest.fixture(scope="module")
def table(server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crash]:
    made = Crash(server, tmp_path_factory.mktemp("crash"))
    yield made
    made.finish()


@pytest.fixture
def crash(table: Crash) -> Crash:
    """No round is open."""
    table.finish()
    return table


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def current(player) -> dict:
    return player.http.get("/api/games/crash/current").json()


def rounds(player) -> list[dict]:
    return player.server.sql("SELECT * FROM game_rounds WHERE user_id = %s", player.id)


def test_the_seed_is_committed_to_before_the_first_bet_and_opens_with_it(player, crash: Crash) -> None:
    round_id, _ = crash.plant(200)
    before = current(player)["round"]
    answer = bet(player, 10, 150)
    body = answer.json()

    assert answer.status_code == 201
    assert (before["status"], before["starts_at"], before["crash_x100"]) == ("WAITING", None, None)
    assert (body["round_id"], body["server_seed_hash"]) == (str(round_id), before["server_seed_hash"])
    assert (body["bet"], body["auto_x100"], body["balance_after"]) == (10, 150, player.gold - 10)
    assert current(player)["round"]["status"] == "BETTING"
    assert current(player)["bet"] == {
        "bet": 10, "auto_x100": 150, "cashed_x100": None, "payout": 0, "status": "OPEN"
    }  # fmt: skip
    assert [row["delta"] for row in player.ledger()[1:]] == [-10]
    assert rounds(player) == []


def test_the_first_bet_opens_a_round_when_nobody_prepared_one(new_player, crash: Crash) -> None:
    players = [new_player() for _ in range(3)]
    bodies = [bet(player).json() for player in players]

    assert len({body["round_id"] for body in bodies}) == 1
    assert len(crash.bets(bodies[0]["round_id"])) == 3


def test_bets_close_when_the_clock_says_so_not_when_the_row_does(new_player, crash: Crash) -> None:
    early, late = new_player(), new_player()
    round_id, _ = crash.plant(300)
    assert bet(early).status_code == 201
    crash.at(110)

    assert crash.round(round_id)["status"] == "BETTING"
    assert code(bet(late)) == (409, "ROUND_CLOSED")
    assert late.balance() == late.gold


def test_one_bet_a_round(player, crash: Crash) -> None:
    crash.plant(300)

    assert bet(player).status_code == 201
    assert code(bet(player)) == (409, "ALREADY_BET")
    assert player.balance() == player.gold - 10


def test_a_bet_must_be_covered(player, crash: Crash) -> None:
    crash.plant(300)
    assert player.buy("GOLDEN_FRAME", "k").status_code == 200

    assert code(bet(player, 101)) == (402, "INSUFFICIENT_GOLD")
    assert current(player)["round"]["status"] == "WAITING"


def test_age_is_proven_first(new_player, crash: Crash) -> None:
    assert code(bet(new_player(adult=False))) == (403, "AGE_VERIFICATION_REQUIRED")


@pytest.mark.parametrize(
    ("amount", "auto"), [(0, None), (1_001, None), (10**9, None), (10, 100), (10, 10_001), (10, 10**30)]
)
def test_bets_out_of_range_are_the_callers_mistake(anyone, crash: Crash, amount: int, auto: int) -> None:
    before = anyone.balance()
    assert bet(anyone, amount, auto).status_code == 422
    assert anyone.balance() == before


def test_a_cash_out_pays_the_multiplier_of_its_moment(player, crash: Crash) -> None:
    round_id, _ = crash.plant(1_000)
    bet(player, 100)
    assert code(cash_out(player)) == (409, "ROUND_CLOSED")
    crash.at(250.5)
    flying = current(player)["round"]
    answer = cash_out(player)
    body = answer.json()

    assert answer.status_code == 200
    assert flying["status"] == "RUNNING"
    assert 250 <= flying["multiplier_x100"] <= body["cashed_x100"] < 320
    assert (body["payout"], body["auto"]) == (body["cashed_x100"], False)
    assert body["balance_after"] == player.gold - 100 + body["payout"] == player.balance()
    assert [row["delta"] for row in player.ledger()[1:]] == [-100, body["payout"]]
    assert code(cash_out(player)) == (409, "ALREADY_CASHED")
    [row] = rounds(player)
    assert row["outcome"] == {
        "crash_round": str(round_id), "cashed_x100": body["cashed_x100"], "auto": False
    }  # fmt: skip
    assert (row["game"], row["bet"], row["payout"], str(row["event_id"])) == (
        "crash", 100, body["payout"], body["event_id"]
    )  # fmt: skip
    assert player.http.get("/api/games/stats").json()["items"] == [
        {"game": "crash", "plays": 1, "wins": 1, "losses": 0, "wagered": 100, "paid": body["payout"]}
    ]


def test_a_cash_out_after_the_crash_is_refused_though_the_row_still_flies(player, crash: Crash) -> None:
    round_id, point = crash.plant(150, 400)
    bet(player)
    crash.at(point + 1)

    assert crash.round(round_id)["status"] != "CRASHED"
    assert current(player)["round"]["status"] == "CRASHED"
    assert current(player)["round"]["crash_x100"] is None
    assert code(cash_out(player)) == (409, "CRASHED")
    crash.finish()
    assert code(cash_out(player)) == (409, "CRASHED")
    assert [row["delta"] for row in player.ledger()[1:]] == [-10]
    assert [(row["bet"], row["payout"]) for row in rounds(player)] == [(10, 0)]


def test_nobody_leaves_a_round_that_crashes_at_once(player, crash: Crash) -> None:
    crash.plant(100, 100)
    bet(player)
    crash.at(100)

    assert code(cash_out(player)) == (409, "CRASHED")


@pytest.mark.parametrize("now", [160, 100_000])
def test_who_passed_their_own_limit_gets_it_however_late(player, crash: Crash, now: int) -> None:
    """The worker did not come: neither a higher multiplier nor the crash takes what was reached."""
    crash.plant(150, 155)
    bet(player, 100, 140)
    crash.at(now)
    body = cash_out(player).json()

    assert (body["cashed_x100"], body["payout"], body["auto"]) == (140, 140, True)


def test_a_limit_above_the_crash_is_lost(player, crash: Crash) -> None:
    crash.plant(150, 155)
    bet(player, 100, 156)
    crash.at(200)

    assert code(cash_out(player)) == (409, "CRASHED")


def test_the_named_round_is_left_and_no_other(player, crash: Crash) -> None:
    first, _ = crash.plant(100, 100)
    bet(player)
    crash.plant(1_000)
    bet(player)
    crash.at(120)

    assert code(cash_out(player, round_id=str(first))) == (409, "CRASHED")
    assert code(cash_out(player, round_id=str(uuid.uuid4()))) == (409, "ROUND_CLOSED")
    assert cash_out(player).status_code == 200


def test_who_never_bet_has_nothing_to_leave(new_player, crash: Crash) -> None:
    assert code(cash_out(new_player())) == (409, "ROUND_CLOSED")


def test_keys_replay_bets_and_cash_outs(player, crash: Crash) -> None:
    crash.plant(1_000)
    bets = [bet(player, 10, key="b") for _ in range(2)]
    crash.at(120)
    outs = [cash_out(player, key="c") for _ in range(2)]

    for one, again in (bets, outs):
        assert one.content == again.content
        assert again.headers["Idempotent-Replayed"] == "true"
    assert code(bet(player, 11, key="b")) == (409, "IDEMPOTENCY_KEY_REUSED")
    assert code(cash_out(player, key="c", round_id=str(uuid.uuid4()))) == (409, "ROUND_CLOSED")
    assert code(cash_out(player, key="c", round_id=outs[0].json()["round_id"])) == (
        409, "IDEMPOTENCY_KEY_REUSED"
    )  # fmt: skip
    assert len(player.ledger()) == 3


def test_after_the_crash_anybody_can_verify_and_before_it_nobody_can(new_player, crash: Crash) -> None:
    player, other = new_player(), new_player()
    round_id, point = crash.plant(150, 400)
    bet(player)
    path = f"/api/games/crash/{round_id}/verify"
    before = other.http.get(path).json()
    crash.at(point + 1)
    crash.finish()
    after = other.http.get(path).json()

    assert (before["server_seed"], before["crash_x100"]) == (None, None)
    assert before["server_seed_hash"] == after["server_seed_hash"]
    seed = bytes.fromhex(after["server_seed"])
    assert hashlib.sha256(seed).hexdigest() == after["server_seed_hash"]
    assert (
        after["crash_x100"]
        == point
        == crash_x100(seed, round_id, edge_bp=after["edge_bp"], max_x100=after["max_x100"])
    )
    assert code(other.http.get(f"/api/games/crash/{uuid.uuid4()}/verify")) == (404, "NOT_FOUND")


def test_the_seed_of_a_flying_round_is_nowhere_in_the_open(player, crash: Crash) -> None:
    round_id, point = crash.plant(300, 400)
    bet(player)
    row = crash.round(round_id)

    assert (row["seed"], row["crash_x100"]) == (None, None)
    with pytest.raises(psycopg.errors.CheckViolation):
        crash.sql("UPDATE crash_rounds SET crash_x100 = %s WHERE public_id = %s", point, round_id)


def test_there_is_one_round_at_a_time(crash: Crash) -> None:
    crash.plant(300)

    with pytest.raises(psycopg.errors.UniqueViolation):
        crash.sql(
            """INSERT INTO crash_rounds (public_id, seed_hash, seed_enc, edge_bp, max_x100, growth_e6, status,
                                         starts_at)
               VALUES (gen_random_uuid(), 'x', '', 1, 1, 1, 'RUNNING', now())"""
        )


def test_a_hundred_first_bets_of_one_user_are_one(player, crash: Crash, burst: Burst) -> None:
    answers = burst(100, lambda _: bet(player))

    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 99
    assert {answer.json()["error"]["code"] for answer in answers if answer.status_code == 409} == {
        "ALREADY_BET"
    }
    assert len(player.ledger()) == 2


def test_a_hundred_cash_outs_of_one_bet_pay_once(player, crash: Crash, burst: Burst) -> None:
    crash.plant(5_000)
    bet(player)
    crash.at(120)
    answers = burst(100, lambda _: cash_out(player))

    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 99
    assert {answer.json()["error"]["code"] for answer in answers if answer.status_code == 409} == {
        "ALREADY_CASHED"
    }
    assert len(player.ledger()) == 3


def test_bettors_do_not_wait_for_each_other_but_the_worker_waits_for_them(new_player, crash: Crash) -> None:
    """A bet whose transaction is still open holds up no other bet, and the round can't begin without it."""
    crash.plant(300)
    assert bet(new_player()).status_code == 201
    [slow], other = crash.crowd(1), new_player()
    start = "UPDATE crash_rounds SET status = 'RUNNING' WHERE status = 'BETTING'"
    with psycopg.connect(crash.server.database) as conn:
        conn.execute(
            """SELECT cc_crash_bet('{"trace_id": "0", "request_id": "slow-bet", "env": "dev"}', %s, 10, NULL,
                                   gen_random_uuid(), gen_random_uuid(), 'x', '', 200, 10000, 140000, 5, NULL,
                                   NULL)""",
            (slow.id,),
        )
        assert bet(other).status_code == 201
        with psycopg.connect(crash.server.database, options="-c lock_timeout=100ms") as worker:
            with pytest.raises(psycopg.errors.LockNotAvailable):
                worker.execute(start)
            worker.rollback()
            conn.rollback()
            worker.execute(start)
    slow.http.close()


@pytest.mark.parametrize("key", ["", "k"])
def test_a_wallet_that_somebody_holds_is_busy(player, crash: Crash, key: str) -> None:
    crash.plant(300)
    bet(player)
    crash.at(110)
    with psycopg.connect(crash.server.database) as conn:
        conn.execute("SELECT 1 FROM wallets WHERE user_id = %s FOR UPDATE", (player.id,))
        answer = cash_out(player, key)

    assert code(answer) == (409, "IDEMPOTENCY_IN_PROGRESS" if key else "BUSY")


def test_a_payout_that_no_wallet_can_hold_is_refused(player, crash: Crash) -> None:
    """The bet stays open and is paid when there is room."""
    most = 2**63 - 1
    crash.plant(1_000)
    bet(player, 100)
    context = '{"trace_id": "0", "request_id": "test-full", "env": "dev"}'
    fill = "SELECT cc_post(%s::jsonb, %s, %s, 'mint:test', 'test', 'test', %s)"
    player.server.sql(fill, context, player.id, most - player.balance(), "full")
    crash.at(150)

    assert code(cash_out(player)) == (422, "AMOUNT_OUT_OF_RANGE")
    player.server.sql(fill, context, player.id, -1_000, "less")
    assert cash_out(player).status_code == 200
    player.server.sql(fill, context, player.id, 1_000 - player.balance(), "as before")
