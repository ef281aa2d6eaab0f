"""The lag exporter on real brokers: right numbers, through a broker's death, and it joins no group."""

from __future__ import annotations

import os
import signal
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import TYPE_CHECKING

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from prometheus_client.parser import text_string_to_metric_families

from ccops.stack import engine
from ccops.stack.kafka_exporter.cluster import Cluster, Group
from ccops.stack.kafka_exporter.serve import serve
from tests.freezing import freeze
from tests.kafka_kit import Broker, fresh
from tests.kafka_kit import until as kit_until

if TYPE_CHECKING:
    from tests.integration.stack.conftest import Bench

Until = Callable[..., bool]


def fill(bootstrap: str, topic: str, records: int) -> AdminClient:
    """Make `topic` with two partitions and `records` in the first."""
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    admin.create_topics([NewTopic(topic, 2, 1)])[topic].result(20)
    producer = Producer({"bootstrap.servers": bootstrap, "log_level": 0})
    for _ in range(records):
        producer.produce(topic, b"x", partition=0)
    assert producer.flush(20) == 0
    return admin


def commit(admin: AdminClient, group: str, topic: str, offset: int) -> None:
    asked = [ConsumerGroupTopicPartitions(group, [TopicPartition(topic, 0, offset)])]
    (said,) = admin.alter_consumer_group_offsets(asked)[group].result(20).topic_partitions
    assert said.error is None


def seen(cluster: Cluster, name: str) -> Group | None:
    return next((group for group in cluster.look().groups if group.name == name), None)


def test_lag_is_end_minus_commit_and_a_declared_group_is_there_before_it_ran(kafka_broker: Broker) -> None:
    topic, group, idle = fresh("lag"), fresh("lag"), fresh("idle")
    admin = fill(kafka_broker.bootstrap, topic, 30)
    commit(admin, group, topic, 12)
    cluster = Cluster(kafka_broker.bootstrap, {idle: frozenset({topic})}, timeout_s=5.0)
    try:
        picture = cluster.look()
        groups = {one.name: one.lags(picture.partitions) for one in picture.groups}

        assert groups[group] == {(topic, 0): 18, (topic, 1): 0}
        assert groups[idle] == {(topic, 0): 30, (topic, 1): 0}
        assert picture.partitions[topic, 0].current == 30 and len(picture.brokers) == 1
    finally:
        cluster.close()
        admin.delete_consumer_groups([group])[group].result(20)
        admin.delete_topics([topic])[topic].result(20)


def test_looking_makes_no_member_and_members_are_counted(kafka_broker: Broker) -> None:
    topic, group = fresh("members"), fresh("members")
    admin = fill(kafka_broker.bootstrap, topic, 1)
    commit(admin, group, topic, 1)
    cluster = Cluster(kafka_broker.bootstrap, {}, timeout_s=5.0)
    consumer = Consumer({"bootstrap.servers": kafka_broker.bootstrap, "group.id": group, "log_level": 0})
    try:
        first = seen(cluster, group)
        assert first is not None and first.members == 0

        consumer.subscribe([topic])
        assert kit_until(lambda: consumer.poll(0.1) is None and consumer.assignment())
        later = Cluster(kafka_broker.bootstrap, {}, timeout_s=5.0)
        now = seen(later, group)
        later.close()
        assert now is not None and now.members == 1
    finally:
        consumer.close()
        cluster.close()
        admin.delete_topics([topic])[topic].result(20)


def test_through_the_death_of_its_broker_it_answers_and_then_knows_again(bench: Bench, until: Until) -> None:
    state = engine.up(bench.profile(), ("kafka-exporter",))
    topic, bootstrap = fresh("death"), bench.profile().get("CCOPS_KAFKA_BOOTSTRAP")
    fill(bootstrap, topic, 3)
    address, exporter = state.services["kafka-exporter"].address, state.services["kafka-exporter"].pid

    def page() -> dict[str, float]:
        with urllib.request.urlopen(f"http://{address}/metrics", timeout=5) as answer:
            families = text_string_to_metric_families(answer.read().decode())
            return {
                sample.name
                + sample.labels.get("topic", "")
                + sample.labels.get("partition", ""): sample.value
                for family in families
                for sample in family.samples
            }

    # The broker writes to disk every half second; what it lost would be no fault of the exporter.
    assert until(lambda: page().get(f"kafka_topic_partition_current_offset{topic}0") == 3)
    freeze(state.services["kafka"].pid)
    assert page() == {"kafka_brokers": 0}
    os.kill(state.services["kafka"].pid, signal.SIGKILL)
    assert until(lambda: page()["kafka_brokers"] == 1 and "kafka_consumergroup_members" in page())
    now = engine.state(bench.profile())
    assert now is not None and now.services["kafka-exporter"].pid == exporter


def test_it_answers_metrics_health_and_nothing_else() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    threading.Thread(target=serve, args=("127.0.0.1", port, lambda: "kafka_brokers 0\n"), daemon=True).start()

    def ask(path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            error.close()
            return error.code, ""

    def silent() -> bool:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except ConnectionRefusedError:
            return False
        return True

    assert kit_until(silent)  # one that says nothing takes nothing from the others
    assert ask("/metrics?x=1") == (200, "kafka_brokers 0\n")
    assert ask("/healthz") == (200, "ok")
    assert ask("/nothing")[0] == 404
