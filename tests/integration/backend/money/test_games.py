"""Rounds: decided by the seeds, settled once each, the ledger without a gap under a burst. For every game."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import psycopg
import pytest

Burst = Callable[[int, Callable[[int], httpx.Response]], list[httpx.Response]]
PATHS = {"slot": "slot/spin", "gacha": "gacha/pull", "rps": "rps/play"}
ACTIONS = {"slot": "SLOT_SPIN", "gacha": "GACHA_PULL", "rps": "RPS_PLAY"}
every_game = pytest.mark.parametrize("game", list(PATHS))


def play(player, game: str, bet: object = 10, key: str = "", client: httpx.Client | None = None):
    """Play one round; rock is shown in rps."""
    body = {"bet": bet} | ({"choice": "ROCK"} if game == "rps" else {})
    headers = {"Idempotency-Key": key} if key else {}
    return (client or player.http).post(f"/api/games/{PATHS[game]}", json=body, headers=headers)


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def multiplier(body: dict) -> float:
    outcome = body["outcome"]
    return outcome["multiplier"] if "multiplier" in outcome else outcome["multiplier_x100"] / 100


@pytest.fixture
def wide(player) -> Iterator[httpx.Client]:
    """A client of the player that does not queue."""
    limits = httpx.Limits(max_connections=130, max_keepalive_connections=130)
    with httpx.Client(base_url=player.server.url, timeout=30, limits=limits) as client:
        client.headers["Authorization"] = f"Bearer {player.token}"
        yield client


@every_game
def test_a_round_moves_the_bet_and_the_payout(player, game: str) -> None:
    body = play(player, game).json()
    rows = player.ledger()[1:]

    assert body["balance_after"] == player.gold - 10 + body["payout"] == player.balance()
    assert [row["delta"] for row in rows] == [-10] + [body["payout"]] * (body["payout"] > 0)
    assert {row["counter_account"] for row in rows} == {f"house:{game}"}
    assert body["payout"] == 10 * multiplier(body)
    assert body["exp"] == 10


@every_game
def test_a_round_is_told_to_sockets_topics_and_records(player, game: str) -> None:
    body = play(player, game, 100).json()
    events = player.server.sql("SELECT * FROM outbox WHERE user_id = %s ORDER BY id", player.id)
    frames = [row["type"] for row in events if row["realtime"] and row["type"] != "achievement_progress"]
    [told] = [row for row in events if row["type"] == "round"]
    [row] = player.server.sql("SELECT * FROM game_rounds WHERE user_id = %s", player.id)

    assert frames == [
        "user_action",
        "stats_update",
        *["reward_granted"] * (body["payout"] > 0),
        "profile_update",
    ]
    assert (told["topic"], str(told["event_id"])) == ("cc.games.rounds.dev", body["event_id"])
    assert told["payload"] == {
        "round_id": body["round_id"], "game": game, "bet": 100, "payout": body["payout"],
        "outcome": body["outcome"], "nonce": 0,
    }  # fmt: skip
    assert (str(row["public_id"]), row["game"], row["outcome"]) == (body["round_id"], game, body["outcome"])
    [action] = player.server.sql("SELECT * FROM user_actions WHERE user_id = %s", player.id)
    assert (action["action_type"], str(action["event_id"])) == (ACTIONS[game], body["action_event_id"])


def test_the_seed_is_committed_to_before_the_round_and_the_nonce_counts_over_all_games(player) -> None:
    before = player.http.get("/api/games/fairness").json()
    proofs = [play(player, game).json()["fairness"] for game in ("slot", "gacha", "rps", "slot")]

    assert [proof["nonce"] for proof in proofs] == [0, 1, 2, 3]
    assert {proof["server_seed_hash"] for proof in proofs} == {before["server_seed_hash"]}
    assert player.http.get("/api/games/fairness").json()["nonce"] == 4
    assert before["rtp"] == {"slot": 0.872728, "gacha": 0.92, "rps": pytest.approx(29 / 30), "crash": 0.98}


def test_a_hundred_rounds_at_once_are_affordable_and_without_a_gap(player, wide, burst: Burst) -> None:
    """Gold for ten or a few more, as they win: whoever was refused could not pay at that moment."""
    games = list(PATHS)
    answers = burst(120, lambda i: play(player, games[i % 3], 100, client=wide))
    played = [answer.json() for answer in answers if answer.status_code == 200]
    rows = player.ledger()

    # 120 rounds cost 960 gold on average: now and then luck pays for all of them.
    refused = len(answers) - len(played)
    assert {answer.status_code for answer in answers} <= {200, 402}
    assert sorted(body["fairness"]["nonce"] for body in played) == list(range(len(played)))
    assert [row["seq"] for row in rows] == list(range(1, len(rows) + 1))
    assert player.balance() == sum(row["delta"] for row in rows) == rows[-1]["balance_after"]
    assert not refused or min(row["balance_after"] for row in rows) < 100  # what a refusal needs
    assert sum(row["delta"] for row in rows if row["reason"] == "bet") == -100 * len(played)
    assert sum(row["delta"] for row in rows if row["reason"] == "win") == sum(b["payout"] for b in played)
    totals = player.http.get("/api/games/stats").json()["items"]
    assert sum(item["plays"] for item in totals) == len(played)


@every_game
def test_the_same_key_plays_one_round(player, burst: Burst, game: str) -> None:
    answers = burst(5, lambda _: play(player, game, 10, "k"))

    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert len(player.server.sql("SELECT 1 FROM game_rounds WHERE user_id = %s", player.id)) == 1
    assert code(play(player, game, 20, "k")) == (409, "IDEMPOTENCY_KEY_REUSED")


def test_another_hand_is_another_request(player) -> None:
    def show(hand: str) -> httpx.Response:
        body = {"bet": 10, "choice": hand}
        return player.http.post("/api/games/rps/play", json=body, headers={"Idempotency-Key": "k"})

    assert show("ROCK").json()["outcome"]["player"] == "ROCK"
    assert code(show("PAPER")) == (409, "IDEMPOTENCY_KEY_REUSED")


@every_game
def test_the_bet_must_be_covered_before_the_win(player, game: str) -> None:
    assert player.buy("GOLDEN_FRAME", "k").status_code == 200
    answer = play(player, game, 110)

    assert code(answer) == (402, "INSUFFICIENT_GOLD")
    assert player.balance() == 100
    assert player.http.get("/api/games/fairness").json()["nonce"] == 0


@every_game
def test_age_is_proven_first(new_player, game: str) -> None:
    assert code(play(new_player(adult=False), game)) == (403, "AGE_VERIFICATION_REQUIRED")


@every_game
@pytest.mark.parametrize("bet", [0, -1, 1_001, 10**9, 10**30, 1.5, "10", True, None, [], {}])
def test_bets_out_of_range_are_the_callers_mistake(anyone, game: str, bet: object) -> None:
    before = anyone.balance()
    assert play(anyone, game, bet).status_code == 422
    assert anyone.balance() == before


def test_bets_come_in_the_steps_of_the_table(anyone) -> None:
    answer = play(anyone, "rps", 15)

    assert code(answer) == (422, "AMOUNT_OUT_OF_RANGE")
    assert answer.json()["error"]["details"] == {"min_bet": 10, "max_bet": 1000, "bet_step": 10}


@pytest.mark.parametrize("choice", ["", "rock", "LIZARD", None, 1, "ROCK\x00"])
def test_only_three_hands_can_be_shown(anyone, choice: object) -> None:
    answer = anyone.http.post("/api/games/rps/play", json={"bet": 10, "choice": choice})

    assert code(answer) == (422, "VALIDATION_ERROR")


@every_game
def test_statistics_and_the_metric_count_rounds(player, game: str) -> None:
    series = [f'game_rounds_total{{game="{game}",outcome="{o}"}}' for o in ("win", "lose", "draw")]
    before = [player.server.metric(name) for name in series]
    bodies = [play(player, game).json() for _ in range(6)]
    draws = sum(body["outcome"].get("result") == "draw" for body in bodies)
    wins = sum(body["payout"] > 0 for body in bodies) - draws
    losses = 6 - wins - draws

    assert [player.server.metric(name) - was for name, was in zip(series, before, strict=True)] == [
        wins, losses, draws
    ]  # fmt: skip
    assert player.http.get("/api/games/stats").json()["items"] == [
        {"game": game, "plays": 6, "wins": wins, "losses": losses, "wagered": 60,
         "paid": sum(body["payout"] for body in bodies)}
    ]  # fmt: skip


def test_shared_keys_among_many_rounds_never_deadlock(player, burst: Burst) -> None:
    """A round that lost its nonce locks key and wallet in the same order as one that did not."""

    def deadlocks() -> int:
        return player.server.sql("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")[
            0
        ]["deadlocks"]

    games = list(PATHS)
    before = deadlocks()
    answers = [
        answer
        for _ in range(3)
        for answer in burst(24, lambda i: play(player, games[i % 3], 10, f"k{i // 4}" if i % 4 != 3 else ""))
    ]

    assert {answer.status_code for answer in answers} == {200}
    assert deadlocks() == before


def test_a_wallet_that_somebody_holds_is_busy_and_says_so_in_every_game(player) -> None:
    calls = [lambda game=game: play(player, game) for game in PATHS]
    calls.append(lambda: player.http.post("/api/games/crash/bet", json={"bet": 10}))
    with psycopg.connect(player.server.database) as conn, ThreadPoolExecutor(len(calls)) as pool:
        conn.execute("SELECT 1 FROM wallets WHERE user_id = %s FOR UPDATE", (player.id,))
        assert [code(one) for one in pool.map(lambda call: call(), calls)] == [(409, "BUSY")] * len(calls)
    assert play(player, "slot").status_code == 200


@every_game
def test_a_nonce_that_is_always_gone_is_given_up(player, game: str) -> None:
    """What can't happen by playing: the row of the seed refuses every change."""
    player.server.sql(
        """CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'"""
    )
    player.server.sql(
        f"""CREATE TRIGGER refuse BEFORE UPDATE ON user_seeds FOR EACH ROW
            WHEN (OLD.user_id = {player.id}) EXECUTE FUNCTION refuse_change()"""
    )
    try:
        assert code(play(player, game)) == (409, "NONCE_USED")
    finally:
        player.server.sql("DROP FUNCTION refuse_change CASCADE")
    assert player.balance() == player.gold
