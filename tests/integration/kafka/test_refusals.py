"""What is refused, with three lines that say what, why and what next; and nothing has changed."""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path

import pytest
from confluent_kafka import TopicPartition

from tests.conftest import Ran
from tests.integration.kafka.conftest import Filled
from tests.integration.kafka.kit import HOUR_MS, Cluster, stamps, until


def refused(ran: Ran, code: str, exit_code: int = 3) -> str:
    """Check the three lines and return the evidence."""
    lines = [line for line in ran.err.splitlines() if not line.startswith("  run ")]
    first = next(number for number, line in enumerate(lines) if line.startswith("error["))
    assert lines[first].startswith(f"error[{code}]: "), ran.err
    assert ran.code == exit_code, ran.err
    assert lines[-1].startswith("next: ") and len(lines) - first >= 3, ran.err
    return ran.err


@pytest.mark.parametrize(
    ("env", "options", "code", "exit_code"),
    [
        ("prod", ("--to-datetime", "2026-11-22T09:00:00"), "KAFKA_TIME_NAIVE", 3),
        ("dev", ("--to-datetime", "2026-03-29T02:30:00", "--tz", "Europe/Berlin"), "KAFKA_TIME_SKIPPED", 3),
        ("dev", ("--to-datetime", "2025-10-26T02:30:00", "--tz", "Europe/Berlin"), "KAFKA_TIME_TWICE", 3),
        ("dev", ("--to-datetime", "2099-01-01T00:00:00Z"), "KAFKA_TIME_FUTURE", 3),
        ("dev", ("--to-datetime", "20261122"), "KAFKA_TIME_INVALID", 2),
        ("dev", ("--to-offset", "11"), "KAFKA_OFFSET_BEYOND_END", 3),
        ("dev", ("--shift-by", "-11"), "KAFKA_BEFORE_RETENTION", 3),
        ("dev", ("--shift-by", "many"), "KAFKA_OFFSET_INVALID", 2),
        ("dev", ("--by-duration", "30s"), "KAFKA_NO_RECORD", 3),
        ("dev", (), "KAFKA_TARGET_MISSING", 2),
        ("dev", ("--to-latest", "--to-earliest"), "KAFKA_TARGET_TWICE", 2),
    ],
)
def test_targets_that_nobody_can_have_meant(
    cluster: Cluster, filled: Filled, env: str, options: tuple[str, ...], code: str, exit_code: int
) -> None:
    confirm = ("--confirm", f"prod:{filled.group}", "--reason", "x")
    call = ("kafka", "reset", "--env", env, *filled.names, *options, "--apply", *confirm)
    refused(cluster.ccops(*call), code, exit_code)
    assert cluster.committed(filled.group) == filled.places(10, 10, 10)


def test_a_time_after_the_last_record_goes_to_the_end_only_when_asked(
    cluster: Cluster, filled: Filled
) -> None:
    filled.at({0: 3, 1: 3, 2: 3}, cluster)
    call = ("kafka", "reset", *filled.names, "--by-duration", "30s", "--on-no-match", "end", "--apply")
    assert cluster.ccops(*call).code == 0
    assert cluster.committed(filled.group) == filled.places(10, 10, 10)


def test_a_time_in_a_topic_without_records_is_refused_and_says_what_retention_took(
    cluster: Cluster, filled: Filled
) -> None:
    cut(cluster, filled.topic, 10)
    call = ("kafka", "reset", *filled.names, "--to-datetime", f"{filled.start_ms}ms")
    said = refused(cluster.ccops(*call, "--apply"), "KAFKA_NO_RECORD")
    assert "is empty: all 10 record(s) were removed" in said
    shown = cluster.ccops(*call, "--on-no-match", "end")
    assert (
        shown.code == 0 and "3 partition(s) are empty: retention took what was there, 30 in all" in shown.out
    )
    new = cluster.topic(1)
    cluster.commit(new, {(new, 0): 0})
    call = ("kafka", "reset", "--group", new, "--topic", new, "--by-duration", "1h")
    assert "has never had a record" in refused(cluster.ccops(*call), "KAFKA_NO_RECORD")


def test_one_partition_without_a_match_goes_to_its_end_and_is_marked(
    cluster: Cluster, filled: Filled
) -> None:
    late = filled.start_ms + HOUR_MS // 2
    cluster.produce(filled.topic, {1: [late]})
    filled.at({0: 3, 1: 3, 2: 3}, cluster)
    shown = cluster.ccops(
        "kafka", "reset", *filled.names, "--to-datetime", f"{late}ms", "--apply", "-o", "json"
    )
    targets = json.loads(shown.out)["data"]["runs"][0]["plan"]["targets"]
    assert [(one["target"], one["mark"]) for one in targets] == [(10, "END"), (10, ""), (10, "END")]
    assert cluster.committed(filled.group) == filled.places(10, 10, 10)


def test_a_typing_error_in_the_group_creates_no_group(cluster: Cluster, filled: Filled) -> None:
    typo = filled.group[:-5] + "x.dev"
    call = ("kafka", "reset", "--group", typo, "--topic", filled.topic, "--to-earliest", "--apply")
    said = refused(cluster.ccops(*call), "KAFKA_GROUP_UNKNOWN")
    assert filled.group in said
    assert typo not in cluster.groups()


def test_names_of_other_environments_and_unknown_topics_are_refused(cluster: Cluster, filled: Filled) -> None:
    foreign = filled.group.replace(".dev", ".prod")
    call = ("kafka", "reset", "--group", foreign, "--topic", filled.topic, "--to-earliest", "--create-group")
    refused(cluster.ccops(*call, "--apply"), "KAFKA_GROUP_MISNAMED")
    assert foreign not in cluster.groups()
    missing = ("kafka", "reset", "--group", filled.group, "--topic", "cc.no.such.dev", "--to-earliest")
    refused(cluster.ccops(*missing), "KAFKA_TOPIC_UNKNOWN")
    assert "cc.no.such.dev" not in cluster.admin().list_topics(timeout=5).topics
    for name in ("a b", "x" * 300, "тема"):
        call = ("kafka", "reset", "--group", filled.group, "--topic", name, "--to-earliest")
        refused(cluster.ccops(*call), "KAFKA_TOPIC_UNKNOWN")
    refused(cluster.ccops("kafka", "lag", "--group", "x" * 40_000), "KAFKA_GROUP_UNKNOWN", 1)
    wide = ("kafka", "reset", "--group", filled.group, "--topic", f"{filled.topic}:7", "--to-earliest")
    refused(cluster.ccops(*wide), "KAFKA_PARTITION_UNKNOWN")


def test_an_active_group_is_refused_with_its_members_and_waited_for_on_request(
    cluster: Cluster, filled: Filled
) -> None:
    call = ("kafka", "reset", *filled.names, "--to-earliest", "--apply")
    with cluster.member(filled.group, filled.topic):
        said = refused(cluster.ccops(*call), "KAFKA_GROUP_ACTIVE")
        assert "somebody" in said and "127.0.0.1" in said
        refused(cluster.ccops(*call, "--wait", "1s"), "KAFKA_GROUP_ACTIVE")
    until(lambda: cluster.ccops(*call, "--wait", "20s").code == 0)
    assert cluster.committed(filled.group) == filled.places(0, 0, 0)


def test_records_that_retention_took_are_counted_and_passed_over_only_when_allowed(
    cluster: Cluster, filled: Filled
) -> None:
    cut(cluster, filled.topic, 4)
    call = ("kafka", "reset", *filled.names, "--to-datetime", f"{filled.start_ms}ms", "--apply")
    said = refused(cluster.ccops(*call), "KAFKA_BEFORE_RETENTION")
    assert "up to 12 in 3 partition(s)" in said
    assert cluster.committed(filled.group) == filled.places(10, 10, 10)
    done = cluster.ccops(*call, "--allow-clamp", "-o", "json")
    targets = json.loads(done.out)["data"]["runs"][0]["plan"]["targets"]
    assert [(one["mark"], one["lost"]) for one in targets] == [("RETENTION-CLAMPED", 4)] * 3
    assert cluster.committed(filled.group) == filled.places(4, 4, 4)


def cut(cluster: Cluster, topic: str, before: int) -> None:
    """Do what retention does."""
    places = [TopicPartition(topic, number, before) for number in range(3)]
    for future in cluster.admin().delete_records(places).values():
        future.result(10)


def planned(cluster: Cluster, filled: Filled, *target: str) -> str:
    """Return the file of a plan."""
    shown = cluster.ccops("kafka", "reset", *filled.names, *target, "-o", "json")
    assert shown.code == 0, shown.out + shown.err
    return str(json.loads(shown.out)["data"]["plan_file"])


def test_a_plan_is_stale_when_retention_moved(cluster: Cluster, filled: Filled) -> None:
    plan = planned(cluster, filled, "--to-offset", "2")
    cut(cluster, filled.topic, 5)
    said = refused(cluster.ccops("kafka", "reset", "--plan", plan, "--apply"), "KAFKA_PLAN_STALE")
    assert "retention moved" in said and "3 record(s)" in said
    assert cluster.committed(filled.group) == filled.places(10, 10, 10)


def test_a_plan_is_stale_when_partitions_were_added(cluster: Cluster, filled: Filled) -> None:
    plan = planned(cluster, filled, "--to-earliest")
    cluster.grow(filled.topic, 5)
    said = refused(cluster.ccops("kafka", "reset", "--plan", plan, "--apply"), "KAFKA_PLAN_STALE")
    assert "3 partitions became 5" in said
    assert cluster.committed(filled.group) == filled.places(10, 10, 10)


def test_a_plan_is_stale_when_the_topic_was_made_again(cluster: Cluster, filled: Filled) -> None:
    plan = planned(cluster, filled, "--to-earliest")
    cluster.delete(filled.topic)
    cluster.create(filled.topic)
    said = refused(cluster.ccops("kafka", "reset", "--plan", plan, "--apply"), "KAFKA_PLAN_STALE")
    assert "ran backwards" in said or "deleted and created again" in said


def test_a_plan_is_stale_when_another_operator_was_faster(cluster: Cluster, filled: Filled) -> None:
    mine, theirs = (planned(cluster, filled, "--to-offset", offset) for offset in ("2", "5"))
    assert cluster.ccops("kafka", "reset", "--plan", theirs, "--apply").code == 0
    said = refused(cluster.ccops("kafka", "reset", "--plan", mine, "--apply"), "KAFKA_PLAN_STALE")
    assert "committed was 10, is 5" in said
    assert cluster.committed(filled.group) == filled.places(5, 5, 5)


def test_a_plan_that_was_edited_or_is_old_or_mixed_is_refused(cluster: Cluster, filled: Filled) -> None:
    plan = Path(planned(cluster, filled, "--to-offset", "2"))
    text = plan.read_text(encoding="utf-8")
    mixed = cluster.ccops("kafka", "reset", "--plan", str(plan), "--to-latest", "--apply")
    refused(mixed, "KAFKA_PLAN_MIXED", 2)
    plan.write_text(text.replace('"target": 2', '"target": 1'), encoding="utf-8")
    refused(cluster.ccops("kafka", "reset", "--plan", str(plan), "--apply"), "KAFKA_FILE_INVALID", 2)
    for made_at in ("2026-01-01T00:00:00.000Z", "2099-01-01T00:00:00.000Z"):
        signed(plan, text, made_at)
        refused(cluster.ccops("kafka", "reset", "--plan", str(plan), "--apply"), "KAFKA_PLAN_EXPIRED")
    signed(plan, text, time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime()))
    refused(
        cluster.ccops("kafka", "reset", "--env", "prod", "--plan", str(plan), "--apply"), "KAFKA_PLAN_FOREIGN"
    )
    assert cluster.committed(filled.group) == filled.places(10, 10, 10)


def signed(path: Path, text: str, made_at: str) -> None:
    """Write the plan in `text` as if it had been made at another time."""
    data = json.loads(text)
    data["plans"][0]["made_at"] = made_at
    data["sha256"] = hashlib.sha256(json.dumps(data["plans"], sort_keys=True).encode()).hexdigest()
    path.write_text(json.dumps(data), encoding="utf-8")


def test_a_snapshot_of_another_cluster_or_of_a_topic_made_again_is_refused(
    cluster: Cluster, filled: Filled, tmp_path: Path
) -> None:
    done = cluster.ccops("kafka", "reset", *filled.names, "--to-earliest", "--apply", "-o", "json")
    path = Path(json.loads(done.out)["data"]["runs"][0]["snapshot"])
    data = json.loads(path.read_text(encoding="utf-8"))
    copy = tmp_path / "foreign.json"
    copy.write_text(json.dumps(data | {"cluster": "another-cluster"}), encoding="utf-8")
    refused(cluster.ccops("kafka", "restore", str(copy), "--apply"), "KAFKA_SNAPSHOT_FOREIGN")
    cluster.delete(filled.topic)
    cluster.create(filled.topic)
    cluster.produce(filled.topic, {0: stamps(3, filled.start_ms)})
    said = refused(cluster.ccops("kafka", "restore", str(path), "--apply"), "KAFKA_TOPIC_RECREATED")
    assert filled.topic in said


def test_lag_is_never_negative_and_says_what_it_can_not_know(cluster: Cluster, filled: Filled) -> None:
    filled.at({0: 4}, cluster)
    cut(cluster, filled.topic, 6)
    cluster.grow(filled.topic, 4)
    call = ("kafka", "lag", "--group", filled.group, "--topic", filled.topic, "-o", "json")
    (group,) = json.loads(cluster.ccops(*call).out)["data"]["groups"]
    found = {one["partition"]: (one["state"], one["lag"], one["lost"]) for one in group["partitions"]}
    assert found == {0: ("EXPIRED", 4, 2), 1: ("OK", 0, 0), 2: ("OK", 0, 0), 3: ("UNCOMMITTED", None, 0)}
    assert cluster.ccops(*call, "--fail-above", "3").code == 1
    some = ("kafka", "lag", "--group", filled.group, "--topic", f"{filled.topic}:1,3", "-o", "json")
    (group,) = json.loads(cluster.ccops(*some).out)["data"]["groups"]
    assert [one["partition"] for one in group["partitions"]] == [1, 3]
    watched = cluster.ccops(*call, "--fail-above", "3", "--watch")
    assert watched.code == 1 and json.loads(watched.out.splitlines()[0])["groups"][0]["total"] == 4
    unknown = cluster.ccops("kafka", "lag", "--group", "cc.nobody.here.dev")
    refused(unknown, "KAFKA_GROUP_UNKNOWN", 1)


def test_a_commit_beyond_the_end_is_ahead_and_an_open_transaction_holds_the_end_back(
    cluster: Cluster, filled: Filled
) -> None:
    producer = cluster.transaction(filled.topic)
    for _ in range(5):
        producer.produce(filled.topic, b"{}", partition=0)
    producer.flush(10)
    call = ("kafka", "lag", "--group", filled.group, "--topic", f"{filled.topic}", "-o", "json")
    try:
        held = json.loads(cluster.ccops(*call).out)["data"]["groups"][0]
        seen = json.loads(cluster.ccops(*call, "--isolation", "read_uncommitted").out)["data"]["groups"][0]
        assert (held["total"], seen["total"]) == (0, 5)
        done = cluster.ccops("kafka", "reset", *filled.names, "--to-latest", "--apply")
        assert done.code == 0 and cluster.committed(filled.group) == filled.places(10, 10, 10)
    finally:
        producer.abort_transaction(20)
    cluster.commit(filled.group, {(filled.topic, 1): 99})
    ahead = json.loads(cluster.ccops(*call).out)
    one = ahead["data"]["groups"][0]["partitions"][1]
    assert (one["state"], one["lag"]) == ("AHEAD", None)
    assert [issue["code"] for issue in ahead["issues"]] == ["KAFKA_LAG_AHEAD"]


def test_nobody_at_the_address_is_said(cluster: Cluster) -> None:
    env = {"CCOPS_KAFKA_BOOTSTRAP": "127.0.0.1:9"}
    refused(cluster.ccops("kafka", "lag", "--timeout", "1", env=env), "KAFKA_UNREACHABLE", 4)
