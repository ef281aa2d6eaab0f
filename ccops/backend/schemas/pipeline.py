"""Health of the event pipeline, and figures of the whole service."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

Status = Literal["ok", "unavailable"]
# silent: its last word is too old, or there never was one; unknown: the store that keeps it is away.
IngesterState = Literal["ok", "silent", "unknown"]


class GroupHealth(BaseModel):
    """One consumer group of the ingester."""

    group: str = Field(examples=["cc.actions.clickhouse.dev"])
    topics: list[str]
    assigned: int = Field(description="Partitions that its consumer holds; 0 = none reads them")
    last_message_age_s: float | None = Field(description="None = no record since the ingester started")


class KafkaHealth(BaseModel):
    """The broker and who reads from it."""

    status: Status
    broker: str = Field(description="ok, or what came instead of an answer")
    ingester: IngesterState
    groups: list[GroupHealth]


class TableHealth(BaseModel):
    """How far one ClickHouse table is behind."""

    table: str = Field(examples=["events"])
    lag_s: float = Field(description="Age of the oldest event that is not in ClickHouse yet")
    last_insert_age_s: float | None = Field(description="None = no insert since the ingester started")


class OlapHealth(BaseModel):
    """ClickHouse and how far its tables are behind."""

    status: Status
    clickhouse: str = Field(description="ok, or what came instead of an answer")
    ingester: IngesterState
    tables: list[TableHealth]


class Readiness(BaseModel):
    """Whether this process can serve, and what it serves without."""

    status: Literal["ok", "degraded", "unavailable"] = Field(
        description="degraded = it serves, but events wait: some part of the pipeline is away"
    )
    stores: dict[str, str] = Field(
        description="postgres, redis: ok, or what came instead of an answer; without either nothing works"
    )
    pipeline: dict[str, str] = Field(
        description="kafka, clickhouse, ingester as last seen, some seconds ago; unknown = not seen yet"
    )
    degraded: list[str] = Field(description="The parts of the pipeline that are not ok")


class Recent(BaseModel):
    """Figures of the last minutes, counted in ClickHouse by event id."""

    active_users_5m: int = Field(description="Users who did anything in the last five minutes")
    actions_1h: int
    rounds_1h: int
    purchases_1h: int = Field(description="Purchases that succeeded in the last hour")


class GlobalMetrics(BaseModel):
    """Figures of the whole service, at most two seconds old."""

    at: datetime
    users: int
    rounds: int = Field(description="Rounds played, all time")
    wagered: int
    paid: int
    purchases: int = Field(description="Purchases that succeeded, all time")
    purchases_pending: int
    recent: Recent | None = Field(description="None = ClickHouse does not answer")
