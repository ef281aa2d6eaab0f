"""What was done to offsets, by whom and why: a file always, a table when PostgreSQL is there."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ccops.core.clock import iso
from ccops.core.errors import Unreachable
from ccops.core.profile import Profile
from ccops.kafka.files import append_durably
from ccops.kafka.model import Place
from ccops.kafka.snapshot import Who

TABLE = "consumer_offsets"
UNKNOWN = "unknown"
_INSERT = (
    "INSERT INTO consumer_offsets"
    " (run_id, consumer_group, topic, partition, before_offset, target_offset, after_offset,"
    "  outcome, actor, reason, at)"
    " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
    " ON CONFLICT (run_id, consumer_group, topic, partition) DO NOTHING"
)


@dataclass(frozen=True, slots=True)
class Moved:
    """One partition: where it stood, where it should go, and where it was read back (None: no commit)."""

    place: Place
    before: int | None
    target: int | None
    after: int | None


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the audit log. `event` is started or finished; `outcome` is for the latter."""

    event: str
    action: str
    who: Who
    env: str
    cluster: str
    group: str
    at: datetime
    outcome: str = ""
    detail: str = ""
    snapshot: str = ""
    silence: str = ""
    lag_before: int | None = None
    lag_after: int | None = None
    moved: Sequence[Moved] = ()


def record(path: Path, entry: Entry) -> None:
    """Append `entry` to the log at `path` and sync it. Raises Refused when it can't be written."""
    line: dict[str, object] = {
        "schema": "ccops.kafka.audit/v1",
        "at": iso(entry.at),
        "event": entry.event,
        "action": entry.action,
        "run_id": entry.who.run_id,
        "actor": entry.who.actor,
        "reason": entry.who.reason,
        "env": entry.env,
        "cluster": entry.cluster,
        "group": entry.group,
    }
    optional: dict[str, object] = {
        "outcome": entry.outcome,
        "detail": entry.detail,
        "snapshot": entry.snapshot,
        "silence": entry.silence,
    }
    line |= {key: value for key, value in optional.items() if value}
    if entry.lag_before is not None:
        line["lag_before"] = entry.lag_before
    if entry.lag_after is not None:
        line["lag_after"] = entry.lag_after
    if entry.moved:
        line["offsets"] = [[*one.place, one.before, one.target, one.after] for one in entry.moved]
    append_durably(path, line)


def has_ended(path: Path, run_id: str) -> bool:
    """Return whether the log at `path` holds the end of a run; an unknown one is none, nor a torn line."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return any(run_id in line and _ends(line, run_id) for line in file)
    except FileNotFoundError:
        return False


def _ends(line: str, run_id: str) -> bool:
    try:
        data = json.loads(line)
    except ValueError:
        return False
    if not isinstance(data, dict) or data.get("outcome") == UNKNOWN:
        return False
    return (data.get("run_id"), data.get("event")) == (run_id, "finished")


def record_table(profile: Profile, entry: Entry) -> str:
    """Write `entry` to the table when PostgreSQL is there; return why not, empty when it was written.

    The file is the log; the table is for those who look with SQL, so it never makes a reset fail.
    """
    import asyncio

    url = profile.get("CCOPS_DATABASE_URL")
    if not url:
        return "the profile has no CCOPS_DATABASE_URL"
    if not entry.moved:
        return ""
    try:
        return asyncio.run(_insert(url, entry))
    except Unreachable as error:
        return f"{error.message}: {error.evidence}"
    except Exception as error:  # noqa: BLE001 - as with an address that is none; its text may hold the password
        return f"{type(error).__name__}: is CCOPS_DATABASE_URL the address of a PostgreSQL?"


async def _insert(url: str, entry: Entry) -> str:
    import psycopg

    from ccops.clients.postgres import open_postgres

    rows = [
        (
            entry.who.run_id,
            entry.group,
            *one.place,
            one.before,
            one.target,
            one.after,
            entry.outcome,
            entry.who.actor,
            entry.who.reason,
            entry.at,
        )
        for one in entry.moved
    ]
    try:
        async with open_postgres(url, read_only=False) as connection, connection.cursor() as cursor:
            await cursor.executemany(_INSERT, rows)
    except psycopg.errors.UndefinedTable:
        return f"the database has no table {TABLE}: its schema is older than 0005"
    except psycopg.DatabaseError as error:
        if error.sqlstate is None:  # not the server's own words
            raise
        return f"{type(error).__name__}: {str(error).splitlines()[0][:200]}"
    return ""
