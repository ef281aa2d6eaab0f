"""Rounds of crash with a wanted crash point at a wanted moment, and a worker that may be killed."""

from __future__ import annotations

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
from uuid import UUID, uuid4

import httpx
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ccops.backend.rules import exp_of, levels, paytables
from ccops.backend.services.crash_point import crash_x100, seconds_to
from tests.backends import free_port, secrets_of

TABLE = paytables().crash
_SETTLE = "SELECT cc_crash_settle(%s::jsonb, %s, %s, %s, %s, %s)"
_CONTEXT = '{"trace_id": "00000000000000000000000000000001", "request_id": "crash-kit", "env": "dev"}'


@dataclass
class Crash:
    """The one round there can be, seen from outside: planted, moved in time, finished."""

    server: object
    folder: Path
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def sql(self, query: str, *args: object) -> list[dict]:
        return self.server.sql(query, *args)  # type: ignore[attr-defined]

    def plant(self, at_least: int, at_most: int | None = None) -> tuple[UUID, int]:
        """Prepare a round that waits for a bet and crashes within the bounds; returns its id and point."""
        self.finish()
        while True:
            seed, round_id = secrets.token_bytes(32), uuid4()
            point = crash_x100(seed, round_id, edge_bp=TABLE.edge_bp, max_x100=TABLE.max_x100)
            if at_least <= point <= (at_most or point):
                break
        self.sql(
            """INSERT INTO crash_rounds (public_id, seed_hash, seed_enc, edge_bp, max_x100, growth_e6, status)
               VALUES (%s, %s, %s, %s, %s, %s, 'WAITING')""",
            round_id, hashlib.sha256(seed).hexdigest(), self._sealed(seed.hex()), TABLE.edge_bp,
            TABLE.max_x100, TABLE.growth_e6,
        )  # fmt: skip
        return round_id, point

    def at(self, x100: float) -> None:
        """Move the running round in time: its multiplier is x100 now (below 100: betting goes on)."""
        self.sql(
            """UPDATE crash_rounds SET starts_at = clock_timestamp() - make_interval(secs => %s)
                WHERE status <> 'CRASHED'""",
            seconds_to(x100, TABLE.growth_e6),  # type: ignore[arg-type]
        )

    def round(self, round_id: UUID) -> dict:
        return self.sql("SELECT * FROM crash_rounds WHERE public_id = %s", round_id)[0]

    def bets(self, round_id: UUID) -> list[dict]:
        return self.sql(
            """SELECT b.* FROM crash_bets b JOIN crash_rounds r ON r.id = b.round_id
                WHERE r.public_id = %s ORDER BY b.user_id""",
            round_id,
        )

    def finish(self) -> None:
        """End whatever round is open, as the worker would after its crash."""
        for row in self.sql("SELECT * FROM crash_rounds WHERE status <> 'CRASHED'"):
            seed = self._opened(bytes(row["seed_enc"]))
            point = crash_x100(
                bytes.fromhex(seed), row["public_id"], edge_bp=row["edge_bp"], max_x100=row["max_x100"]
            )
            self.sql(
                """UPDATE crash_rounds SET status = 'CRASHED', seed = %s, crash_x100 = %s, ended_at = now(),
                          starts_at = now() - interval '1 day' WHERE id = %s""",
                seed, point, row["id"],
            )  # fmt: skip
            exp, steps = exp_of("crash_round"), levels()
            for bet in self.sql("SELECT user_id FROM crash_bets WHERE round_id = %s", row["id"]):
                self.sql(_SETTLE, _CONTEXT, bet["user_id"], row["id"], point, exp, steps)

    def worker(self) -> subprocess.Popen[bytes]:
        """Start a worker that has only this role."""
        profile = self.server.load()  # type: ignore[attr-defined]
        env = secrets_of(profile) | {
            "PATH": os.environ["PATH"],
            "APP_ENV": "dev",
            "DATABASE_URL": profile.get("CCOPS_DATABASE_URL"),
            "REDIS_URL": profile.get("CCOPS_REDIS_URL"),
            "WORKER_HTTP_PORT": str(free_port()),
        }
        argv = [sys.executable, "-m", "ccops.backend.worker", "--roles", "crash"]
        with (self.folder / f"worker-{len(self.workers)}.log").open("wb") as log:
            process = subprocess.Popen(argv, env=env, stdout=log, stderr=subprocess.STDOUT)
        process.port = env["WORKER_HTTP_PORT"]  # type: ignore[attr-defined]
        self.workers.append(process)
        return process

    def stop(self) -> None:
        for process in self.workers:
            if process.poll() is None:
                process.terminate()
        for process in self.workers:
            assert process.wait(15) in {0, -signal.SIGKILL}, self.logs()

    def logs(self) -> str:
        return "\n".join(path.read_text()[-2000:] for path in sorted(self.folder.glob("worker-*.log")))

    @property
    def _keys(self) -> dict[str, bytes]:
        pairs = secrets_of(self.server.load())["PII_KEYS"].split(",")  # type: ignore[attr-defined]
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


def bet(player: object, amount: int = 10, auto: int | None = None, key: str = "") -> httpx.Response:
    """Bet as `player`."""
    headers = {"Idempotency-Key": key} if key else {}
    body = {"bet": amount} | ({"auto_x100": auto} if auto else {})
    return player.http.post("/api/games/crash/bet", json=body, headers=headers)  # type: ignore[attr-defined]


def cash_out(player: object, key: str = "", **body: object) -> httpx.Response:
    """Leave as `player`."""
    headers = {"Idempotency-Key": key} if key else {}
    return player.http.post(  # type: ignore[attr-defined]
        "/api/games/crash/cashout", json=body or None, headers=headers
    )
