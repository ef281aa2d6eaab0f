"""Events that a test writes to each system itself, in databases and a topic of its own."""

from __future__ import annotations

import itertools
import json
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import psycopg
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from ccops.backend.olap.tables import EVENTS
from ccops.clients.clickhouse import connect
from ccops.core.profile import Profile
from ccops.data.reconcile import Wanted, reconcile
from ccops.data.reconcile_model import Reconciled, Window
from tests.integration.data.conftest import Planted, pointed

TOPICS = "cc.actions.events.{env}: {types: [user_action], table: events, source: user_actions}\n"
_numbers = itertools.count(1)
_OUTBOX = """
INSERT INTO outbox (event_id, trace_id, request_id, user_id, type, topic, realtime, payload, created_at,
                    kafka_partition, kafka_offset, kafka_acked_at)
VALUES (%s, 't', 'r', 1, 'user_action', %s, false, %s, %s, %s, %s, %s)
"""
_ACTION = """
INSERT INTO user_actions (event_id, trace_id, user_id, action_type, context, created_at)
SELECT %s, 't', id, %s, '{}', %s FROM users WHERE site_id = 'planted'
"""


@dataclass(frozen=True, slots=True)
class Happened:
    """One event."""

    id: uuid.UUID
    at: datetime
    kind: str = "LOGIN"


class Three:
    """Three systems that hold what a test puts there."""

    def __init__(self, planted: Planted, contract: str, number: int) -> None:
        self.database = f"reconcile_{number}"
        whole = planted.profile
        olap = whole.get("CCOPS_CLICKHOUSE_URL")
        self.bootstrap = whole.get("CCOPS_KAFKA_BOOTSTRAP")
        self._olap = connect(olap)
        self._olap.command(f"CREATE DATABASE {self.database}")
        self._olap.command(EVENTS.ddl(self.database))
        mine = pointed(
            whole,
            CCOPS_CLICKHOUSE_URL=f"{olap.rpartition('/')[0]}/{self.database}",
            CCOPS_CONTRACT=contract,
        )
        self.profile: Profile = replace(mine, env=f"rec{number}x{uuid.uuid4().hex[:6]}")
        self.topic = f"cc.actions.events.{self.profile.env}"
        self._url = planted.url
        admin = AdminClient({"bootstrap.servers": self.bootstrap})
        for made in admin.create_topics([NewTopic(self.topic, 3, 1)]).values():
            made.result(10)

    def close(self) -> None:
        self._olap.command(f"DROP DATABASE {self.database}")
        self._olap.close()
        AdminClient({"bootstrap.servers": self.bootstrap}).delete_topics([self.topic])

    def events(
        self, count: int, *, at: str = "pkc", age_s: float = 60.0, kind: str = "LOGIN"
    ) -> list[Happened]:
        """Make events, and write each to the systems that `at` names (p, k, c; s: user_actions only)."""
        moment = datetime.now(UTC) - timedelta(seconds=age_s)
        made = [Happened(uuid.uuid4(), moment + timedelta(milliseconds=n), kind) for n in range(count)]
        for letter in at:
            {"p": self.postgres, "s": self.source, "k": self.kafka, "c": self.clickhouse}[letter](made)
        return made

    def postgres(self, events: Iterable[Happened], *, acked: bool = True) -> None:
        mark = (0, 10**9, datetime.now(UTC)) if acked else (None, None, None)
        rows = [(one.id, self.topic, json.dumps({"action_type": one.kind}), one.at, *mark) for one in events]
        with psycopg.connect(self._url, autocommit=True) as conn, conn.cursor() as cursor:
            cursor.executemany(_OUTBOX, rows)

    def source(self, events: Iterable[Happened]) -> None:
        with psycopg.connect(self._url, autocommit=True) as conn, conn.cursor() as cursor:
            cursor.executemany(_ACTION, [(one.id, one.kind, one.at) for one in events])

    def kafka(self, events: Iterable[Happened]) -> None:
        self.produce(
            json.dumps(
                {
                    "event_id": str(one.id),
                    "trace_id": "t",
                    "type": "user_action",
                    "user_id": 1,
                    "ts": one.at.isoformat(timespec="milliseconds"),
                    "data": {"action_type": one.kind},
                }
            ).encode()
            for one in events
        )

    def produce(self, values: Iterable[bytes]) -> None:
        producer = Producer({"bootstrap.servers": self.bootstrap, "linger.ms": 5})
        for value in values:
            producer.produce(self.topic, value, key=uuid.uuid4().bytes)
            producer.poll(0)
        assert producer.flush(10) == 0

    def clickhouse(self, events: Sequence[Happened], *, topic: str = "", user: int = 1) -> None:
        rows = [
            {
                "event_id": str(one.id),
                "day": one.at.date().isoformat(),
                "ts": one.at.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3],
                "user_id": user,
                "action_type": one.kind,
                "topic": topic or self.topic,
            }
            for one in events
        ]
        self._olap.raw_insert(
            f"{self.database}.events",
            column_names=list(rows[0]),
            insert_block="\n".join(map(json.dumps, rows)).encode(),
            fmt="JSONEachRow",
        )

    def look(
        self, *, by: str = "", max_loss: float = 0.0, settle_s: float = 10.0, last_s: float = 3600
    ) -> Reconciled:
        now = datetime.now(UTC)
        window = Window(now - timedelta(seconds=last_s), now, settle_s)
        return reconcile(self.profile, Wanted(window, max_loss, by))


@contextmanager
def three(planted: Planted, contract: str) -> Iterator[Three]:
    """Three systems of their own."""
    made = Three(planted, contract, next(_numbers))
    try:
        yield made
    finally:
        made.close()
