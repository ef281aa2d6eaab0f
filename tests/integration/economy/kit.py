"""Two backend processes on one database, many connections, and what must hold afterwards."""

from __future__ import annotations

import asyncio
import hmac
import itertools
import json
import secrets
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import jwt
import psycopg
import redis
from psycopg.rows import dict_row

from ccops.core.bundle import packaged_contract
from ccops.core.profile import Profile
from ccops.data.check import Wanted, check_data
from ccops.data.invariants import read_invariants
from ccops.data.model import Verdict
from tests.backends import secrets_of

_numbers = itertools.count(1)
# Nobody empties the outbox here; everything else holds at any moment.
_LATE = "outbox_leaves_within_60s"
_NEW_USERS = """
WITH made AS (
    INSERT INTO users (public_id, site_id, nickname, password_hash, age_verified_at)
    SELECT gen_random_uuid(), %(name)s || n, %(name)s || n, '!', now() FROM generate_series(1, %(count)s) AS n
    RETURNING id
), purses AS (INSERT INTO wallets (user_id) SELECT id FROM made RETURNING user_id)
SELECT user_id AS id FROM purses ORDER BY 1
"""
_SEEDS = """
INSERT INTO user_seeds (user_id, server_seed_enc, server_seed_hash, client_seed)
SELECT u.id, s.server_seed_enc, s.server_seed_hash || '-' || u.id, 'race'
  FROM unnest(%(ids)s::bigint[]) AS u (id), (SELECT * FROM user_seeds ORDER BY user_id LIMIT 1) AS s
"""
_PAY = """
SELECT cc_post('{"trace_id": "race", "request_id": "race", "env": "dev"}'::jsonb, id, %(gold)s, 'mint:signup',
               'signup', 'user', id || ':' || gen_random_uuid()) FROM unnest(%(ids)s::bigint[]) AS u (id)
"""
# Money, shop and outbox tell one story: each ledger row has its event, each sale its ledger row and its word.
_ONE_STORY = {
    "a ledger row without its event, or the reverse": """
        SELECT coalesce(l.event_id, o.event_id) AS event FROM gold_ledger l
          FULL JOIN (SELECT event_id FROM outbox WHERE type = 'ledger') o USING (event_id)
         WHERE l.event_id IS NULL OR o.event_id IS NULL LIMIT 5""",
    "a sale that was not told exactly once": """
        SELECT t.public_id, t.status, count(o.id) AS told FROM shop_transactions t
          LEFT JOIN outbox o ON o.type = 'purchase_update' AND o.topic IS NOT NULL
           AND o.payload->>'transaction_id' = t.public_id::text AND o.payload->>'status' = 'SUCCESS'
         GROUP BY t.id HAVING count(o.id) <> (t.status IN ('SUCCESS', 'REFUNDED'))::int LIMIT 5""",
    "a key without its answer": "SELECT * FROM idempotency_keys WHERE response_status IS NULL LIMIT 5",
}


@dataclass(frozen=True)
class Player:
    """A user with a token."""

    id: int
    token: str = field(repr=False)


@dataclass(frozen=True)
class Call:
    """One request."""

    path: str
    player: Player | None = None
    json: Mapping[str, Any] | None = None
    key: str = ""
    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    """What came back, and the request it belongs to."""

    call: Call
    status: int
    body: bytes
    replayed: bool = False

    @property
    def data(self) -> Any:
        return json.loads(self.body)

    @property
    def word(self) -> str:
        """`200`, or the status and the error code: `409 SOLD_OUT`."""
        return str(self.status) if self.status < 400 else f"{self.status} {self.data['error']['code']}"


def words(answers: Sequence[Answer]) -> dict[str, int]:
    """Return how often each outcome came."""
    return dict(Counter(answer.word for answer in answers))


def good(answers: Sequence[Answer]) -> list[Answer]:
    """Return the successful ones."""
    return [answer for answer in answers if answer.status < 300]


class Arena:
    """The two processes, and independent clients for their stores."""

    def __init__(self, profile: Profile, urls: Sequence[str]) -> None:
        self.profile, self.urls = profile, tuple(urls)
        keys = secrets_of(profile)
        self._kid, self._key = keys["JWT_KEYS"].split(",")[0].split(":", 1)
        self._webhook = keys["WEBHOOK_SECRETS"].split(",")[0]
        self.connections = 0  # that the last race opened

    # -- stores

    def sql(self, query: str, **args: object) -> list[dict[str, Any]]:
        url = self.profile.get("CCOPS_DATABASE_URL")
        with psycopg.connect(url, autocommit=True, row_factory=dict_row) as conn:
            cursor = conn.execute(query, args or None)  # type: ignore[arg-type]
            return cursor.fetchall() if cursor.description else []

    def one(self, query: str, **args: object) -> Any:
        """Return the one value of the one row."""
        (row,) = self.sql(query, **args)
        (value,) = row.values()
        return value

    def flush(self) -> None:
        """Lose all of Redis."""
        with redis.Redis.from_url(self.profile.get("CCOPS_REDIS_URL")) as client:
            client.flushall()

    @contextmanager
    def locked(self, player: Player) -> Iterator[None]:
        """Hold the player's wallet row."""
        with psycopg.connect(self.profile.get("CCOPS_DATABASE_URL")) as conn:
            conn.execute("SELECT 1 FROM wallets WHERE user_id = %s FOR UPDATE", (player.id,))
            yield

    # -- people

    def players(self, count: int, *, gold: int = 1000) -> list[Player]:
        """Make users with gold that the ledger knows of, without the cost of a password hash each."""
        rows = self.sql(_NEW_USERS, name=f"r{next(_numbers)}{secrets.token_hex(3)}-", count=count)
        ids = [row["id"] for row in rows]
        if gold:
            self.pay(ids, gold)
        return [Player(one, self.token(one)) for one in ids]

    def player(self, *, gold: int = 1000) -> Player:
        return self.players(1, gold=gold)[0]

    def pay(self, ids: Sequence[int], gold: int) -> None:
        """Give gold, as a signup does."""
        self.sql(_PAY, ids=list(ids), gold=gold)

    def admin(self) -> Player:
        one = self.player(gold=0)
        self.sql("UPDATE users SET rank = 'ADMIN' WHERE id = %(id)s", id=one.id)
        return one

    def seeds(self, players: Sequence[Player]) -> None:
        """Give players what a game needs; the secret is copied from a user who signed up over HTTP."""
        if not self.sql("SELECT 1 FROM user_seeds LIMIT 1"):
            (made,) = self.race([self.signup_call("5858")])
            assert made.status == 201, made.body
        self.sql(_SEEDS, ids=[one.id for one in players])

    def token(self, user: int) -> str:
        claims = {
            "sub": str(user), "rank": "STANDARD", "fam": str(uuid.uuid4()), "jti": secrets.token_hex(8),
            "iat": int(time.time()), "exp": int(time.time()) + 21_600,
        }  # fmt: skip
        return jwt.encode(claims, self._key, algorithm="HS256", headers={"kid": self._kid})

    def gold(self, player: Player) -> int:
        return int(self.one("SELECT gold FROM wallets WHERE user_id = %(id)s", id=player.id))

    def ledger(self, player: Player, reason: str) -> list[int]:
        rows = self.sql(
            "SELECT delta FROM gold_ledger WHERE user_id = %(id)s AND reason = %(reason)s ORDER BY seq",
            id=player.id, reason=reason,
        )  # fmt: skip
        return [row["delta"] for row in rows]

    # -- requests

    def signup_call(self, invite: str, name: str = "") -> Call:
        nickname = f"s{next(_numbers)}{secrets.token_hex(4)}"
        form = {"invite_code": invite, "site_id": name or nickname, "password": "right-password-1"}
        form["nickname"] = nickname
        return Call("/api/auth/signup", json=form | {"birth_date": "1990-05-17"})

    def webhook_call(self, receipt: str, cents: int, event: str, kind: str = "payment.succeeded") -> Call:
        body = {"event_id": event, "type": kind, "receipt": receipt, "amount_cents": cents}
        raw, moment = json.dumps(body).encode(), int(time.time())
        mac = hmac.new(self._webhook.encode(), f"{moment}.".encode() + raw, "sha256").hexdigest()
        return Call(
            "/api/payments/webhook/mock", json=body, headers={"X-CC-Signature": f"t={moment},v1={mac}"}
        )

    def race(self, calls: Sequence[Call]) -> list[Answer]:
        """Release all calls at one moment, each on a connection of its own, by turns to both processes."""
        return asyncio.run(self._race(calls))

    async def _race(self, calls: Sequence[Call]) -> list[Answer]:
        gate, self.connections = asyncio.Event(), 0

        async def opened(*_: object) -> None:
            self.connections += 1

        watch = aiohttp.TraceConfig()
        watch.on_connection_create_end.append(opened)
        async with aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(30), trace_configs=[watch]
        ) as session:
            # The race is between requests, not between handshakes.
            await asyncio.gather(*(self._warm(session, place) for place in range(len(calls))))
            jobs = [
                asyncio.create_task(self._send(session, place, call, gate))
                for place, call in enumerate(calls)
            ]
            await asyncio.sleep(0)
            gate.set()
            return list(await asyncio.gather(*jobs))

    async def _warm(self, session: aiohttp.ClientSession, place: int) -> None:
        async with session.get(f"{self.urls[place % len(self.urls)]}/health"):
            pass

    async def _send(
        self, session: aiohttp.ClientSession, place: int, call: Call, gate: asyncio.Event
    ) -> Answer:
        headers = dict(call.headers)
        if call.player:
            headers["Authorization"] = f"Bearer {call.player.token}"
        if call.key:
            headers["Idempotency-Key"] = call.key
        data = None
        if call.json is not None:
            data = json.dumps(call.json).encode()
            headers["Content-Type"] = "application/json"
        await gate.wait()
        url = self.urls[place % len(self.urls)] + call.path
        async with session.request(call.method, url, data=data, headers=headers) as answer:
            replayed = answer.headers.get("Idempotent-Replayed") == "true"
            return Answer(call, answer.status, await answer.read(), replayed)

    # -- what must hold

    def prove(self) -> None:
        """Every invariant of the contract, and ledger = shop = outbox."""
        names = tuple(one.name for one in read_invariants(packaged_contract()) if one.name != _LATE)
        looked = check_data(self.profile, Wanted(names))
        broken = {
            one.name: one.samples or one.reason for one in looked.checks if one.verdict is not Verdict.HOLDS
        }
        assert broken == {}
        for what, query in _ONE_STORY.items():
            assert self.sql(query) == [], what

    def replays(self, answers: Sequence[Answer], most: int = 8) -> None:
        """What was answered under a key is answered again, byte for byte."""
        kept = [answer for answer in good(answers) if answer.call.key][:most]
        for before, after in zip(kept, self.race([answer.call for answer in kept]), strict=True):
            assert (after.status, after.body, after.replayed) == (before.status, before.body, True)


Prepare = Callable[[Arena], Any]


@dataclass(frozen=True)
class Race:
    """One path: how it is set up, what each caller does, and what the model says must come out.

    `calls(state, n)` gives n requests; `expect(state, n)` the exact outcomes; `after` proves what this path
    alone must keep. `retry(arena, state)` makes what a refused caller lacked; then the refused key must work.
    """

    name: str
    prepare: Prepare
    calls: Callable[[Arena, Any, int], list[Call]]
    expect: Callable[[Any, int], Mapping[str, int]] | None
    after: Callable[[Arena, Any, list[Answer]], None] = lambda arena, state, answers: None
    retry: Callable[[Arena, Any, Answer], None] | None = None
    refused: str = ""
    n: int = 120
