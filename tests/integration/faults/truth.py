"""What must be true after any fault, read by clients of our own."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path

import clickhouse_connect
import psycopg

ROOT = Path(__file__).resolve().parents[3]
# ClickHouse table -> the outbox rows that must be in it
STEMS = {
    "events": "cc.actions.events.%",
    "ledger": "cc.economy.ledger.%",
    "game_rounds": "cc.games.rounds.%",
    "purchases": "cc.shop.transactions.%",
}


def until(check: Callable[[], str], timeout_s: float) -> float:
    """Repeat `check` until it finds nothing wrong; return its seconds, fail with its last word."""
    started = time.monotonic()
    while wrong := check():
        assert time.monotonic() - started < timeout_s, wrong
        time.sleep(0.2)
    return time.monotonic() - started


def differing_ids(postgres: str, clickhouse: str) -> str:
    """Return what differs between the id sets of both systems, or an empty string."""
    try:
        with psycopg.connect(postgres, connect_timeout=2) as conn:
            wanted = {
                table: {
                    str(row[0])
                    for row in conn.execute("SELECT event_id FROM outbox WHERE topic LIKE %s", (stem,))
                }
                for table, stem in STEMS.items()
            }
            actions = {str(row[0]) for row in conn.execute("SELECT event_id FROM user_actions")}
        client = clickhouse_connect.get_client(dsn=clickhouse)
        try:
            found = {
                table: {
                    str(row[0]) for row in client.query(f"SELECT DISTINCT event_id FROM {table}").result_rows
                }
                for table in STEMS
            }
        finally:
            client.close()
    except Exception as error:  # noqa: BLE001 - the system is coming back; the caller decides how long
        return f"could not look: {type(error).__name__}: {error}"
    if actions != wanted["events"]:
        return f"user_actions and outbox differ by {len(actions ^ wanted['events'])}"
    return "; ".join(
        f"{table}: {len(wanted[table] - found[table])} missing, {len(found[table] - wanted[table])} surplus"
        for table in STEMS
        if wanted[table] != found[table]
    )


def doubled_rows(clickhouse: str) -> dict[str, int]:
    """Return the surplus rows a table shows after deduplication (FINAL); must be 0 everywhere."""
    client = clickhouse_connect.get_client(dsn=clickhouse)
    try:
        query = "SELECT count() - uniqExact(event_id) FROM {} FINAL"
        return {table: int(client.query(query.format(table)).result_rows[0][0]) for table in STEMS}
    finally:
        client.close()


def purchases_without_one_ledger_row(postgres: str, transactions: Iterable[str]) -> str:
    """Return the acknowledged purchases whose ledger rows are not exactly one."""
    wanted = list(transactions)
    with psycopg.connect(postgres) as conn:
        rows = conn.execute(
            "SELECT t.public_id, t.status, count(l.id) FROM shop_transactions t"
            " LEFT JOIN gold_ledger l ON l.ref_type = 'shop_tx' AND l.ref_id = t.public_id::text"
            " WHERE t.public_id = ANY(%s::uuid[]) GROUP BY 1, 2",
            (wanted,),
        ).fetchall()
    wrong = [f"{tx} {status} has {count}" for tx, status, count in rows if count != 1 or status != "SUCCESS"]
    if len(rows) != len(wanted):
        wrong.append(f"{len(wanted) - len(rows)} acknowledged purchases are unknown to PostgreSQL")
    return "; ".join(wrong[:5])


def broken_invariants(postgres: str) -> list[str]:
    """Run every query of the contract's invariants.sql; return those that found offending rows."""
    text = (ROOT / "ccops" / "backend" / "contract" / "invariants.sql").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("--")]
    statements = [part.strip() for part in "\n".join(lines).split(";") if part.strip()]
    assert len(statements) >= 5
    broken = []
    with psycopg.connect(postgres) as conn:
        for statement in statements:
            rows = conn.execute(statement.encode()).fetchmany(3)
            if rows:
                broken.append(f"{statement[:120]!r}: {rows}")
    return broken
