"""A rotated seed is revealed, and whoever has it recomputes every round it decided."""

from __future__ import annotations

import hashlib
import hmac
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import jwt
import psycopg
import pytest

from tests.backends import secrets_of
from tests.integration.backend.money.test_games import PATHS, code, play

Burst = Callable[[int, Callable[[int], httpx.Response]], list[httpx.Response]]
SYMBOLS = ["CHERRY"] * 40 + ["LEMON"] * 30 + ["BELL"] * 16 + ["STAR"] * 10 + ["SEVEN"] * 4
PRIZES = ["COMMON"] * 700 + ["RARE"] * 220 + ["EPIC"] * 70 + ["LEGENDARY"] * 10
HANDS = ["ROCK", "PAPER", "SCISSORS"]


def words(seed: str, client_seed: str, nonce: int) -> Iterator[int]:
    """The published rule, written down a second time: 32-bit words of HMAC-SHA256(seed, "client:nonce")."""
    digest = hmac.new(bytes.fromhex(seed), f"{client_seed}:{nonce}".encode(), hashlib.sha256).digest()
    return (int.from_bytes(digest[at : at + 4], "big") for at in range(0, 32, 4))


def pick(table: list[str], source: Iterator[int]) -> str:
    return table[next(word for word in source if word < 2**32 - 2**32 % len(table)) % len(table)]


def outcome(game: str, source: Iterator[int]) -> object:
    if game == "slot":
        return [pick(SYMBOLS, source) for _ in range(3)]
    return pick(PRIZES if game == "gacha" else HANDS, source)


def shown(game: str, body: dict) -> object:
    return body["outcome"][{"slot": "reels", "gacha": "prize", "rps": "house"}[game]]


def rotate(player, body: object = None) -> httpx.Response:
    return player.http.post("/api/games/fairness/rotate", json=body)


def test_every_round_of_every_game_follows_from_the_revealed_seed(player) -> None:
    committed = player.http.get("/api/games/fairness").json()
    games = [*PATHS, *PATHS, *PATHS, *PATHS]
    bodies = [play(player, game).json() for game in games]
    revealed = rotate(player).json()["revealed"]

    assert (revealed["first_nonce"], revealed["next_nonce"]) == (0, len(games))
    assert hashlib.sha256(bytes.fromhex(revealed["server_seed"])).hexdigest() == committed["server_seed_hash"]
    for game, body in zip(games, bodies, strict=True):
        assert body["fairness"]["server_seed_hash"] == revealed["server_seed_hash"]
        source = words(revealed["server_seed"], revealed["client_seed"], body["fairness"]["nonce"])
        assert shown(game, body) == outcome(game, source)


def test_rounds_after_a_rotation_follow_from_the_new_seed_and_the_players_own(player) -> None:
    play(player, "slot")
    first = rotate(player, {"client_seed": "my-own_Seed"}).json()
    body = play(player, "gacha").json()
    second = rotate(player).json()

    assert first["committed"] == {
        "server_seed_hash": second["revealed"]["server_seed_hash"], "client_seed": "my-own_Seed", "nonce": 1
    }  # fmt: skip
    assert body["fairness"] == {"server_seed_hash": second["revealed"]["server_seed_hash"], "nonce": 1}
    assert (second["revealed"]["first_nonce"], second["revealed"]["next_nonce"]) == (1, 2)
    assert second["committed"]["client_seed"] == "my-own_Seed"
    source = words(second["revealed"]["server_seed"], "my-own_Seed", 1)
    assert shown("gacha", body) == outcome("gacha", source)


def test_what_was_revealed_can_be_looked_up_again(player) -> None:
    revealed = [rotate(player).json()["revealed"] for _ in range(3)]
    fairness = player.http.get("/api/games/fairness").json()

    assert fairness["revealed"] == revealed[::-1]
    assert len({one["server_seed_hash"] for one in revealed}) == 3
    assert fairness["server_seed_hash"] not in {one["server_seed_hash"] for one in revealed}


def test_the_seed_in_use_is_not_shown_anywhere(player) -> None:
    play(player, "slot")
    texts = [
        play(player, "rps").text,
        player.http.get("/api/games/fairness").text,
        str(player.server.sql("SELECT payload FROM outbox WHERE user_id = %s", player.id)),
        str(player.server.sql("SELECT * FROM user_seeds WHERE user_id = %s", player.id)),
    ]
    seed = rotate(player).json()["revealed"]["server_seed"]

    assert [text for text in texts if seed in text] == []


def test_no_round_is_ever_decided_by_a_seed_that_was_revealed_before(player, burst: Burst) -> None:
    """Rotations in a burst of rounds: each round follows from the seed it names, nonces have no gap."""
    answers = burst(40, lambda i: rotate(player) if i % 5 == 0 else play(player, "rps"))
    last = rotate(player).json()["revealed"]
    seeds = {
        one["server_seed_hash"]: one for one in player.http.get("/api/games/fairness").json()["revealed"]
    }
    rounds = [answer.json() for i, answer in enumerate(answers) if i % 5]

    assert {answer.status_code for answer in answers} == {200}
    assert len(seeds) == 9
    assert sorted(body["fairness"]["nonce"] for body in rounds) == list(range(32))
    assert last["next_nonce"] == 32
    for body in rounds:
        nonce, seed = body["fairness"]["nonce"], seeds[body["fairness"]["server_seed_hash"]]
        assert seed["first_nonce"] <= nonce < seed["next_nonce"]
        assert shown("rps", body) == outcome("rps", words(seed["server_seed"], seed["client_seed"], nonce))


@pytest.mark.parametrize("seed", ["", "x" * 65, "a:b", "é", "a\x00", 7, ["a"]])
def test_a_client_seed_is_short_and_plain(anyone, seed: object) -> None:
    assert code(rotate(anyone, {"client_seed": seed})) == (422, "VALIDATION_ERROR")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "slot/spin", {"bet": 10}),
        ("POST", "gacha/pull", {"bet": 10}),
        ("POST", "rps/play", {"bet": 10, "choice": "ROCK"}),
        ("POST", "crash/bet", {"bet": 10}),
        ("POST", "fairness/rotate", {}),
        ("GET", "fairness", None),
    ],
)
def test_a_user_who_is_gone_is_not_found(server, method: str, path: str, body: object) -> None:
    kid, key = secrets_of(server.load())["JWT_KEYS"].split(",")[0].split(":", 1)
    claims = {"sub": str(2**62), "rank": "STANDARD", "fam": "f", "jti": "j", "exp": int(time.time()) + 60}
    token = jwt.encode(claims, key, algorithm="HS256", headers={"kid": kid})
    url = f"{server.url}/api/games/{path}"
    answer = httpx.request(method, url, json=body, headers={"Authorization": f"Bearer {token}"})

    assert code(answer) == (404, "NOT_FOUND")


def test_a_rotation_waits_for_the_round_in_flight_and_says_so_when_it_takes_too_long(player) -> None:
    with psycopg.connect(player.server.database) as conn:
        conn.execute("SELECT 1 FROM wallets WHERE user_id = %s FOR UPDATE", (player.id,))
        assert code(rotate(player)) == (409, "BUSY")
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(rotate, player)
            threading.Event().wait(0.2)
            conn.rollback()
            assert waiting.result().status_code == 200
