"""The cluster as we ask it: one batch call a question, and every partition's own answer looked at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ccops.clients.kafka_admin import open_admin
from ccops.kafka.asking import ABSENT
from ccops.kafka.model import Cluster, Group, Member, Refusal, Topic
from ccops.kafka.offsets import Offsets

if TYPE_CHECKING:
    from confluent_kafka.admin import AdminClient
    from confluent_kafka.admin._group import ConsumerGroupDescription

_NO_IDENT = "AAAAAAAAAAAAAAAAAAAAAA"  # sixteen zero bytes: the broker gives topics no identity
_LOST_TOPIC = frozenset({"UNKNOWN_TOPIC_OR_PART", "TOPIC_EXCEPTION"})  # the latter: no topic can be called so
_LONGEST_GROUP = 32_767  # a longer name can't be sent at all


class Broker(Offsets):
    """Questions to one cluster. Every method raises Unreachable when the cluster does not answer."""

    def __init__(self, client: AdminClient, bootstrap: str, timeout: float = 10.0) -> None:
        super().__init__(client, bootstrap, timeout)
        self._anonymous: bool | None = None

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
                if said.code not in ABSENT:
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

    def delete_group(self, name: str) -> Refusal | None:
        """Remove an empty group; return why not when the broker refuses."""
        said = self._perhaps(self._client.delete_consumer_groups([name], request_timeout=self._timeout)[name])
        return said if isinstance(said, Refusal) else None


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


def _word(state: object) -> str:
    name = getattr(state, "name", None)
    return str(name) if name else "UNKNOWN"
