"""Offsets of a cluster: what a group has committed, where partitions begin and end, and writing them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from typing import TYPE_CHECKING

from ccops.core.errors import Refused
from ccops.kafka.asking import ABSENT, Asking
from ccops.kafka.model import Committed, Found, Place, Refusal

if TYPE_CHECKING:
    from confluent_kafka.admin._listoffsets import ListOffsetsResultInfo, OffsetSpec

_UNSTABLE = "UNSTABLE_OFFSET_COMMIT"


class Offsets(Asking):
    """Questions about offsets, one batch call each. Every method raises Unreachable without an answer."""

    def committed(self, group: str, *, stable: bool = False) -> dict[Place, Committed]:
        """Return everything `group` has committed; partitions without a commit are absent.

        Ask only after `describe` was answered: see `read_back` for what a coordinator that begins does.
        `stable`: raise Refused when a transaction has yet to decide about one of its offsets. Without it the
        answer is what was committed before that transaction.
        """
        (said,) = self._settled(lambda: {group: self._committed(group, stable)}).values()
        if not isinstance(said, Refusal):
            return said
        if said.code in ABSENT:
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


def _undecided(group: str, said: str) -> Refused:
    return Refused(
        "KAFKA_GROUP_IN_TRANSACTION",
        f"a transaction that has not ended holds offsets of {group}",
        evidence=said,
        next_step="let its producer end it, or wait for its time-out (60 s unless set), then again",
    )
