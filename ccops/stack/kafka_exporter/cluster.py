"""Ask a cluster for topics, ends and commits. Nothing here joins a group.

Each group has a consumer that never subscribes: `committed()` only asks the coordinator. The admin client's
question for offsets is not used, it ends the process with a segmentation fault when the coordinator that
answers has just begun (librdkafka 2.16). Commits are read before the ends, so that no lag is negative.
"""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

if TYPE_CHECKING:
    from confluent_kafka.admin._metadata import ClusterMetadata

Place = tuple[str, int]
# A query for "the time" -1 or -2 is one for the end or the beginning (ListOffsets).
_END, _BEGINNING = -1, -2
_MOST_GROUPS = 60
_PAUSE_S = 5.0
_log = logging.getLogger("kafka-exporter")


@dataclass(frozen=True, slots=True)
class Partition:
    """Who has a partition, and how far it goes."""

    leader: int
    replicas: tuple[int, ...]
    in_sync: tuple[int, ...]
    oldest: int
    current: int


@dataclass(frozen=True, slots=True)
class Group:
    """Members of a group and what it committed. A declared group is there before it ever ran."""

    name: str
    members: int
    commits: Mapping[Place, int]
    declared: frozenset[str] = frozenset()

    def lags(self, partitions: Mapping[Place, Partition]) -> dict[Place, int]:
        """Return the records behind, by partition of each topic it consumes or is declared to.

        Without a commit a declared group is behind by all that is left, as it begins at the beginning; of
        another nobody knows where it would begin: 0.
        """
        topics = self.declared | {topic for topic, _ in self.commits}
        return {place: self._lag(place, at) for place, at in partitions.items() if place[0] in topics}

    def _lag(self, place: Place, at: Partition) -> int:
        commit = self.commits.get(place)
        if commit is None:
            return max(at.current - at.oldest, 0) if place[0] in self.declared else 0
        return max(at.current - commit, 0)


@dataclass(frozen=True, slots=True)
class Picture:
    """The cluster at one moment; without brokers nothing is known."""

    brokers: Mapping[int, str] = field(default_factory=dict)
    partitions: Mapping[Place, Partition] = field(default_factory=dict)
    groups: tuple[Group, ...] = ()


class Cluster:
    """Questions to one cluster, each bounded, so that a scrape is answered while no broker is there."""

    def __init__(
        self, bootstrap: str, declared: Mapping[str, frozenset[str]], timeout_s: float = 0.4
    ) -> None:
        self._bootstrap, self._declared, self._timeout_s = bootstrap, declared, timeout_s
        self._admin = AdminClient(cast("dict[str, str | int | float | bool]", self._settings()))
        self._clients: dict[str, Consumer] = {}
        self._asked_groups_at = float("-inf")
        self._members: dict[str, int] = {}

    def look(self) -> Picture:
        """Return the cluster as it is now, an empty picture when it does not answer."""
        try:
            return self._look()
        except KafkaException as error:
            _log.warning("no answer: %s", error)
            self._asked_groups_at = float("-inf")
            return Picture()

    def close(self) -> None:
        """Leave."""
        for client in self._clients.values():
            client.close()

    def _look(self) -> Picture:
        found = self._admin.list_topics(timeout=self._timeout_s)
        places = [
            TopicPartition(name, number)
            for name, topic in sorted(found.topics.items())
            if not name.startswith("__")
            for number in sorted(topic.partitions)
        ]
        members = self._listed()
        names = sorted(members.keys() | self._declared.keys())
        if len(names) > _MOST_GROUPS:
            _log.warning("%d groups, %d are shown", len(names), _MOST_GROUPS)
            names = sorted(names, key=lambda name: (name not in self._declared, name))[:_MOST_GROUPS]
        self._forget(names)
        commits = {name: self._commits(name, places) for name in names}
        ends, begins = self._offsets(places, _END), self._offsets(places, _BEGINNING)
        return Picture(
            {ident: f"{broker.host}:{broker.port}" for ident, broker in found.brokers.items()},
            _partitions(found, ends, begins),
            tuple(
                Group(name, members.get(name, 0), commits[name], self._declared.get(name, frozenset()))
                for name in names
            ),
        )

    def _listed(self) -> dict[str, int]:
        """Return the members of every group; asked again after some seconds, as it changes seldom."""
        if time.monotonic() - self._asked_groups_at < _PAUSE_S:
            return self._members
        with warnings.catch_warnings():
            # What is to replace it asks the coordinator of each group by the road that crashes.
            warnings.simplefilter("ignore", DeprecationWarning)
            listed = self._admin.list_groups(timeout=self._timeout_s)
        self._members = {
            str(item.id): len(item.members or ())
            for item in listed
            if item.error is None and item.protocol_type in {"consumer", ""}
        }
        self._asked_groups_at = time.monotonic()
        return self._members

    def _commits(self, group: str, places: list[TopicPartition]) -> dict[Place, int]:
        if not places:
            return {}
        said = self._client(group).committed(
            [TopicPartition(place.topic, place.partition) for place in places], timeout=self._timeout_s
        )
        return {(item.topic, item.partition): item.offset for item in said if item.offset >= 0}

    def _offsets(self, places: list[TopicPartition], which: int) -> dict[Place, int]:
        if not places:
            return {}
        asked = [TopicPartition(place.topic, place.partition, which) for place in places]
        client = self._client(next(iter(self._clients), "ccops-exporter"))
        said = client.offsets_for_times(asked, timeout=self._timeout_s)
        return {
            (item.topic, item.partition): item.offset
            for item in said
            if item.error is None and item.offset >= 0
        }

    def _client(self, group: str) -> Consumer:
        if group not in self._clients:
            self._clients[group] = Consumer(
                self._settings() | {"group.id": group, "enable.auto.commit": False}
            )
        return self._clients[group]

    def _forget(self, names: Iterable[str]) -> None:
        for name in set(self._clients) - set(names):
            self._clients.pop(name).close()

    def _settings(self) -> dict[str, object]:
        return {
            "bootstrap.servers": self._bootstrap,
            "client.id": "ccops-kafka-exporter",
            # A broker that comes back is to be found at once.
            "reconnect.backoff.ms": 50,
            "reconnect.backoff.max.ms": 500,
            "allow.auto.create.topics": False,
            "log_level": 0,
            "error_cb": lambda error: None,
        }


def _partitions(
    found: ClusterMetadata, ends: Mapping[Place, int], begins: Mapping[Place, int]
) -> dict[Place, Partition]:
    made: dict[Place, Partition] = {}
    for name, number in ends:
        meta = found.topics[name].partitions[number]
        made[name, number] = Partition(
            leader=meta.leader,
            replicas=tuple(meta.replicas),
            in_sync=tuple(meta.isrs),
            oldest=begins.get((name, number), 0),
            current=ends[name, number],
        )
    return made
