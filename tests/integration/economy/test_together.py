"""What one race alone does not show: holds that expire, rounds that crash, and everything on one wallet."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

from tests.integration.economy.kit import Arena, Call, good, words
from tests.integration.economy.races import buy, key, shelf


def test_holds_that_run_out_come_back_once_while_a_crowd_buys_and_holds(arena: Arena) -> None:
    """Capture, sweeper, release and new holds meet at the second the holds end."""
    package = shelf(arena, 40)
    arena.sql("UPDATE limited_packages SET hold_s = 3 WHERE id = %(id)s", id=package)
    players = arena.players(120)
    path = f"/api/shop/limited/{package}"
    holders = good(arena.race([Call(f"{path}/hold", one) for one in players]))
    assert len(holders) == 40
    arena.flush()  # what is held is known without Redis
    ends = "extract(epoch FROM max(expires_at) - clock_timestamp())::float8"
    left = arena.one(f"SELECT {ends} FROM limited_holds WHERE package_id = %(id)s", id=package)
    time.sleep(max(0.0, left - 0.1))
    with_hold = {answer.call.player.id for answer in holders if answer.call.player}
    calls = [Call(f"{path}/buy", one, {}, key()) for one in players]
    calls += [Call(f"{path}/hold", one) for one in players if one.id not in with_hold]
    answers = arena.race(calls)

    allowed = {"200", "201", "409 SOLD_OUT", "409 HOLD_EXPIRED", "409 LIMIT_REACHED", "409 ALREADY_HELD"}
    assert set(words(answers)) <= allowed
    sold = [answer for answer in answers if answer.status == 200]
    row = arena.sql("SELECT stock_sold, stock_reserved FROM limited_packages WHERE id = %(id)s", id=package)[
        0
    ]
    assert row["stock_sold"] == len(sold) <= 40
    assert row["stock_sold"] + row["stock_reserved"] <= 40
    end = time.monotonic() + 10
    while arena.one("SELECT stock_reserved FROM limited_packages WHERE id = %(id)s", id=package):
        assert time.monotonic() < end, "the sweeper never gave the stock back"
        time.sleep(0.1)
    arena.prove()


def test_a_round_of_crash_takes_each_bet_once_and_pays_each_once(arena: Arena) -> None:
    """Everybody bets twice at once, then leaves five times at once, some at the very end."""
    players = arena.players(60)
    arena.seeds(players)
    bets = arena.race([Call("/api/games/crash/bet", one, {"bet": 100}, key()) for one in players * 2])
    assert words(bets) == {"201": 60, "409 ALREADY_BET": 60}
    rounds = {answer.data["round_id"] for answer in good(bets)}
    assert len(rounds) == 1
    arena.replays(bets)
    arena.flush()
    begins = "SELECT extract(epoch FROM starts_at - clock_timestamp())::float8 FROM crash_rounds"
    time.sleep(max(0.0, arena.one(f"{begins} WHERE public_id = %(id)s", id=rounds.pop()) + 0.3))
    early = arena.race([Call("/api/games/crash/cashout", one, {}, key()) for one in players[:20] * 5])
    assert set(words(early)) <= {"200", "409 ALREADY_CASHED", "409 CRASHED"}
    assert len({one.call.player for one in good(early)}) == len(good(early))  # nobody gets out twice
    time.sleep(0.5)
    late = arena.race([Call("/api/games/crash/cashout", one, {}, key()) for one in players[20:] * 3])
    assert set(words(late)) <= {"200", "409 ALREADY_CASHED", "409 CRASHED"}
    paid = {
        answer.call.player.id: answer.data["payout"] for answer in good(early + late) if answer.call.player
    }
    for one in players:
        assert arena.gold(one) == 900 + paid.get(one.id, 0)
        assert arena.ledger(one, "win") == ([paid[one.id]] if one.id in paid else [])
    arena.prove()


def test_everything_at_once_on_one_wallet_is_one_ledger(arena: Arena) -> None:
    """All paths of one user against each other: no deadlock, no 500, every answer is in the ledger."""
    player, admin = arena.player(gold=5000), arena.admin()
    arena.seeds([player])
    code = f"ALL{key().upper()}"
    arena.sql("INSERT INTO promo_codes (code, gold) VALUES (%(c)s, 10)", c=code)
    package = shelf(arena, 50, 50)
    target = f"/api/admin/users/{player.id}/gold-adjust"
    kinds = [
        lambda: buy(player, key()),
        lambda: Call("/api/games/slot/spin", player, {"bet": 10}, key()),
        lambda: Call("/api/games/gacha/pull", player, {"bet": 10}, key()),
        lambda: Call("/api/games/rps/play", player, {"bet": 10, "choice": "PAPER"}, key()),
        lambda: Call("/api/streak/claim", player, {"action_type": "DAILY"}, key()),
        lambda: Call("/api/shop/promo/redeem", player, {"code": code}, key()),
        lambda: Call(f"/api/shop/limited/{package}/buy", player, {}, key()),
        lambda: Call(target, admin, {"delta": 3, "reason": "race"}, key()),
        lambda: Call(
            "/api/rewards/grant", admin,
            {"user_id": player.id, "gold": 2, "ref": key(), "reason": "race"}, key(),
        ),
        lambda: buy(player, key(), "GOLD_1000"),
        lambda: Call("/api/actions", player, {"action_type": "RACE"}),
        lambda: Call("/api/dashboard", player, method="GET"),
    ]  # fmt: skip
    answers = arena.race([kinds[i % len(kinds)]() for i in range(240)])

    assert not [answer.body for answer in answers if answer.status >= 500]
    assert arena.connections >= 200
    refused = {word for word in words(answers) if not word.startswith("2")}
    assert refused <= {"402 INSUFFICIENT_GOLD", "409 ALREADY_CLAIMED", "409 PROMO_USED", "409 BUSY",
                       "409 IDEMPOTENCY_IN_PROGRESS", "409 NONCE_USED", "429 FRAUD_WINDOW"}  # fmt: skip
    bought = [one for one in good(answers) if one.call.path == "/api/shop/buy" and one.status == 200]
    limited = [one for one in good(answers) if one.call.path.endswith(f"{package}/buy")]
    assert len(arena.ledger(player, "purchase")) == len(bought) + len(limited)
    assert arena.ledger(player, "adjust") == [3] * sum(one.call.path == target for one in good(answers))
    arena.replays(answers, most=20)
    arena.prove()


def test_a_crowd_that_waits_for_one_wallet_leaves_connections_to_everybody_else(arena: Arena) -> None:
    """Six times as many writes of one user as there are connections, while his row is held."""
    hot, others = arena.player(gold=100_000), arena.players(20)
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    with ThreadPoolExecutor(1) as pool:
        with arena.locked(hot):
            act = Call("/api/actions", hot, {"action_type": "CROWD"})
            calls = [act if n % 3 else buy(hot, key()) for n in range(240)]  # the ordinary and the short way
            crowd = pool.submit(arena.race, calls)
            end = time.monotonic() + 20
            while arena.one(waiting) < 4:
                assert time.monotonic() < end, "nobody waits for the row"
                time.sleep(0.01)
            answers = arena.race([buy(one, key()) for one in others])
        assert words(answers) == {"200": 20}
        answers = crowd.result()
    assert set(words(answers)) <= {"200", "201", "409 IDEMPOTENCY_IN_PROGRESS", "409 BUSY"}
    assert arena.ledger(hot, "purchase") == [-200] * words(answers).get("200", 0)
    arena.prove()
