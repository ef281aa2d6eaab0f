"""Where a group stood before it was moved: on disk and synced before the first write."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ccops.core.clock import iso
from ccops.core.errors import Refused, UsageError
from ccops.kafka.files import write_durably
from ccops.kafka.model import Cluster, Committed, Observed, Place
from ccops.kafka.planfile import read_object

SCHEMA = "ccops.kafka.snapshot/v1"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A group's offsets. `committed` lacks partitions that had no commit; `absent` names them."""

    path: Path
    env: str
    group: str
    cluster: str
    run_id: str
    taken_at: str
    group_existed: bool
    topics: Mapping[str, tuple[str, int]]
    committed: Mapping[Place, Committed]
    absent: tuple[Place, ...]
    latest: Mapping[Place, int]
    targets: Mapping[Place, int]

    @property
    def places(self) -> tuple[Place, ...]:
        """Return every partition of the snapshot."""
        return tuple(sorted(self.latest))


@dataclass(frozen=True, slots=True)
class Who:
    """Who does what, and why; for snapshots, silences and the audit log."""

    run_id: str
    actor: str
    reason: str


def take(
    path: Path, observed: Observed, env: str, who: Who, now: datetime, targets: Mapping[Place, int | None]
) -> Path:
    """Write what `observed` shows to `path` and return it. Raises Refused when it can't be written."""
    group = observed.group
    body: dict[str, object] = {
        "schema": SCHEMA,
        "env": env,
        "cluster": observed.cluster.identity,
        "bootstrap": observed.cluster.bootstrap,
        "group": group.name,
        "state": group.state,
        "group_existed": group.exists,
        "run_id": who.run_id,
        "actor": who.actor,
        "reason": who.reason,
        "taken_at": iso(now),
        "topics": {
            name: {"id": one.ident, "partitions": one.partitions} for name, one in observed.topics.items()
        },
        "partitions": [_row(observed, place, targets.get(place)) for place in observed.places],
    }
    write_durably(path, json.dumps(body, indent=1))
    return path


def _row(observed: Observed, place: Place, target: int | None) -> dict[str, object]:
    commit, ends = observed.committed.get(place), observed.ends[place]
    lag = None if commit is None else max(ends.latest - commit.offset, 0)
    return {
        "topic": place[0],
        "partition": place[1],
        "committed": commit.offset if commit else None,
        "metadata": commit.metadata if commit else "",
        "earliest": ends.earliest,
        "latest": ends.latest,
        "lag": lag,
        "target": target,
    }


def load(path: Path) -> Snapshot:
    """Return the snapshot in `path`. Raises UsageError when it is none."""
    data = read_object(path, "snapshot")
    try:
        if data.get("schema") != SCHEMA:
            raise ValueError(f"its schema is {data.get('schema')!r}, not {SCHEMA!r}")
        rows = [_checked(row) for row in _items(data["partitions"])]
        topics = data["topics"]
        if not isinstance(topics, dict) or not rows:
            raise ValueError("it holds no partition")
        return Snapshot(
            path,
            str(data["env"]),
            str(data["group"]),
            str(data["cluster"]),
            str(data["run_id"]),
            str(data["taken_at"]),
            data["group_existed"] is True,
            {name: (str(one["id"]), int(one["partitions"])) for name, one in topics.items()},
            {row.place: row.committed for row in rows if row.committed is not None},
            tuple(row.place for row in rows if row.committed is None),
            {row.place: row.latest for row in rows},
            {row.place: row.target for row in rows if row.target is not None},
        )
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(
            "KAFKA_FILE_INVALID",
            f"{path} is no snapshot that can be restored",
            evidence=f"{type(error).__name__}: {error}",
            next_step="name a file of the folder kafka/snapshots, as the reset printed it",
        ) from None


@dataclass(frozen=True, slots=True)
class _Row:
    place: Place
    committed: Committed | None
    latest: int
    target: int | None


def _checked(row: object) -> _Row:
    if not isinstance(row, dict):
        raise TypeError(f"expected a partition, got {row!r}")
    topic, number, latest = row["topic"], row["partition"], row["latest"]
    offset, target = row["committed"], row["target"]
    whole = [number, latest, *(value for value in (offset, target) if value is not None)]
    if not isinstance(topic, str) or any(type(value) is not int or value < 0 for value in whole):
        raise ValueError(f"not a partition: {row!r}")
    commit = None if offset is None else Committed(offset, str(row["metadata"]))
    return _Row((topic, number), commit, latest, target)


def _items(value: object) -> list[object]:
    if not isinstance(value, list):
        raise TypeError(f"partitions: expected a list, got {type(value).__name__}")
    return value


def check_cluster(snapshot: Snapshot, cluster: Cluster) -> None:
    """Refuse a snapshot of another cluster: the same offsets mean other records there."""
    if snapshot.cluster != cluster.identity:
        raise Refused(
            "KAFKA_SNAPSHOT_FOREIGN",
            "the snapshot was taken on another cluster",
            evidence=f"taken on {snapshot.cluster} at {snapshot.taken_at}, this is {cluster.identity}",
            next_step="choose the environment it was taken in: --env " + snapshot.env,
        )
