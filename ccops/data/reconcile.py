"""Compare PostgreSQL, Kafka and ClickHouse over a window: counts and id sets, topic by topic.

PostgreSQL is asked first, then Kafka, then ClickHouse: the way an event goes, so that one that happens
meanwhile is never taken for lost. What looks wrong is looked up a second time. It only reads.
"""

from __future__ import annotations

import asyncio
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from ccops.clients.clickhouse import open_clickhouse
from ccops.clients.guard import password_of
from ccops.clients.kafka import open_consumer
from ccops.clients.postgres import open_postgres
from ccops.clients.target import target
from ccops.core.bundle import contract_folder
from ccops.core.errors import UsageError
from ccops.core.profile import Profile
from ccops.data import reconcile_clickhouse, reconcile_postgres
from ccops.data.reconcile_compare import Comparison, Missing, Sides
from ccops.data.reconcile_ids import Ids, Kinds, State
from ccops.data.reconcile_kafka import Broker
from ccops.data.reconcile_model import Reconciled, Route, Topic, Window, chosen, read_paths, to_ms

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client
    from psycopg import AsyncConnection
    from psycopg.rows import DictRow

_OUTBOX_KEEPS = timedelta(hours=24)
_WORD = re.compile(r"[a-z][a-z0-9_]{0,62}")
SECRET_KEYS = ("CCOPS_DATABASE_URL", "CCOPS_CLICKHOUSE_URL")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the caller asked for. `by` is a word of the events' data or `type`; `timeout_s` bounds a query."""

    window: Window
    max_loss: float = 0.0
    by: str = ""
    topics: tuple[str, ...] = ()
    timeout_s: float = 120.0


@dataclass(frozen=True, slots=True)
class _Open:
    """The three systems, open."""

    postgres: AsyncConnection[DictRow]
    broker: Broker
    clickhouse: Client
    wanted: Wanted


def reconcile(profile: Profile, wanted: Wanted) -> Reconciled:
    """Return what the window's events look like on every system.

    Raises UsageError for a bad word or contract, Unreachable when a system does not answer: without all three
    there is no verdict.
    """
    paths = paths_of(profile, wanted)
    secrets = tuple(password_of(profile.get(key)) for key in SECRET_KEYS)
    topics = asyncio.run(_all(profile, paths, wanted))
    return Reconciled(wanted.window, wanted.max_loss, tuple(topics), wanted.by, secrets)


def paths_of(profile: Profile, wanted: Wanted) -> list[Route]:
    """Return the topics that `wanted` names. Raises UsageError for one that the contract has not."""
    if wanted.by and not _WORD.fullmatch(wanted.by):
        raise UsageError("BREAKDOWN_INVALID", f"--by {wanted.by!r} is no word", next_step="--by action_type")
    paths = read_paths(contract_folder(profile), profile.env)
    try:
        return chosen(paths, wanted.topics)
    except ValueError as error:
        raise UsageError(
            "TOPIC_UNKNOWN",
            f"no topic of the contract holds {error}",
            evidence=f"there are: {', '.join(path.topic for path in paths)}",
            next_step="ccops data reconcile --topic actions.events",
        ) from None


async def _all(profile: Profile, paths: list[Route], wanted: Wanted) -> list[Topic]:
    bootstrap, urls = target(profile, "kafka"), [target(profile, name) for name in ("postgres", "clickhouse")]
    with open_consumer(bootstrap) as consumer, tempfile.TemporaryDirectory(prefix="ccops-") as folder:
        broker = await asyncio.to_thread(Broker, consumer, bootstrap)
        async with (
            open_postgres(urls[0], statement_timeout=wanted.timeout_s) as postgres,
            open_clickhouse(urls[1], timeout=wanted.timeout_s) as clickhouse,
        ):
            systems = _Open(postgres, broker, clickhouse, wanted)
            return [await _one(systems, path, Path(folder)) for path in paths]


async def _one(systems: _Open, path: Route, folder: Path) -> Topic:
    topic, kinds, wanted = Topic(path), Kinds(), systems.wanted
    with _sides(folder, bool(path.table)) as sides:
        now = datetime.now(UTC)
        await _read(systems, topic, sides, kinds)
        comparison = Comparison(
            topic,
            kinds,
            fresh_ms=to_ms(now - timedelta(seconds=wanted.window.settle_s)),
            kept_ms=to_ms(datetime.now(UTC) - _OUTBOX_KEEPS),
            edges=(wanted.window.since_ms, wanted.window.until_ms),
        )
        comparison.run(sides)
    await _look_again(systems, comparison)
    return topic


@contextmanager
def _sides(folder: Path, with_table: bool) -> Iterator[Sides]:
    sides = Sides(
        Ids(folder, "postgres"), Ids(folder, "kafka"), Ids(folder, "clickhouse") if with_table else None
    )
    try:
        yield sides
    finally:
        for ids in (sides.postgres, sides.kafka, sides.clickhouse):
            if ids is not None:
                ids.forget()


async def _read(systems: _Open, topic: Topic, sides: Sides, kinds: Kinds) -> None:
    path, wanted, broker = topic.path, systems.wanted, systems.broker
    lows = {part: low for part, (low, _) in (await asyncio.to_thread(broker.bounds, path.topic)).items()}
    async with systems.postgres.transaction():
        await reconcile_postgres.read_postgres(
            systems.postgres, path, wanted.window, sides.postgres, kinds, by=wanted.by, lows=lows
        )
    if not broker.has(path.topic):
        topic.notes.append(f"the broker has no topic {path.topic}")

    def unreadable(place: str) -> None:
        topic.tally.unreadable += 1
        topic.samples.setdefault("unreadable", [])
        if len(topic.samples["unreadable"]) < 5:
            topic.samples["unreadable"].append(place)

    await asyncio.to_thread(broker.read, path.topic, wanted.window, sides.kafka, kinds, wanted.by, unreadable)
    if sides.clickhouse is None:
        topic.notes.append("no ClickHouse table: compared with Kafka only")
        return
    columns = await asyncio.to_thread(reconcile_clickhouse.columns, systems.clickhouse, path.table)
    if not columns:
        topic.notes.append(f"ClickHouse has no table {path.table}")
        return
    by = wanted.by if wanted.by in columns else ""
    await asyncio.to_thread(
        reconcile_clickhouse.read_clickhouse,
        systems.clickhouse, path.topic, path.table, wanted.window, sides.clickhouse, kinds, by,
    )  # fmt: skip


async def _look_again(systems: _Open, comparison: Comparison) -> None:
    doubts, path = comparison.doubts, comparison.topic.path
    await _missing_again(systems, comparison, doubts.missing)
    for side, found in (("kafka", doubts.foreign_kafka), ("clickhouse", doubts.foreign_clickhouse)):
        ours = await reconcile_postgres.known(systems.postgres, path, found) if found else set()
        for ident, ms in found.items():
            if ident not in ours:
                comparison.stranger(ident, ms, side)


async def _missing_again(systems: _Open, comparison: Comparison, missing: dict[bytes, Missing]) -> None:
    path = comparison.topic.path
    no_row = [ident for ident, one in missing.items() if one.row]
    waiting = [ident for ident, one in missing.items() if one.record and one.entry.state == State.PENDING]
    rows = await asyncio.to_thread(_rows, systems.clickhouse, path.table, no_row) if no_row else set()
    sent = await reconcile_postgres.acked(systems.postgres, waiting) if waiting else set()
    for ident, one in missing.items():
        comparison.resolve(one, record=ident in sent, row=ident in rows)


def _rows(client: Client, table: str, idents: list[bytes]) -> set[bytes]:
    """Return which ids the table has now; a table that is not there has none."""
    there = reconcile_clickhouse.columns(client, table)
    return reconcile_clickhouse.known(client, table, idents) if there else set()
