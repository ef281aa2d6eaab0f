"""Series that are there without the backend: Prometheus' own, Alertmanager's, and kafka_exporter 1.9's names.

`*` among the labels: it can have others too.
"""

from __future__ import annotations

from collections.abc import Iterator

Row = tuple[str, str, str, tuple[str, ...]]  # source, name, type, labels besides job and instance

_PARTITION = ("topic", "partition")
_KAFKA = (
    ("kafka_brokers", ()),
    ("kafka_broker_info", ("id", "address")),
    ("kafka_topic_partitions", ("topic",)),
    *(
        (f"kafka_topic_partition_{name}", _PARTITION)
        for name in (
            "current_offset",
            "oldest_offset",
            "in_sync_replica",
            "leader",
            "leader_is_preferred",
            "replicas",
            "under_replicated_partition",
        )
    ),
    ("kafka_consumergroup_current_offset", ("consumergroup", *_PARTITION)),
    ("kafka_consumergroup_lag", ("consumergroup", *_PARTITION)),
    ("kafka_consumergroup_current_offset_sum", ("consumergroup", "topic")),
    ("kafka_consumergroup_lag_sum", ("consumergroup", "topic")),
    ("kafka_consumergroup_members", ("consumergroup",)),
)
_OF_A_SCRAPE = (
    "up",
    "scrape_duration_seconds",
    "scrape_samples_scraped",
    "scrape_samples_post_metric_relabeling",
    "scrape_series_added",
)
_SERVERS = (
    ("prometheus_build_info", "gauge"),
    ("prometheus_config_last_reload_successful", "gauge"),
    ("prometheus_config_last_reload_success_timestamp_seconds", "gauge"),
    ("prometheus_engine_queries", "gauge"),
    ("prometheus_notifications_alertmanagers_discovered", "gauge"),
    ("prometheus_notifications_dropped_total", "counter"),
    ("prometheus_notifications_errors_total", "counter"),
    ("prometheus_notifications_queue_length", "gauge"),
    ("prometheus_notifications_sent_total", "counter"),
    ("prometheus_rule_evaluation_failures_total", "counter"),
    ("prometheus_rule_evaluations_total", "counter"),
    ("prometheus_rule_group_iterations_missed_total", "counter"),
    ("prometheus_rule_group_last_duration_seconds", "gauge"),
    ("prometheus_rule_group_rules", "gauge"),
    ("prometheus_target_scrape_pool_targets", "gauge"),
    ("prometheus_tsdb_head_samples_appended_total", "counter"),
    ("prometheus_tsdb_head_series", "gauge"),
    ("alertmanager_alerts", "gauge"),
    ("alertmanager_config_last_reload_successful", "gauge"),
    ("alertmanager_notifications_failed_total", "counter"),
    ("alertmanager_notifications_total", "counter"),
    ("alertmanager_silences", "gauge"),
    ("process_cpu_seconds_total", "counter"),
    ("process_open_fds", "gauge"),
    ("process_resident_memory_bytes", "gauge"),
    ("process_start_time_seconds", "gauge"),
)


def _rows() -> Iterator[Row]:
    for name, labels in _KAFKA:
        yield "kafka_exporter", name, "gauge", labels
    for name in _OF_A_SCRAPE:
        yield "a scrape", name, "gauge", ()
    yield "Prometheus", "ALERTS", "gauge", ("alertname", "alertstate", "*")
    yield "Prometheus", "ALERTS_FOR_STATE", "gauge", ("alertname", "*")
    for name, kind in _SERVERS:
        yield "a server", name, kind, ("*",)


KNOWN: tuple[Row, ...] = tuple(_rows())
