"""The catalogue of series: closed label sets, histogram parts, environments in values, recordings."""

from __future__ import annotations

from pathlib import Path

import pytest

from ccops.core.errors import UsageError
from ccops.rules.catalogue import load_catalogue
from ccops.rules.promql import parse, selectors


def test_a_counter_has_its_closed_values_and_the_labels_of_a_target() -> None:
    metric = load_catalogue().get("purchase_attempt_total")
    assert metric is not None
    assert metric.type == "counter"
    assert metric.labels["result"] == {"fail", "pending", "success"}
    assert metric.labels["instance"] is None
    assert metric.labels["job"] == {"cc-webapp-backend"}
    assert metric.label_names() == {"flow", "result", "reason", "job", "instance", "service"}


def test_a_histogram_is_there_as_its_three_parts_only() -> None:
    catalogue = load_catalogue()
    bucket = catalogue.get("http_request_duration_seconds_bucket")
    assert bucket is not None
    assert bucket.family == "http_request_duration_seconds"
    assert bucket.type == "counter"
    assert {"0.25", "1", "1.0", "+Inf"} <= (bucket.labels["le"] or frozenset())
    assert "le" not in catalogue.metrics["http_request_duration_seconds_sum"].labels
    assert catalogue.get("http_request_duration_seconds") is None
    assert catalogue.nearest("http_request_duration_seconds") == "http_request_duration_seconds_bucket"


def test_values_that_hold_an_environment_are_those_of_the_one_asked_for() -> None:
    prod = load_catalogue(env="prod").metrics["game_events_published_total"]
    assert "cc.games.rounds.prod" in (prod.labels["topic"] or frozenset())
    assert "cc.games.rounds.dev" not in (prod.labels["topic"] or frozenset())
    group = load_catalogue(env="prod").metrics["kafka_consumer_assigned_partitions"].labels["group"]
    assert group and all(one.endswith(".prod") for one in group)
    assert load_catalogue().metrics["game_events_published_total"].labels["topic"] is None


@pytest.mark.parametrize("name", ["up", "ALERTS", "kafka_consumergroup_lag", "scrape_duration_seconds"])
def test_series_of_others_are_known(name: str) -> None:
    assert load_catalogue().get(name) is not None


def test_a_typing_error_finds_what_was_meant() -> None:
    catalogue = load_catalogue()
    assert catalogue.get("purchase_atempt_total") is None
    assert catalogue.nearest("purchase_atempt_total") == "purchase_attempt_total"
    assert catalogue.nearest("true") == ""


def test_recordings_join_with_the_labels_they_can_have() -> None:
    known = load_catalogue().with_recordings({"slo:x:rate5m": frozenset({"slo"}), "a:b": None})
    (selector,) = selectors(parse("slo:x:rate5m > 1"))
    assert known.labels_of(selector) == {"slo"}
    assert known.labels_of(selectors(parse("a:b"))[0]) is None


def test_a_file_that_declares_no_metrics_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "metrics.yml").write_text("a: {type: summary}\n")
    with pytest.raises(UsageError) as caught:
        load_catalogue(tmp_path)
    assert caught.value.code == "CONTRACT_INVALID"
    assert "summary" in caught.value.evidence
