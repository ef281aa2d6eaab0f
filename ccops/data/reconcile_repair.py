"""Send lost events again the way they went the first time: un-mark their outbox rows for the relay.

ClickHouse tells a repeat by its event id, so that sending once too often changes no count; Kafka keeps the
repeat as a second record. What has no outbox row any more can't be sent again by this.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ccops.clients.clickhouse import open_clickhouse
from ccops.clients.postgres import open_postgres
from ccops.clients.target import target
from ccops.core.errors import Degraded, ExitCode, Refused
from ccops.core.profile import Profile
from ccops.data import reconcile_clickhouse, reconcile_postgres
from ccops.data.reconcile_model import Reconciled, Topic

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client
    from psycopg import AsyncConnection
    from psycopg.rows import DictRow

THING = "reconcile"
# The relay marks the same rows: whoever changes many takes them in the order of id, or the two deadlock.
_UNMARK = """
WITH held AS MATERIALIZED (
    SELECT id FROM outbox WHERE topic = %(topic)s AND event_id = ANY(%(ids)s::uuid[])
       AND kafka_acked_at IS NOT NULL ORDER BY id FOR NO KEY UPDATE
)
UPDATE outbox SET kafka_partition = NULL, kafka_offset = NULL, kafka_acked_at = NULL
 WHERE id = ANY(ARRAY(SELECT id FROM held))
"""
_POLL_S = 0.25


@dataclass(frozen=True, slots=True)
class Step:
    """What a repair does for one topic. `impossible` are lost, acknowledged nowhere and not in the outbox."""

    topic: Topic
    send_again: int
    waiting: int
    impossible: int

    def as_data(self) -> dict[str, object]:
        """Return the machine form."""
        return {
            "topic": self.topic.path.topic,
            "send_again": self.send_again,
            "waiting": self.waiting,
            "impossible": self.impossible,
            "more": self.topic.cut,
        }


@dataclass(frozen=True, slots=True)
class Repair:
    """The plan, and after `apply` how many rows were un-marked."""

    steps: tuple[Step, ...]
    applied: bool = False
    unmarked: int = 0

    @property
    def exit_code(self) -> ExitCode:
        """Return 0: a plan was printed, or the repair did what it promised."""
        return ExitCode.OK

    def as_data(self) -> dict[str, object]:
        """Return the machine form."""
        return {
            "applied": self.applied,
            "unmarked": self.unmarked,
            "steps": [step.as_data() for step in self.steps],
        }


def plan(found: Reconciled) -> Repair:
    """Return what would be sent again."""
    steps = []
    for topic in found.topics:
        tally, again = topic.tally, len(topic.repair)
        if tally.lost:
            rest = 0 if topic.cut else max(0, tally.lost - again - tally.pending)
            steps.append(Step(topic, again, tally.pending, rest))
    return Repair(tuple(steps))


def apply(profile: Profile, planned: Repair, *, confirm: str = "", wait_s: float = 60.0) -> Repair:
    """Un-mark the outbox rows of the plan and wait until their events are in Kafka and ClickHouse.

    Raises Refused on a protected profile without `confirm` = ENV:reconcile, Degraded when the rows were
    un-marked but their events are not everywhere after `wait_s`.
    """
    wanted = f"{profile.env}:{THING}"
    if profile.protected and confirm != wanted:
        raise Refused(
            "ENV_PROTECTED",
            f"{profile.env} is protected: --apply makes the relay send records again",
            evidence=f"--confirm was {confirm!r}" if confirm else "CCOPS_PROTECTED=1",
            next_step=f"ccops data reconcile --env {profile.env} --repair --apply --confirm {wanted}",
        )
    return asyncio.run(_apply(profile, planned, wait_s))


async def _apply(profile: Profile, planned: Repair, wait_s: float) -> Repair:
    until, unmarked = time.monotonic() + wait_s, 0
    steps = [step for step in planned.steps if step.send_again]
    async with (
        open_postgres(target(profile, "postgres"), read_only=False, statement_timeout=30) as postgres,
        open_clickhouse(target(profile, "clickhouse"), timeout=30) as clickhouse,
    ):
        for step in steps:
            unmarked += await _unmark(postgres, step.topic)
        for step in steps:
            if left := await _until_there(postgres, clickhouse, step.topic, until):
                raise Degraded(
                    "REPAIR_INCOMPLETE",
                    f"{unmarked} outbox rows were un-marked; {left} of {step.send_again} events of "
                    f"{step.topic.path.topic} are not everywhere after {wait_s:g} s",
                    evidence="the relay and the ingester send them when they can: nothing is lost by waiting",
                    next_step="ccops status, then ccops data reconcile",
                )
    return Repair(planned.steps, True, unmarked)


async def _unmark(connection: AsyncConnection[DictRow], topic: Topic) -> int:
    count = 0
    for chunk in reconcile_postgres.chunks(topic.repair):
        params = {"topic": topic.path.topic, "ids": [one.hex() for one in chunk]}
        count += (await connection.execute(_UNMARK, params)).rowcount
    return count


async def _until_there(
    postgres: AsyncConnection[DictRow], clickhouse: Client, topic: Topic, until: float
) -> int:
    """Return how many ids are missing when everything is there or time is up."""
    missing = set(topic.repair)
    while missing:
        sent = await reconcile_postgres.acked(postgres, missing)
        there = sent
        if topic.path.table and sent:
            there = await asyncio.to_thread(reconcile_clickhouse.known, clickhouse, topic.path.table, sent)
        missing -= there
        if not missing or time.monotonic() > until:
            break
        await asyncio.sleep(_POLL_S)
    return len(missing)
