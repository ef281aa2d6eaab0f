"""Rounds of crash with a wanted crash point at a wanted moment, and a worker that may be killed."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import jwt
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ccops.backend.rules import exp_of, levels, paytables
from ccops.backend.services.crash_point import crash_x100, seconds_to
from tests.backends import free_port, secrets_of

TABLE = paytables().crash
_SETTLE = "SELECT cc_crash_settle(%s::jsonb, %s, %s, %s, %s, %s)"
TERMS = (TABLE.edge_bp, TABLE.max_x100, TABLE.growth_e6)
_REPLANT = """
UPDATE crash_rounds SET public_id = %s, seed_hash = %s, seed_enc = %s WHERE status = 'WAITING' RETURNING id
"""
_PLANT = """
INSERT INTO crash_rounds (public_id, seed_hash, seed_enc, edge_bp, max_x100, growth_e6, status)
VALUES (%s, %s, %s, %s, %s, %s, 'WAITING') ON CONFLICT DO NOTHING RETURNING id
"""
_SIGNUP = """
SELECT cc_signup(%s::jsonb, gen_random_uuid(), %s, %s, 'none', ''::bytea, NULL, '5858', 1000, %s, %s,
                 'c') AS id
"""
_CONTEXT = '{"trace_id": "00000000000000000000000000000001", "request_id": "crash-kit", "env": "dev"}'


@dataclass
class Player:
    """Somebody who bets."""

    id: int
    http: httpx.Client


@dataclass
class Worker:
    """A worker process with the one role."""

    process: subprocess.Popen[bytes]
    port: int

    def leads(self) -> bool:
        """Whether it holds the role's lock."""
        if self.process.poll() is not None:
            return False
        with contextlib.suppress(httpx.HTTPError):
            answer = httpx.get(f"http://127.0.0.1:{self.port}/health", timeout=1, trust_env=False)
            return bool(answer.json()["roles"]["crash"]["leads"])
        return False

    def kill(self) -> None:
        """Kill -9."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)


@dataclass
class Crash:
    """The one round there can be, seen from outside: planted, moved in time, finished."""

    server: Any
    folder: Path
    workers: list[Worker] = field(default_factory=list)

    def sql(self, query: str, *args: object) -> list[dict]:
        return self.server.sql(query, *args)

    def plant(self, at_least: int, at_most: int | None = None) -> tuple[UUID, int]:
        """Prepare a round that waits for a bet and crashes within the bounds; returns its id and point."""
        self.finish()
        while True:
            seed, round_id = secrets.token_bytes(32), uuid4()
            point = crash_x100(seed, round_id, edge_bp=TABLE.edge_bp, max_x100=TABLE.max_x100)
            if at_least <= point <= (at_most or point):
                break
        # A worker may have prepared the next round already: then that one gets our seed.
        values = (round_id, hashlib.sha256(seed).hexdigest(), self._sealed(seed.hex()))
        wait(lambda: self.sql(_REPLANT, *values) or self.sql(_PLANT, *values, *TERMS))
        return round_id, point

    def at(self, x100: float) -> None:
        """Move the running round in time: its multiplier is x100 now (below 100: betting goes on)."""
        self.sql(
            """UPDATE crash_rounds SET starts_at = clock_timestamp() - make_interval(secs => %s)
                WHERE status <> 'CRASHED'""",
            seconds_to(x100, TABLE.growth_e6),
        )

    def round(self, round_id: UUID) -> dict:
        return self.sql("SELECT * FROM crash_rounds WHERE public_id = %s", round_id)[0]

    def bets(self, round_id: UUID) -> list[dict]:
        return self.sql(
            """SELECT b.* FROM crash_bets b JOIN crash_rounds r ON r.id = b.round_id
                WHERE r.public_id = %s ORDER BY b.user_id""",
            round_id,
        )

    def seed(self, round_id: UUID) -> str:
        """Return the secret of a round as hex."""
        return self._opened(bytes(self.round(round_id)["seed_enc"]))

    def finish(self) -> None:
        """End whatever round was opened by a bet, as the worker would after its crash."""
        for row in self.sql("SELECT * FROM crash_rounds WHERE status IN ('BETTING', 'RUNNING')"):
            seed = self._opened(bytes(row["seed_enc"]))
            point = crash_x100(
                bytes.fromhex(seed), row["public_id"], edge_bp=row["edge_bp"], max_x100=row["max_x100"]
            )
            self.sql(
                """UPDATE crash_rounds SET status = 'CRASHED', seed = %s, crash_x100 = %s, ended_at = now(),
                          starts_at = least(starts_at, clock_timestamp() - make_interval(secs => %s))
                    WHERE id = %s""",
                seed, point, seconds_to(point + 1, row["growth_e6"]), row["id"],
            )  # fmt: skip
            exp, steps = exp_of("crash_round"), levels()
            for bet in self.sql("SELECT user_id FROM crash_bets WHERE round_id = %s", row["id"]):
                self.sql(_SETTLE, _CONTEXT, bet["user_id"], row["id"], point, exp, steps)

    def crowd(self, count: int) -> list[Player]:
        """Make players the quick way: straight into the database, with tokens signed here."""
        kid, key = secrets_of(self.server.load())["JWT_KEYS"].split(",")[0].split(":", 1)
        made = []
        for _ in range(count):
            name, seed = f"c{secrets.token_hex(6)}", secrets.token_bytes(32)
            sealed, seed_hash = self._sealed(seed.hex()), hashlib.sha256(seed).hexdigest()
            user = self.sql(_SIGNUP, _CONTEXT, name, name, sealed, seed_hash)[0]["id"]
            claims = {
                "sub": str(user),
                "rank": "STANDARD",
                "fam": name,
                "jti": name,
                "exp": time.time() + 900,
            }
            token = jwt.encode(claims, key, algorithm="HS256", headers={"kid": kid})
            client = httpx.Client(base_url=self.server.url, timeout=20, trust_env=False)
            client.headers["Authorization"] = f"Bearer {token}"
            made.append(Player(user, client))
        self.sql("UPDATE users SET age_verified_at = now() WHERE id = ANY(%s)", [one.id for one in made])
        return made

    def worker(self) -> Worker:
        """Start a worker that has only this role."""
        profile, port = self.server.load(), free_port()
        env = secrets_of(profile) | {
            "PATH": os.environ["PATH"],
            "APP_ENV": "dev",
            "DATABASE_URL": profile.get("CCOPS_DATABASE_URL"),
            "REDIS_URL": profile.get("CCOPS_REDIS_URL"),
            "WORKER_HTTP_PORT": str(port),
        }
        argv = [sys.executable, "-m", "ccops.backend.worker", "--roles", "crash"]
        with (self.folder / f"worker-{len(self.workers)}.log").open("wb") as log:
            self.workers.append(Worker(subprocess.Popen(argv, env=env, stdout=log, stderr=log), port))
        return self.workers[-1]

    def leader(self) -> Worker:
        """Return the worker that leads, once there is one."""
        wait(lambda: any(one.leads() for one in self.workers), show=self.logs)
        return next(one for one in self.workers if one.leads())

    def stop(self) -> None:
        for one in self.workers:
            one.process.send_signal(signal.SIGCONT)
            one.process.terminate()
        for one in self.workers:
            assert one.process.wait(15) in {0, -signal.SIGKILL}, self.logs()

    def logs(self) -> str:
        return "\n".join(path.read_text()[-2000:] for path in sorted(self.folder.glob("worker-*.log")))

    @property
    def _keys(self) -> dict[str, bytes]:
        pairs = secrets_of(self.server.load())["PII_KEYS"].split(",")
        return {kid: bytes.fromhex(key) for kid, key in (pair.split(":") for pair in pairs)}

    def _sealed(self, text: str) -> bytes:
        kid, key = next(iter(self._keys.items()))
        nonce = os.urandom(12)
        return kid.encode() + b":" + nonce + AESGCM(key).encrypt(nonce, text.encode(), kid.encode())

    def _opened(self, sealed: bytes) -> str:
        kid, _, rest = sealed.partition(b":")
        return AESGCM(self._keys[kid.decode()]).decrypt(rest[:12], rest[12:], kid).decode()


def wait(done: Callable[[], object], seconds: float = 15.0, show: Callable[[], str] = str) -> None:
    """Wait until `done` holds; fail with what `show` tells."""
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, show()
        time.sleep(0.02)


def bet(player: Any, amount: int = 10, auto: int | None = None, key: str = "") -> httpx.Response:
    """Bet as `player`."""
    headers = {"Idempotency-Key": key} if key else {}
    body = {"bet": amount} | ({"auto_x100": auto} if auto else {})
    return player.http.post("/api/games/crash/bet", json=body, headers=headers)


def cash_out(player: Any, key: str = "", **body: object) -> httpx.Response:
    """Leave as `player`."""
    headers = {"Idempotency-Key": key} if key else {}
    return player.http.post("/api/games/crash/cashout", json=body or None, headers=headers)
