"""Groups: who is a member, who has what, what state it is in, and when a dead member is let go."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack

import pytest
from confluent_kafka import Consumer, ConsumerGroupState, KafkaException
from confluent_kafka.admin import ConsumerGroupDescription

from tests.integration.kafka_conformance.kit import WAIT_S, Cluster, an_hour_ago, read
from tests.kafka_kit import fresh, until

MEMBER = """
import sys
from confluent_kafka import Consumer
bootstrap, group, topic, session = sys.argv[1:]
consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": group, "session.timeout.ms": int(session),
                     "heartbeat.interval.ms": 300, "auto.offset.reset": "earliest"})
consumer.subscribe([topic])
while True:
    message = consumer.poll(0.2)
    if message is not None and message.error() is None:
        consumer.commit(message, asynchronous=False)
        print("reads", flush=True)
"""


def member_argv(cluster: Cluster, group: str, topic: str) -> list[str]:
    """Return a process that reads as a member; its session is short where we know the broker to take one."""
    session = 3000 if cluster.broker.provider == "apache" and cluster.broker.ours else 6000
    return [sys.executable, "-c", MEMBER, cluster.broker.bootstrap, group, topic, str(session)]


def _describe(cluster: Cluster, group: str) -> ConsumerGroupDescription:
    return cluster.admin.describe_consumer_groups([group])[group].result(WAIT_S)


def _shared_out(consumers: Sequence[Consumer], wanted: Sequence[int]) -> Callable[[], bool]:
    """Return a question: polled once more, do the members have `wanted` many partitions, none twice?"""

    def asked() -> bool:
        for consumer in consumers:
            consumer.poll(0.02)
        have = [[one.partition for one in consumer.assignment()] for consumer in consumers]
        flat = [partition for part in have for partition in part]
        return sorted(map(len, have)) == sorted(wanted) and len(set(flat)) == len(flat)

    return asked


def _join_and_leave(cluster: Cluster, strategy: str, seconds: float) -> None:
    name, group = cluster.topic(partitions=6), fresh("share")
    with ExitStack() as open_:
        config = {"partition_assignment_strategy": strategy}
        members: list[Consumer] = []
        for share in ((6,), (3, 3), (2, 2, 2)):
            members.append(open_.enter_context(cluster.consumer(group, **config)))
            members[-1].subscribe([name])
            assert until(_shared_out(members, share), seconds), f"with {len(members)} members"

        members.pop().close()

        assert until(_shared_out(members, (3, 3)), seconds), "after one left"


def test_three_members_share_partitions_by_range_and_take_over_from_one_that_leaves(cluster: Cluster) -> None:
    _join_and_leave(cluster, "range", 25)


def test_three_members_share_partitions_cooperatively(cluster: Cluster) -> None:
    _join_and_leave(cluster, "cooperative-sticky", 12)


def test_a_static_member_shows_its_name(cluster: Cluster) -> None:
    name, group = cluster.topic(), fresh("static")
    with cluster.consumer(group, group_instance_id="worker-1", client_id="c1") as consumer:
        consumer.subscribe([name])
        assert until(_shared_out([consumer], (1,)))

        (member,) = _describe(cluster, group).members

    assert (member.group_instance_id, member.client_id) == ("worker-1", "c1")
    assert [(one.topic, one.partition) for one in member.assignment.topic_partitions] == [(name, 0)]


def test_groups_are_listed_by_state(cluster: Cluster) -> None:
    name, group = cluster.topic(), fresh("state")
    cluster.produce(name, [an_hour_ago()])

    def listed(state: ConsumerGroupState) -> bool:
        found = cluster.admin.list_consumer_groups(states={state}).result(WAIT_S).valid
        return group in [one.group_id for one in found]

    with cluster.consumer(group) as consumer:
        consumer.subscribe([name])
        read(consumer, 1)
        consumer.commit(asynchronous=False)
        assert listed(ConsumerGroupState.STABLE)
        assert not listed(ConsumerGroupState.EMPTY)
    assert until(lambda: listed(ConsumerGroupState.EMPTY))


def test_a_group_is_stable_with_members_and_empty_without(cluster: Cluster) -> None:
    name, group = cluster.topic(), fresh("describe")
    cluster.produce(name, [an_hour_ago()])
    with cluster.consumer(group) as consumer:
        consumer.subscribe([name])
        read(consumer, 1)
        consumer.commit(asynchronous=False)
        found = _describe(cluster, group)
        assert (found.state, len(found.members)) == (ConsumerGroupState.STABLE, 1)

    assert until(lambda: _describe(cluster, group).state is ConsumerGroupState.EMPTY)


def test_an_unknown_group_is_dead_or_not_found(cluster: Cluster) -> None:
    """Kafka up to 3.9 describes it as DEAD; 4.0 and later say GROUP_ID_NOT_FOUND (KIP-1043)."""
    try:
        said = _describe(cluster, fresh("nobody")).state.name
    except KafkaException as error:
        said = error.args[0].name()
    assert said in {"DEAD", "GROUP_ID_NOT_FOUND"}


def test_the_consumer_protocol_of_kip_848_works(cluster: Cluster) -> None:
    name, group = cluster.topic(partitions=2), fresh("k848")
    for partition in range(2):
        cluster.produce(name, [an_hour_ago()] * 10, partition)

    with cluster.consumer(group, group_protocol="consumer") as consumer:
        consumer.subscribe([name])
        found = read(consumer, 20, 6)

    assert len({(one.partition(), one.offset()) for one in found}) == len(found) == 20


@pytest.mark.slow
def test_a_member_killed_by_a_signal_is_let_go_after_its_session(cluster: Cluster) -> None:
    name, group = cluster.topic(), fresh("crash")
    cluster.produce(name, [an_hour_ago()])
    with subprocess.Popen(member_argv(cluster, group, name), stdout=subprocess.PIPE, text=True) as member:
        assert member.stdout is not None
        assert member.stdout.readline() == "reads\n"
        member.send_signal(signal.SIGKILL)
    killed = time.monotonic()

    assert _describe(cluster, group).state is ConsumerGroupState.STABLE
    patience = cluster.broker.patience(12, 7)
    assert until(lambda: _describe(cluster, group).state is ConsumerGroupState.EMPTY, patience, 0.1)
    # The last heartbeat was at most 300 ms before; the session lives for three seconds, or six.
    assert time.monotonic() - killed > 1.5
