"""Every path that moves gold, as a race with a model: who wins how often when everybody comes at once."""

from __future__ import annotations

import secrets
from types import SimpleNamespace as State
from typing import Any

from tests.integration.economy.kit import Answer, Arena, Call, Race, good

CHARM = 200  # gold, as the demo data says


def key() -> str:
    return secrets.token_hex(8)


def buy(player: Any, name: str, product: str = "LUCKY_CHARM") -> Call:
    return Call("/api/shop/buy", player, {"product_id": product, "quantity": 1}, name)


# -- one wallet, many keys


def _one(gold: int = 1000) -> Any:
    return lambda arena: State(player=arena.player(gold=gold))


def _sold(arena: Arena, state: Any, answers: list[Answer]) -> None:
    assert arena.ledger(state.player, "purchase") == [-CHARM] * 5
    assert arena.gold(state.player) == 0


def _pay_player(arena: Arena, state: Any, _: Answer) -> None:
    arena.pay([state.player.id], CHARM)


def _once(reason: str) -> Any:
    def after(arena: Arena, state: Any, answers: list[Answer]) -> None:
        assert len(arena.ledger(state.player, reason)) == 1
        assert len({answer.body for answer in good(answers)}) == 1

    return after


# -- payments: ten packs, each told of many times by the provider


def _packs(arena: Arena) -> Any:
    players = arena.players(10, gold=0)
    bought = arena.race([buy(one, key(), "GOLD_1000") for one in players])
    assert {answer.status for answer in bought} == {202}
    return State(players=players, receipts=[answer.data["receipt"] for answer in bought])


def _storm(arena: Arena, state: Any, n: int) -> list[Call]:
    # Half of the calls repeat one event id a receipt, the others bring an id of their own.
    return [
        arena.webhook_call(state.receipts[i % 10], 999, f"{state.receipts[i % 10]}-{0 if i % 20 < 10 else i}")
        for i in range(n)
    ]


def _credited(arena: Arena, state: Any, answers: list[Answer]) -> None:
    for player in state.players:
        assert arena.ledger(player, "gold_pack") == [1000]


# -- things of which there are few


def shelf(arena: Arena, stock: int = 30, limit: int = 1) -> str:
    """Put a limited package on sale for 100 gold; returns its id."""
    name = f"RACE_{secrets.token_hex(4).upper()}"
    arena.sql(
        """WITH p AS (INSERT INTO products (id, title, kind, price_gold) VALUES (%(id)s, 'r', 'limited', 100))
           INSERT INTO limited_packages (id, product_id, stock_total, per_user_limit, starts_at)
           VALUES (%(id)s, %(id)s, %(stock)s, %(limit)s, now())""",
        id=name, stock=stock, limit=limit,
    )  # fmt: skip
    return name


def _crowd(arena: Arena) -> Any:
    return State(players=arena.players(120), package=shelf(arena))


def _stock(arena: Arena, package: str) -> tuple[int, int]:
    row = arena.sql("SELECT stock_reserved, stock_sold FROM limited_packages WHERE id = %(id)s", id=package)[
        0
    ]
    return row["stock_reserved"], row["stock_sold"]


def _restock(arena: Arena, state: Any, _: Answer) -> None:
    arena.sql("UPDATE limited_packages SET stock_total = stock_total + 1 WHERE id = %(id)s", id=state.package)


def _limited_sold(arena: Arena, state: Any, answers: list[Answer]) -> None:
    assert _stock(arena, state.package) == (0, 30)
    assert sum(len(arena.ledger(player, "purchase")) for player in state.players) == 30


def _held(arena: Arena, state: Any, answers: list[Answer]) -> None:
    """Of those who hold, each buys, gives back and holds again at the same moment: one unit each, no more."""
    holders = [answer.call.player for answer in good(answers)]
    path = f"/api/shop/limited/{state.package}"
    mixed = [
        call
        for one in holders
        for call in (
            Call(f"{path}/buy", one, {}, key()),
            Call(f"{path}/hold", one, method="DELETE"),
            Call(f"{path}/hold", one),
        )
    ]
    for answer in arena.race(mixed):
        assert answer.status < 500, answer.body
    reserved, sold = _stock(arena, state.package)
    assert reserved + sold <= 30
    assert sold == sum(len(arena.ledger(one, "purchase")) for one in holders)


def _greedy(arena: Arena) -> Any:
    return State(player=arena.player(gold=10_000), package=shelf(arena, 1000, 2))


def _code(arena: Arena, uses: int | None = 30) -> str:
    name = f"RACE{secrets.token_hex(4).upper()}"
    arena.sql("INSERT INTO promo_codes (code, gold, max_uses) VALUES (%(c)s, 10, %(u)s)", c=name, u=uses)
    return name


def _more_uses(arena: Arena, state: Any, _: Answer) -> None:
    arena.sql("UPDATE promo_codes SET max_uses = max_uses + 1 WHERE code = %(c)s", c=state.code)


def _invite(arena: Arena) -> Any:
    code = f"inv{secrets.token_hex(4)}"
    arena.sql("INSERT INTO invite_codes (code, max_uses) VALUES (%(c)s, 10)", c=code)
    return State(code=code)


def _invited(arena: Arena, state: Any, answers: list[Answer]) -> None:
    used = arena.one("SELECT used_count FROM invite_codes WHERE code = %(c)s", c=state.code)
    users = arena.one("SELECT count(*) FROM invite_redemptions WHERE code = %(c)s", c=state.code)
    assert (used, users) == (10, 10)


# -- once a user


def _joined(arena: Arena) -> Any:
    player = arena.player()
    path = "/api/events/WELCOME"
    for call in (Call(f"{path}/join", player), Call(f"{path}/progress", player, {"delta": 100})):
        (answer,) = arena.race([call])
        assert answer.status in {200, 201}, answer.body
    return State(player=player)


def _unlocked(arena: Arena) -> Any:
    player = arena.player()
    (answer,) = arena.race([buy(player, key())])
    assert answer.status == 200
    return State(player=player)


def _levelled(arena: Arena) -> Any:
    player = arena.player()
    arena.sql("UPDATE users SET level = 3, exp = 300 WHERE id = %(id)s", id=player.id)
    return State(player=player)


def _progressed(arena: Arena, state: Any, answers: list[Answer]) -> None:
    row = arena.sql(
        "SELECT progress FROM event_participants WHERE user_id = %(id)s AND event_id = 'MARATHON'",
        id=state.player.id,
    )[0]
    assert row["progress"] == len(answers)
    assert sorted(answer.data["progress"] for answer in answers) == list(range(1, len(answers) + 1))


def _runner(arena: Arena) -> Any:
    player = arena.player()
    (answer,) = arena.race([Call("/api/events/MARATHON/join", player)])
    assert answer.status == 201
    return State(player=player)


# -- games: every round is paid for, numbered and proven


def _gambler(arena: Arena) -> Any:
    player = arena.player(gold=300)
    arena.seeds([player])
    return State(player=player)


def _rounds(game: str) -> Any:
    def after(arena: Arena, state: Any, answers: list[Answer]) -> None:
        assert {answer.word for answer in answers} <= {"200", "402 INSUFFICIENT_GOLD"}
        won = good(answers)
        assert len(won) >= 3  # 300 gold pay for three rounds even if none wins
        assert arena.gold(state.player) == 300 + sum(a.data["payout"] - 100 for a in won)
        rows = arena.sql(
            "SELECT nonce FROM game_rounds WHERE user_id = %(id)s AND game = %(game)s ORDER BY nonce",
            id=state.player.id, game=game,
        )  # fmt: skip
        assert len(rows) == len(won)
        nonces = [row["nonce"] for row in rows]
        assert nonces == list(range(nonces[0], nonces[0] + len(won)))

    return after


def _game(path: str, **more: str) -> Any:
    return lambda arena, state, n: [
        Call(f"/api/games/{path}", state.player, {"bet": 100, **more}, key()) for _ in range(n)
    ]


# -- sessions and administrators


def _session(arena: Arena) -> Any:
    call = arena.signup_call("5858")
    arena.race([call])
    body = {name: call.json[name] for name in ("site_id", "password")}  # type: ignore[index]
    (login,) = arena.race([Call("/api/auth/login", json=body)])
    return State(token=login.data["refresh_token"], family=login.data["session_id"])


def _one_child(arena: Arena, state: Any, answers: list[Answer]) -> None:
    (child,) = good(answers)
    rows = arena.sql("SELECT * FROM refresh_tokens WHERE family_id = %(f)s", f=state.family)
    assert len(rows) == 2  # within the leeway a lost answer may be retried: nobody was revoked
    assert [row["revoked_at"] for row in rows] == [None, None]
    (next_one,) = arena.race([Call("/api/auth/refresh", json={"refresh_token": child.data["refresh_token"]})])
    assert next_one.status == 200


def _office(gold: int = 1000) -> Any:
    return lambda arena: State(admin=arena.admin(), player=arena.player(gold=gold))


def _adjust(delta: int, **headers: str) -> Any:
    return lambda arena, state, n: [
        Call(
            f"/api/admin/users/{state.player.id}/gold-adjust",
            state.admin,
            {"delta": delta, "reason": "race"},
            key(),
            headers=headers,
        )
        for _ in range(n)
    ]


def _audited(action: str, wanted: int) -> Any:
    def after(arena: Arena, state: Any, answers: list[Answer]) -> None:
        rows = arena.one("SELECT count(*) FROM audit_log WHERE actor_id = %(id)s", id=state.admin.id)
        assert rows == wanted, action

    return after


def _sale(arena: Arena) -> Any:
    state = _office()(arena)
    (answer,) = arena.race([buy(state.player, key())])
    state.tx = answer.data["transaction_id"]
    return state


def _refunded(arena: Arena, state: Any, answers: list[Answer]) -> None:
    assert arena.ledger(state.player, "refund") == [CHARM]
    assert arena.gold(state.player) == 1000


def each(
    path: str, body: Any = None, *, who: str = "player", one_key: bool = False, keyed: bool = True
) -> Any:
    """Return `calls` of one user: the same request n times, under n keys unless told otherwise.

    `path` and texts in `body` may name what the state holds: `{code}`.
    """

    def calls(arena: Arena, state: Any, n: int) -> list[Call]:
        shared = key()
        return [
            Call(_fill(path, state), getattr(state, who), _fill(body, state),
                 "" if not keyed else shared if one_key else key())
            for _ in range(n)
        ]  # fmt: skip

    return calls


def crowd(path: str, body: Any = None, *, keyed: bool = True) -> Any:
    """Return `calls` of a crowd: one request of each user."""
    return lambda arena, state, n: [
        Call(_fill(path, state), state.players[i], _fill(body, state), key() if keyed else "")
        for i in range(n)
    ]


def _fill(value: Any, state: Any) -> Any:
    if isinstance(value, str):
        return value.format(**vars(state)) if "{" in value else value
    if isinstance(value, dict):
        return {name: _fill(item, state) for name, item in value.items()}
    return value(state) if callable(value) else value


def _all(word: str) -> Any:
    return lambda state, n: {word: n}


def _few(win: str, k: int, lose: str) -> Any:
    return lambda state, n: {win: k, lose: n - k}


CHARM_BODY = {"product_id": "LUCKY_CHARM", "quantity": 1}
PASS_BODY = {"product_id": "BATTLE_PASS_S1", "quantity": 1}
GRANT = {"user_id": lambda state: state.player.id, "gold": 5, "ref": "r-1", "reason": "race"}
SHELF = "/api/shop/limited/{package}"
PROMO = ("/api/shop/promo/redeem", {"code": "{code}"})
STREAK = ("/api/streak/claim", {"action_type": "DAILY"})
TAKEN = "409 ALREADY_CLAIMED"

RACES = [
    Race("buy: gold for five", _one(), each("/api/shop/buy", CHARM_BODY),
         _few("200", 5, "402 INSUFFICIENT_GOLD"), _sold, _pay_player, "402"),
    Race("buy: one key", _one(), each("/api/shop/buy", CHARM_BODY, one_key=True),
         _all("200"), _once("purchase")),
    Race("pack: a storm of webhooks", _packs, _storm, _all("200"), _credited),
    Race("limited: a crowd buys", _crowd, crowd(f"{SHELF}/buy", {}),
         _few("200", 30, "409 SOLD_OUT"), _limited_sold, _restock, "409"),
    Race("limited: a crowd holds", _crowd, crowd(f"{SHELF}/hold", keyed=False),
         _few("201", 30, "409 SOLD_OUT"), _held),
    Race("limited: one wants all", _greedy, each(f"{SHELF}/buy", {}), _few("200", 2, "409 LIMIT_REACHED")),
    Race("promo: a crowd", lambda a: State(players=a.players(120, gold=0), code=_code(a)), crowd(*PROMO),
         _few("200", 30, "409 PROMO_EXHAUSTED"), retry=_more_uses, refused="409"),
    Race("promo: one user", lambda a: State(player=a.player(gold=0), code=_code(a, None)), each(*PROMO),
         _few("200", 1, "409 PROMO_USED"), _once("promo")),
    Race("streak: a day has one claim", _one(0), each(*STREAK), _few("200", 1, TAKEN), _once("streak")),
    Race("streak: one key", _one(0), each(*STREAK, one_key=True), _all("200"), _once("streak")),
    Race("event: claim", _joined, each("/api/events/WELCOME/claim"), _few("200", 1, TAKEN), _once("event")),
    Race("event: progress", _runner, each("/api/events/MARATHON/progress", {"delta": 1}, keyed=False),
         _all("200"), _progressed),
    Race("achievement: claim", _unlocked, each("/api/achievements/FIRST_PURCHASE/claim"),
         _few("200", 1, TAKEN), _once("achievement")),
    Race("battle pass: claim", _levelled, each("/api/battlepass/claim", {"level": 2, "track": "free"}),
         _few("200", 1, TAKEN), _once("battle_pass")),
    Race("battle pass: buy", _one(5000), each("/api/shop/buy", PASS_BODY),
         _few("200", 1, "409 LIMIT_REACHED"), _once("purchase")),
    Race("slot", _gambler, each("/api/games/slot/spin", {"bet": 100}), None, _rounds("slot")),
    Race("gacha", _gambler, each("/api/games/gacha/pull", {"bet": 100}), None, _rounds("gacha")),
    Race("rps", _gambler, each("/api/games/rps/play", {"bet": 100, "choice": "ROCK"}), None, _rounds("rps")),
    Race("refresh: one child a token", _session,
         lambda a, s, n: [Call("/api/auth/refresh", json={"refresh_token": s.token}) for _ in range(n)],
         _few("200", 1, "401 REFRESH_INVALID"), _one_child),
    Race("signup: an invite for ten", _invite, lambda a, s, n: [a.signup_call(s.code) for _ in range(n)],
         _few("201", 10, "400 INVITE_EXHAUSTED"), _invited),
    Race("signup: one name", lambda a: State(name=f"twin{key()}"),
         lambda a, s, n: [a.signup_call("5858", s.name) for _ in range(n)],
         _few("201", 1, "409 SITE_ID_TAKEN")),
    Race("adjust: gold for five", _office(), _adjust(-200), _few("200", 5, "402 INSUFFICIENT_GOLD"),
         _audited("gold_adjust", 5), lambda a, s, _: a.pay([s.player.id], 200), "402"),
    Race("adjust: one version", _office(), _adjust(7, **{"If-Match": '"1"'}),
         _few("200", 1, "412 VERSION_MISMATCH"), _audited("gold_adjust", 1)),
    Race("grant: one reference", _office(0), each("/api/rewards/grant", GRANT, who="admin"),
         _few("201", 1, "409 DUPLICATE_REF"), _once("grant")),
    Race("refund: one sale", _sale, each("/api/payments/{tx}/refund", {"reason": "race"}, who="admin"),
         _few("200", 1, "409 NOT_REFUNDABLE"), _refunded),
]  # fmt: skip
