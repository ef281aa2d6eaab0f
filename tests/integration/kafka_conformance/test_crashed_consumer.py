"""A consumer that was killed: a reset is refused while the broker counts it in, and works afterwards."""

from __future__ import annotations

import signal
import subprocess

import pytest
from confluent_kafka import ConsumerGroupState

from tests.integration.kafka_conformance.kit import WAIT_S, Cluster, an_hour_ago
from tests.integration.kafka_conformance.test_groups import member_argv
from tests.integration.kafka_conformance.test_offsets import offsets
from tests.kafka_kit import fresh, until


@pytest.mark.slow
def test_a_reset_waits_for_the_session_of_a_killed_consumer(cluster: Cluster) -> None:
    topic, group = cluster.topic(), fresh("reset")
    cluster.produce(topic, [an_hour_ago() + n for n in range(5)])
    with subprocess.Popen(member_argv(cluster, group, topic), stdout=subprocess.PIPE, text=True) as member:
        assert member.stdout is not None
        for _ in range(5):
            assert member.stdout.readline() == "reads\n"
        member.send_signal(signal.SIGKILL)
    reset = ("kafka", "reset", "--group", group, "--topic", topic, "--to-offset", "2", "--any-name")
    reset += ("--no-silence", "--apply")

    refused = cluster.broker.ccops(*reset)

    assert refused.code == 3, refused.out + refused.err
    assert offsets(cluster, group) == {0: 5}

    def state() -> ConsumerGroupState:
        return cluster.admin.describe_consumer_groups([group])[group].result(WAIT_S).state

    patience = cluster.broker.patience(12, 7)
    assert until(lambda: state() is ConsumerGroupState.EMPTY, patience, 0.1), "the session never ended"
    done = cluster.broker.ccops(*reset)
    assert done.code == 0, done.out + done.err
    assert offsets(cluster, group) == {0: 2}
