"""The cluster as we ask it: one batch call a question, and every partition's own answer looked at."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from ccops.clients.guard import unreachable
from ccops.clients.kafka_admin import open_admin
from ccops.core.errors import Refused, Unreachable
from ccops.kafka.model import Cluster, Committed, Found, Group, Member, Place, Refusal, Topic

if TYPE_CHECKING:
    from confluent_kafka.admin import AdminClient
    from confluent_kafka.admin._group import ConsumerGroupDescription
    from confluent_kafka.admin._listoffsets import ListOffsetsResultInfo, OffsetSpec

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)
_NO_IDENT = "AAAAAAAAAAAAAAAAAAAAAA"  # sixteen zero bytes: the broker gives topics no identity
_ABSENT = frozenset({"GROUP_ID_NOT_FOUND", "INVALID_GROUP_ID"})
_LOST_TOPIC = frozenset({"UNKNOWN_TOPIC_OR_PART", "TOPIC_EXCEPTION"})  # the latter: no topic can be called so
_LONGEST_GROUP = 32_767  # a longer name can't be sent at all
_UNSTABLE = "UNSTABLE_OFFSET_COMMIT"
_SOON_S = 0.1
# A new cluster makes its topic of offsets at the first question, a topic's leader begins after it is told.
COMING = frozenset(
    {
        "COORDINATOR_LOAD_IN_PROGRESS",
        "COORDINATOR_NOT_AVAILABLE",
        "NOT_COORDINATOR",
        "LEADER_NOT_AVAILABLE",
        "NOT_LEADER_FOR_PARTITION",
    }
)


class Broker:
    """Questions to one cluster. Every method raises Unreachable when the cluster does not answer."""

    def __init__(self, client: AdminClient, bootstrap: str, timeout: float = 10.0) -> None:
        self._client, self._bootstrap, self._timeout = client, bootstrap, timeout
        self._anonymous: bool | None = None

    @property
    def bootstrap(self) -> str:
        """Return the address that was asked."""
        return self._bootstrap

    def cluster(self) -> Cluster:
        """Return which cluster this is; any topic shows whether it has identities, so one is looked at."""
        found = self._client.describe_cluster(request_timeout=self._timeout)
        ident = self._answer(found).cluster_id or "unknown"
        if self._anonymous is None:
            self.topics(self.topic_names()[:1])
        return Cluster(str(ident), self._bootstrap, bool(self._anonymous))

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
                if said.code not in _LOST_TOPIC:
                    raise self._down(f"{name}: {said.text}")
                continue
            ident = str(said.topic_id)
            self._anonymous = bool(self._anonymous) or ident == _NO_IDENT
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
        (said,) = self._settled(lambda: {"": self._groups()}).values()
        if isinstance(said, Refusal):
            raise self._down(f"groups: {said.text}")
        return said

    def _groups(self) -> dict[str, str] | Refusal:
        listed = self._answer(self._client.list_consumer_groups(request_timeout=self._timeout))
        for error in listed.errors:  # documented as exceptions, in truth the errors themselves
            inner = error.args[0] if isinstance(error, BaseException) else error
            return Refusal(inner.name(), inner.str())
        return {item.group_id: _word(item.state) for item in listed.valid}

    def describe(self, names: Sequence[str]) -> dict[str, Group]:
        """Return the groups with their members; a name nobody has used is there with `exists` false."""
        if not names:
            return {}
        known = self.groups()
        asked = sorted(name for name in set(names) if len(name.encode()) <= _LONGEST_GROUP)
        answers = self._settled(lambda: self._described(asked))
        found = {name: Group(name, "DEAD", exists=False) for name in names}
        for name, said in answers.items():
            if isinstance(said, Refusal):
                if said.code not in _ABSENT:
                    raise self._down(f"{name}: {said.text}")
                found[name] = Group(name, known.get(name, "DEAD"), exists=name in known)
            else:
                found[name] = Group(name, _word(said.state), _members(said), exists=name in known)
        return found

    def _described(self, names: list[str]) -> dict[str, ConsumerGroupDescription | Refusal]:
        if not names:
            return {}
        asked = self._client.describe_consumer_groups(names, request_timeout=self._timeout)
        return {name: self._perhaps(future) for name, future in asked.items()}

    def committed(self, group: str, *, stable: bool = False) -> dict[Place, Committed]:
        """Return everything `group` has committed; partitions without a commit are absent.

        Ask only after `describe` was answered: see `read_back` for what a coordinator that begins does.
        `stable`: raise Refused when a transaction has yet to decide about one of its offsets. Without it the
        answer is what was committed before that transaction.
        """
        (said,) = self._settled(lambda: {group: self._committed(group, stable)}).values()
        if not isinstance(said, Refusal):
            return said
        if said.code in _ABSENT:
            return {}
        if said.code == _UNSTABLE:
            raise _undecided(group, said.text)
        raise self._down(f"offsets of {group}: {said.text}")

    def _committed(self, group: str, stable: bool) -> dict[Place, Committed] | Refusal:
        from confluent_kafka import ConsumerGroupTopicPartitions

        asked = self._client.list_consumer_group_offsets(
            [ConsumerGroupTopicPartitions(group)], require_stable=stable, request_timeout=self._timeout
        )
        said = self._perhaps(asked[group])
        if isinstance(said, Refusal):
            return said
        for item in said.topic_partitions:  # an error is no answer: it must never read as "no commit"
            if item.error is not None:
                return Refusal(item.error.name(), f"{item.topic}:{item.partition}: {item.error.str()}")
        return {
            (item.topic, item.partition): Committed(item.offset, item.metadata or "")
            for item in said.topic_partitions
            if item.offset >= 0
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

        def ask() -> dict[tuple[int, Place], Found | Refusal]:
            asked = [
                self._client.list_offsets(
                    {TopicPartition(*place): spec for place in wanted},
                    isolation_level=level,
                    request_timeout=self._timeout,
                )
                for spec in specs
            ]
            return {
                (number, (place.topic, place.partition)): self._one(future)
                for number, futures in enumerate(asked)
                for place, future in futures.items()
            }

        found: list[dict[Place, Found]] = [{} for _ in specs]
        for (number, place), said in self._settled(ask).items():
            if isinstance(said, Refusal):
                raise self._down(f"{place[0]}:{place[1]}: {said.text}")
            found[number][place] = said
        return found

    def _one(self, future: Future[ListOffsetsResultInfo]) -> Found | Refusal:
        said = self._perhaps(future)
        return said if isinstance(said, Refusal) else Found(int(said.offset), int(said.timestamp))

    def alter(self, group: str, offsets: Mapping[Place, Committed]) -> dict[Place, Refusal]:
        """Commit `offsets` for an idle group in one call; return the partitions that refused.

        The client does not raise when a partition refuses: each carries its own error. Raises Unreachable
        when no answer came: then nobody knows what was written until it is read back.
        """
        from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition

        if wrong := [place for place, item in offsets.items() if item.offset < 0]:
            raise ValueError(f"{wrong[0]} would be committed at {offsets[wrong[0]].offset}")
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

    def _settled(self, ask: Callable[[], dict[K, T | Refusal]]) -> dict[K, T | Refusal]:
        """Return what `ask` does, asked again while a coordinator or leader is beginning."""
        end = time.monotonic() + self._timeout
        while True:
            said = ask()
            early = any(isinstance(one, Refusal) and one.code in COMING for one in said.values())
            if not early or time.monotonic() > end:
                return said
            time.sleep(_SOON_S)

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


def _members(said: ConsumerGroupDescription) -> tuple[Member, ...]:
    return tuple(
        Member(
            item.member_id,
            item.client_id,
            item.host,
            tuple((place.topic, place.partition) for place in item.assignment.topic_partitions),
        )
        for item in said.members
    )


def _undecided(group: str, said: str) -> Refused:
    return Refused(
        "KAFKA_GROUP_IN_TRANSACTION",
        f"a transaction that has not ended holds offsets of {group}",
        evidence=said,
        next_step="let its producer end it, or wait for its time-out (60 s unless set), then again",
    )


def _word(state: object) -> str:
    name = getattr(state, "name", None)
    return str(name) if name else "UNKNOWN"
