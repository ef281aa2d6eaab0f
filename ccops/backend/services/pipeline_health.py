"""Do the broker, ClickHouse and the ingester between them work? Every question has a time limit.

The ingester says once a second how it is doing (`olap:status`); a worker that is gone falls silent within
the key's time to live. So no Kafka client lives here, only the protocol's first question.
"""

from __future__ import annotations

import asyncio
import struct
import time
from collections.abc import Mapping
from typing import cast

import orjson
from redis.exceptions import RedisError

from ccops.backend.core.config import settings
from ccops.backend.olap import query
from ccops.backend.olap.clickhouse_client import StoreDown
from ccops.backend.schemas.pipeline import GroupHealth, IngesterState, KafkaHealth, OlapHealth, TableHealth
from ccops.backend.services.loops import forever
from ccops.backend.utils.redis import OLAP_STATUS, redis

_WITHIN_S = 2.0
_LATE_S = 3.0
_LOOK_EVERY_S = 2.0
# ApiVersions, version 0: key 18, no client id. Every broker answers it, before any login.
_API_VERSIONS = struct.pack(">ihhih", 10, 18, 0, 1, -1)
_OK = "ok"


async def kafka() -> KafkaHealth:
    """Return whether a broker answers and every group of the ingester holds partitions."""
    broker, (ingester, said) = await asyncio.gather(_broker(), _said())
    groups = [_group(name, entry) for name, entry in said.items()]
    good = broker == _OK and ingester == _OK and all(group.assigned for group in groups)
    return KafkaHealth(
        status="ok" if good else "unavailable", broker=broker, ingester=ingester, groups=groups
    )


async def olap() -> OlapHealth:
    """Return whether ClickHouse answers and the ingester works, and how far each table is behind."""
    clickhouse, (ingester, said) = await asyncio.gather(_clickhouse(), _said())
    tables = [table for entry in said.values() for table in _tables(entry)]
    good = clickhouse == _OK and ingester == _OK
    return OlapHealth(
        status="ok" if good else "unavailable", clickhouse=clickhouse, ingester=ingester, tables=tables
    )


class LastSeen:
    """The parts of the pipeline as they were a moment ago: who asks for readiness waits for none of them."""

    def __init__(self) -> None:
        self.parts = dict.fromkeys(("kafka", "clickhouse", "ingester"), "unknown")

    async def run(self) -> None:
        """Look every few seconds, until cancelled."""
        await forever("pipeline", self._look, every_s=_LOOK_EVERY_S)

    async def _look(self) -> None:
        broker, clickhouse, (ingester, _) = await asyncio.gather(_broker(), _pinged(), _said())
        self.parts = {"kafka": broker, "clickhouse": clickhouse, "ingester": ingester}


last_seen = LastSeen()


async def _broker() -> str:
    """Return ok when any of the configured brokers answers, else what one of them did instead."""
    places = [place.strip() for place in settings.kafka_bootstrap.split(",")]
    answers = await asyncio.gather(*(_broker_at(place) for place in places))
    return _OK if _OK in answers else answers[0]


async def _broker_at(place: str) -> str:
    host, _, port = place.rpartition(":")
    try:
        async with asyncio.timeout(_WITHIN_S):
            await _ask_broker(host, int(port))
    except (OSError, TimeoutError, ValueError, asyncio.IncompleteReadError) as error:
        return type(error).__name__
    return _OK


async def _ask_broker(host: str, port: int) -> None:
    reader, writer = await asyncio.open_connection(host.strip("[]"), port)
    try:
        writer.write(_API_VERSIONS)
        _, correlation, error = struct.unpack(">iih", await reader.readexactly(10))
        if correlation != 1 or error:
            raise ValueError("this is no Kafka broker")
    finally:
        writer.close()


async def _clickhouse() -> str:
    try:
        await query.rows("SELECT 1", within_s=_WITHIN_S)
    except StoreDown as error:
        return str(error)[:100]
    return _OK


async def _pinged() -> str:
    try:
        await query.ping(within_s=_WITHIN_S)
    except StoreDown as error:
        return str(error)[:100]
    return _OK


async def _said() -> tuple[IngesterState, Mapping[str, Mapping[str, object]]]:
    """Return whether the ingester spoke lately, and what it said of each group."""
    try:
        async with asyncio.timeout(_WITHIN_S):
            text = await redis.get(OLAP_STATUS.pattern)
    except (RedisError, OSError, TimeoutError):
        return "unknown", {}
    said = orjson.loads(text) if text else {}
    groups = cast(Mapping[str, Mapping[str, object]], said.get("groups", {}))
    return ("ok" if time.time() - said.get("at", 0) < _LATE_S else "silent"), groups


def _group(name: str, entry: Mapping[str, object]) -> GroupHealth:
    return GroupHealth(
        group=name,
        topics=cast(list[str], entry["topics"]),
        assigned=cast(int, entry["assigned"]),
        last_message_age_s=_age(entry["last_message_at"]),
    )


def _tables(entry: Mapping[str, object]) -> list[TableHealth]:
    return [
        TableHealth(
            table=name,
            lag_s=cast(float, entry["lag_s"]),
            last_insert_age_s=_age(entry["last_insert_at"]),
        )
        for name in cast(list[str], entry["tables"])
    ]


def _age(moment: object) -> float | None:
    """Return the seconds since a moment; None for one that never came."""
    return round(max(0.0, time.time() - cast(float, moment)), 3) if moment else None
