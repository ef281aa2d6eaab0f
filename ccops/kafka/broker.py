"""The cluster as we ask it: one batch call a question, and every partition's own answer looked at."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from ccops.clients.guard import translated, unreachable
from ccops.clients.kafka import errors
from ccops.clients.kafka_admin import open_admin
from ccops.core.errors import Unreachable
from ccops.kafka.model import Cluster, Committed, Found, Group, Member, Place, Refusal, Topic

if TYPE_CHECKING:
    from confluent_kafka import TopicPartition
    from confluent_kafka.admin import AdminClient
    from confluent_kafka.admin._listoffsets import ListOffsetsResultInfo, OffsetSpec

T = TypeVar("T")
_NO_IDENT = "AAAAAAAAAAAAAAAAAAAAAA"  # sixteen zero bytes: the broker gives topics no identity
_ABSENT = frozenset({"GROUP_ID_NOT_FOUND", "INVALID_GROUP_ID"})
_LOST_TOPIC = "UNKNOWN_TOPIC_OR_PART"
_TRY_S = 3.0


class Broker:
    """Questions to one cluster. Every method raises Unreachable when the cluster does not answer."""

    def __init__(self, client: AdminClient, bootstrap: str, timeout: float = 10.0) -> None:
        self._client, self._bootstrap, self._timeout = client, bootstrap, timeout
        self._anonymous = False

    @property
    def bootstrap(self) -> str:
        """Return the address that was asked."""
        return self._bootstrap

    def cluster(self) -> Cluster:
        """Return which cluster this is; ask for topics first, they tell whether it has identities."""
        found = self._client.describe_cluster(request_timeout=self._timeout)
        ident = self._answer(found).cluster_id or "unknown"
        return Cluster(str(ident), self._bootstrap, self._anonymous)

    def topics(self, names: Sequence[str]) -> dict[str, Topic]:
        """Return the topics that exist among `names`."""
        from confluent_kafka import TopicCollection

        if not names:
            return {}
        asked = self._client.describe_topics(
            TopicCollection(sorted(set(names))), request_timeout=self._timeout
        )
        found: dict[str, Topic] = {}
        for name, future in asked.items():
            said = self._perhaps(future)
            if isinstance(said, Refusal):
                if said.code != _LOST_TOPIC:
                    raise self._down(f"{name}: {said.text}")
                continue
            ident = str(said.topic_id)
            self._anonymous = self._anonymous or ident == _NO_IDENT
            found[name] = Topic(name, len(said.partitions), "" if ident == _NO_IDENT else ident)
        return found

    def topic_names(self) -> list[str]:
        """Return every topic of the cluster that is not the broker's own."""
        listed = self._client.list_topics(timeout=self._timeout).topics
        return sorted(name for name in listed if not name.startswith("__"))

    def configs(self, names: Sequence[str]) -> dict[str, dict[str, str]]:
        """Return the settings of each topic."""
        from confluent_kafka.admin._config import ConfigResource

        if not names:
            return {}
        asked = [ConfigResource(ConfigResource.Type.TOPIC, name) for name in names]
        answers = self._client.describe_configs(asked, request_timeout=self._timeout)
        found: dict[str, dict[str, str]] = {}
        for resource, future in answers.items():
            said = self._answer(future)
            found[resource.name] = {key: str(item.value) for key, item in said.items()}
        return found

    def groups(self) -> dict[str, str]:
        """Return every group with its state. Raises Unreachable when a coordinator did not answer."""
        listed = self._answer(self._client.list_consumer_groups(request_timeout=self._timeout))
        if listed.errors:
            raise self._down(f"groups: {listed.errors[0]}")
        return {item.group_id: _word(item.state) for item in listed.valid}

    def describe(self, names: Sequence[str]) -> dict[str, Group]:
        """Return the groups with their members; a name nobody has used is there with `exists` false."""
        if not names:
            return {}
        known = self.groups()
        found: dict[str, Group] = {}
        asked = self._client.describe_consumer_groups(sorted(set(names)), request_timeout=self._timeout)
        for name, future in asked.items():
            said = self._perhaps(future)
            if isinstance(said, Refusal):
                if said.code not in _ABSENT:
                    raise self._down(f"{name}: {said.text}")
                found[name] = Group(name, known.get(name, "DEAD"), exists=name in known)
                continue
            members = tuple(
                Member(
                    item.member_id,
                    item.client_id,
                    item.host,
                    tuple((place.topic, place.partition) for place in item.assignment.topic_partitions),
                )
                for item in said.members
            )
            found[name] = Group(name, _word(said.state), members, exists=name in known)
        return found

    def committed(self, group: str) -> dict[Place, Committed]:
        """Return everything `group` has committed; partitions without a commit are absent.

        Ask only after `describe` was answered: see `read_back` for what a coordinator that begins does.
        """
        from confluent_kafka import ConsumerGroupTopicPartitions

        asked = self._client.list_consumer_group_offsets(
            [ConsumerGroupTopicPartitions(group)], request_timeout=self._timeout
        )
        said = self._perhaps(asked[group])
        if isinstance(said, Refusal):
            if said.code in _ABSENT:
                return {}
            raise self._down(f"offsets of {group}: {said.text}")
        return {
            (item.topic, item.partition): Committed(item.offset, item.metadata or "")
            for item in said.topic_partitions
            if item.error is None and item.offset >= 0
        }

    def find(
        self, places: Iterable[Place], *specs: OffsetSpec, uncommitted: bool = False
    ) -> list[dict[Place, Found]]:
        """Return for each spec the offset of every place: one request a spec, all on their way at once.

        Ends are those of committed transactions unless `uncommitted`. Raises Unreachable when a partition
        gives no answer: a plan with holes is no plan.
        """
        from confluent_kafka import IsolationLevel, TopicPartition

        wanted = list(places)
        if not wanted:
            return [{} for _ in specs]
        level = IsolationLevel.READ_UNCOMMITTED if uncommitted else IsolationLevel.READ_COMMITTED
        asked = [
            self._client.list_offsets(
                {TopicPartition(*place): spec for place in wanted},
                isolation_level=level,
                request_timeout=self._timeout,
            )
            for spec in specs
        ]
        return [self._found(futures) for futures in asked]

    def _found(self, futures: Mapping[TopicPartition, Future[ListOffsetsResultInfo]]) -> dict[Place, Found]:
        found: dict[Place, Found] = {}
        for place, future in futures.items():
            said = self._perhaps(future)
            if isinstance(said, Refusal):
                raise self._down(f"{place.topic}:{place.partition}: {said.text}")
            found[place.topic, place.partition] = Found(int(said.offset), int(said.timestamp))
        return found

    def alter(self, group: str, offsets: Mapping[Place, Committed]) -> dict[Place, Refusal]:
        """Commit `offsets` for an idle group in one call; return the partitions that refused.

        The client does not raise when a partition refuses: each carries its own error. Raises Unreachable
        when no answer came: then nobody knows what was written until it is read back.
        """
        from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition

        places = [TopicPartition(*place, item.offset, item.metadata) for place, item in offsets.items()]
        asked = self._client.alter_consumer_group_offsets(
            [ConsumerGroupTopicPartitions(group, places)], request_timeout=self._timeout
        )
        said = self._perhaps(asked[group])
        if isinstance(said, Refusal):
            if said.code.startswith("_"):
                raise self._down(f"writing offsets of {group}: {said.text}")
            return dict.fromkeys(offsets, said)
        answered = {(item.topic, item.partition): item.error for item in said.topic_partitions}
        silent = Refusal("_NO_ANSWER", "the broker said nothing about this partition")
        return {
            place: Refusal(error.name(), error.str()) if error is not None else silent
            for place in offsets
            if (error := answered.get(place)) is not None or place not in answered
        }

    def delete_group(self, name: str) -> Refusal | None:
        """Remove an empty group; return why not when the broker refuses."""
        said = self._perhaps(self._client.delete_consumer_groups([name], request_timeout=self._timeout)[name])
        return said if isinstance(said, Refusal) else None

    def _perhaps(self, future: Future[T]) -> T | Refusal:
        """Return the answer, or the broker's refusal. A client-side failure is Unreachable."""
        from confluent_kafka import KafkaException

        try:
            return future.result(self._timeout + 5.0)
        except KafkaException as error:
            inner = error.args[0]
            if inner.name().startswith("_") and inner.name() != "_NOENT":
                raise self._down(inner.str()) from None
            return Refusal(inner.name(), inner.str())
        except FutureTimeout:
            raise self._down(f"no answer within {self._timeout:g} s") from None

    def _answer(self, future: Future[T]) -> T:
        said = self._perhaps(future)
        if isinstance(said, Refusal):
            raise self._down(said.text)
        return said

    def _down(self, said: str) -> Unreachable:
        return unreachable("kafka", self._bootstrap, ConnectionError(said))


@contextmanager
def open_broker(bootstrap: str, *, timeout: float = 10.0) -> Iterator[Broker]:
    """Yield the cluster at `bootstrap`. Raises Unreachable when it does not answer."""
    with open_admin(bootstrap, timeout=min(timeout, 5.0)) as client:
        yield Broker(client, bootstrap, timeout)


def read_back(bootstrap: str, group: str, places: Sequence[Place], seconds: float) -> dict[Place, Committed]:
    """Return what `group` has committed for `places`, asking again for `seconds` while nobody answers.

    Each try is a client of its own, and a consumer (which joins nothing): one that saw its broker die may
    wait long before it looks again, and the admin client of librdkafka 2.16 ends the process with a
    segmentation fault when a coordinator that has just begun answers its question for offsets.
    """
    end = time.monotonic() + seconds
    while True:
        try:
            return _read_back(bootstrap, group, places)
        except Unreachable:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)


def _read_back(bootstrap: str, group: str, places: Sequence[Place]) -> dict[Place, Committed]:
    from confluent_kafka import Consumer, TopicPartition

    with translated("kafka", bootstrap, errors()):
        consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": group,
                "enable.auto.commit": False,
                "log_level": 0,
                "error_cb": lambda error: None,
            }
        )
        try:
            said = consumer.committed([TopicPartition(*place) for place in places], timeout=_TRY_S)
        finally:
            consumer.close()
    if bad := [item.error for item in said if item.error is not None]:
        raise unreachable("kafka", bootstrap, ConnectionError(bad[0].str()))
    return {
        (item.topic, item.partition): Committed(item.offset, item.metadata or "")
        for item in said
        if item.offset >= 0
    }


def _word(state: object) -> str:
    name = getattr(state, "name", None)
    return str(name) if name else "UNKNOWN"
