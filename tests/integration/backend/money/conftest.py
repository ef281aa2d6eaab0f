"""Players and a server that a test may kill, on the backend of the parent folder."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psycopg
import pytest
from psycopg.rows import dict_row

from ccops.core.profile import Profile
from ccops.stack import engine

Row = dict[str, object]


@dataclass
class Server:
    """The session's backend, as something that can be asked, killed and restarted."""

    load: Callable[[], Profile]

    @property
    def url(self) -> str:
        return self.load().get("CCOPS_BACKEND_URL")

    @property
    def database(self) -> str:
        return self.load().get("CCOPS_DATABASE_URL")

    @property
    def webhook_secret(self) -> str:
        lines = (self.load().state_dir / "secrets.env").read_text(encoding="utf-8").splitlines()
        found = next(line for line in lines if line.startswith("WEBHOOK_SECRETS="))
        return found.partition("=")[2].split(",")[0]

    def restart(self, **settings: str) -> None:
        engine.restart(self.load(), "backend", settings)

    def kill(self) -> None:
        """Kill -9 the process, then wait until the supervisor has a new one ready."""
        pid = engine.pid_of(self.load(), "backend")
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        end = time.monotonic() + 20
        while time.monotonic() < end:
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"{self.url}/health/ready", timeout=2).status_code == 200:
                    return
            time.sleep(0.03)
        raise AssertionError("the backend did not come back")

    def sql(self, query: str, *args: object) -> list[Row]:
        with psycopg.connect(self.database, row_factory=dict_row, autocommit=True) as conn:
            cursor = conn.execute(query, args or None)  # type: ignore[arg-type]
            return cursor.fetchall() if cursor.description else []

    def metric(self, series: str) -> float:
        text = httpx.get(f"{self.url}/metrics").text
        return next(float(line.split()[-1]) for line in text.splitlines() if line.startswith(series + " "))


@dataclass
class Player:
    """A signed-up, logged-in, age-verified user with a client that knows its token."""

    id: int
    gold: int
    http: httpx.Client
    server: Server
    token: str = field(repr=False, default="")

    def buy(self, product: str, key: str, quantity: int = 1) -> httpx.Response:
        body = {"product_id": product, "quantity": quantity}
        return self.http.post("/api/shop/buy", json=body, headers={"Idempotency-Key": key})

    def ledger(self) -> list[Row]:
        return self.server.sql("SELECT * FROM gold_ledger WHERE user_id = %s ORDER BY seq", self.id)

    def balance(self) -> int:
        rows = self.server.sql("SELECT gold FROM wallets WHERE user_id = %s", self.id)
        return int(str(rows[0]["gold"]))


@pytest.fixture(scope="session")
def server(backend: object) -> Server:
    """The backend of the parent folder's fixture."""
    return Server(backend.load)  # type: ignore[attr-defined]


@pytest.fixture(scope="session")
def documented(server: Server) -> Callable[[httpx.Response], None]:
    """Fails when an answer is a 500 or carries an error code that its route does not document."""
    paths = httpx.get(f"{server.url}/openapi.json").json()["paths"]

    def operation(method: str, path: str) -> dict[str, object] | None:
        parts = path.split("/")
        for template, operations in paths.items():
            wanted = template.split("/")
            if len(wanted) == len(parts) and all(
                w == p or w.startswith("{") for w, p in zip(wanted, parts, strict=True)
            ):
                return operations.get(method.lower())
        return None

    def check(answer: httpx.Response) -> None:
        assert answer.status_code < 500, f"{answer.request.method} {answer.request.url} {answer.status_code}"
        described = operation(answer.request.method, answer.request.url.path)
        if answer.status_code < 400 or described is None:
            return
        answer.read()
        code = answer.json()["error"]["code"]
        responses = described["responses"]
        assert isinstance(responses, dict)
        codes = responses.get(str(answer.status_code), {}).get("x-codes", [])
        assert code in codes, f"{answer.request.method} {answer.request.url.path}: {code} is not documented"

    return check


@pytest.fixture(scope="session")
def new_player(
    server: Server, documented: Callable[[httpx.Response], None]
) -> Iterator[Callable[..., Player]]:
    clients: list[httpx.Client] = []

    def make(*, adult: bool = True) -> Player:
        limits = httpx.Limits(max_connections=40, max_keepalive_connections=40)
        client = httpx.Client(
            base_url=server.url, timeout=20, limits=limits, event_hooks={"response": [documented]}
        )
        clients.append(client)
        name, password = f"u{secrets.token_hex(6)}", secrets.token_urlsafe(16)
        form = {"invite_code": "5858", "site_id": name, "nickname": name, "password": password}
        user = client.post("/api/auth/signup", json=form | {"birth_date": "1990-05-17"}).json()["user"]
        login = client.post("/api/auth/login", json={"site_id": name, "password": password}).json()
        client.headers["Authorization"] = f"Bearer {login['access_token']}"
        if adult:
            assert client.post("/api/users/me/age-verification").status_code == 200
        return Player(user["id"], user["gold_balance"], client, server, login["access_token"])

    yield make
    for client in clients:
        client.close()


@pytest.fixture(scope="module")
def anyone(new_player: Callable[..., Player]) -> Player:
    """One player for all tests of a module that change nothing."""
    return new_player()


@pytest.fixture
def player(new_player: Callable[..., Player]) -> Player:
    return new_player()


@pytest.fixture(scope="module")
def admin(new_player: Callable[..., Player]) -> Player:
    """An administrator; the database is asked for the rank each time."""
    made = new_player()
    made.server.sql("UPDATE users SET rank = 'ADMIN' WHERE id = %s", made.id)
    return made


@pytest.fixture(scope="session")
def shelf(server: Server) -> None:
    """Products of every kind and fate."""
    server.sql(
        """INSERT INTO battle_pass_seasons (id, title) VALUES ('T1', 'test'), ('T2', 'test')
           ON CONFLICT DO NOTHING;
           INSERT INTO products
             (id, title, kind, price_gold, price_cents, gold_amount, min_rank, active, season) VALUES
             ('PENNY',       'p', 'item',        1,    NULL, 0,   'STANDARD', true,  NULL),
             ('VIP_ONLY',    'v', 'item',        1,    NULL, 0,   'VIP',      true,  NULL),
             ('VIP_PACK',    'v', 'gold_pack',   NULL, 100,  100, 'VIP',      true,  NULL),
             ('NO_LONGER',   'n', 'item',        1,    NULL, 0,   'STANDARD', false, NULL),
             ('PRICELESS',   'p', 'item',        9000000000000000000, NULL, 0, 'STANDARD', true, NULL),
             ('SEASON_PASS', 's', 'battle_pass', 500,  NULL, 0,   'STANDARD', true,  'T1'),
             ('PAID_PASS',   's', 'battle_pass', NULL, 900,  0,   'STANDARD', true,  'T2'),
             ('PAID_PASS_B', 's', 'battle_pass', NULL, 900,  50,  'STANDARD', true,  'T2'),
             ('PAID_ITEM',   'i', 'item',        NULL, 300,  0,   'STANDARD', true,  NULL)
           ON CONFLICT DO NOTHING"""
    )


@pytest.fixture
def pending(player: Player) -> Callable[..., str]:
    """Make purchases of a provider that nobody answers for; returns their receipts."""

    def make(receipt: str = "", *, who: Player = player, gold: int = 1_000) -> str:
        receipt = receipt or secrets.token_urlsafe(16)
        who.server.sql(
            """INSERT INTO shop_transactions (public_id, user_id, product_id, qty, kind, unit_price, status,
                 idempotency_key, provider, receipt, amount_cents, gold_amount, trace_id, request_id)
               VALUES (gen_random_uuid(), %s, 'GOLD_1000', 1, 'gold_pack', 999, 'PENDING', %s, 'manual', %s,
                       999, %s, %s, 'test')""",
            who.id,
            secrets.token_hex(8),
            receipt,
            gold,
            secrets.token_hex(16),
        )
        return receipt

    return make


@pytest.fixture(autouse=True, scope="module")
def _ledger_stays_whole(server: Server) -> Iterator[None]:
    """After every module the invariants of the contract hold; only a worker would empty the outbox."""
    yield
    script = Path(__file__).parents[4] / "ccops" / "backend" / "contract" / "invariants.sql"
    for text in script.read_text(encoding="utf-8").split("-- name: ")[1:]:
        name, _, query = text.partition("\n")
        if name != "outbox_leaves_within_60s":
            found = server.sql(query)
            assert found == [], f"{name}: {json.dumps(found, default=str)[:500]}"
