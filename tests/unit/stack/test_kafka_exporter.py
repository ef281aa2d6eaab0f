"""The page of the lag exporter: the names of kafka_exporter 1.9.0, zeros for the idle, nothing negative."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from ccops.core.bundle import packaged_contract
from ccops.stack.kafka_exporter.__main__ import declared
from ccops.stack.kafka_exporter.cluster import Group, Partition, Picture
from ccops.stack.kafka_exporter.text import METRICS, page

PLACES = {("t.a", 0): (0, 100), ("t.a", 1): (40, 50), ("t.b", 0): (0, 7)}
PARTITIONS = {
    place: Partition(1, (1, 2), (1,), oldest, current) for place, (oldest, current) in PLACES.items()
}


def lags(group: Group) -> dict[tuple[str, int], int]:
    return group.lags(PARTITIONS)


def values(text: str, name: str) -> dict[tuple[str, ...], float]:
    found = {family.name: family for family in text_string_to_metric_families(text)}
    return {tuple(sample.labels.values()): sample.value for sample in found[name].samples}


def test_a_declared_group_that_never_ran_is_behind_by_what_is_left() -> None:
    assert lags(Group("g", 0, {}, frozenset({"t.a"}))) == {("t.a", 0): 100, ("t.a", 1): 10}


def test_of_another_group_only_topics_with_a_commit_count_and_unknown_starts_are_zero() -> None:
    assert lags(Group("g", 1, {("t.a", 0): 60})) == {("t.a", 0): 40, ("t.a", 1): 0}


def test_a_commit_beyond_the_end_is_no_negative_lag() -> None:
    assert lags(Group("g", 1, {("t.b", 0): 9}))["t.b", 0] == 0


def test_an_idle_group_is_on_the_page_with_zeros_and_sums() -> None:
    idle = Group("idle", 0, {place: current for place, (_, current) in PLACES.items()})
    text = page(Picture({1: "h:9"}, PARTITIONS, (idle,)))

    assert set(values(text, "kafka_consumergroup_lag").values()) == {0.0}
    assert values(text, "kafka_consumergroup_lag_sum") == {("idle", "t.a"): 0.0, ("idle", "t.b"): 0.0}
    assert values(text, "kafka_consumergroup_current_offset_sum")["idle", "t.a"] == 150.0
    assert values(text, "kafka_consumergroup_members") == {("idle",): 0.0}


def test_every_metric_carries_the_labels_of_the_exporter_it_stands_for() -> None:
    text = page(Picture({1: 'h"\\:9'}, PARTITIONS, (Group("g", 2, {("t.b", 0): 3}),)))

    found = {family.name: set(family.samples[0].labels) for family in text_string_to_metric_families(text)}
    assert found == {name: set(labels) for name, (labels, _) in METRICS.items()}
    assert values(text, "kafka_broker_info") == {("1", 'h"\\:9'): 1.0}
    assert values(text, "kafka_topic_partition_under_replicated_partition")["t.b", "0"] == 1.0


def test_without_a_broker_the_page_says_so_and_nothing_else() -> None:
    assert page(Picture()).splitlines()[2:] == ["kafka_brokers 0"]


def test_the_groups_of_the_contract_are_declared_for_the_environment() -> None:
    found = declared(packaged_contract() / "topics.yml", "prod")

    assert found["cc.economy.clickhouse.prod"] == frozenset({"cc.economy.ledger.prod"})
    assert len(found["cc.players.clickhouse.prod"]) > 1
