"""Resets that work: every kind of target, the plan, the snapshot, the log, and the way back."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from tests.integration.kafka.conftest import Filled
from tests.integration.kafka.kit import Cluster, stamps


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (("--to-earliest",), (0, 0, 0)),
        (("--to-offset", "4"), (4, 4, 4)),
        (("--shift-by", "-3"), (7, 7, 7)),
        (("--to-latest",), (10, 10, 10)),
        (("--to-current",), (10, 10, 10)),
        (("--by-duration", "2h"), (0, 0, 0)),
    ],
)
def test_every_kind_of_target_lands_where_it_says(
    cluster: Cluster, filled: Filled, target: tuple[str, ...], expected: tuple[int, ...]
) -> None:
    done = cluster.ccops("kafka", "reset", *filled.names, *target, "--apply")
    assert done.code == 0, done.out + done.err
    assert cluster.committed(filled.group) == filled.places(*expected)


def test_a_dry_run_changes_nothing_and_its_plan_does_exactly_what_it_said(
    cluster: Cluster, filled: Filled
) -> None:
    at = f"{filled.start_ms + 3500}ms"
    shown = cluster.ccops("kafka", "reset", *filled.names, "--to-datetime", at, "-o", "json")
    data = json.loads(shown.out)["data"]
    assert shown.code == 0 and data["applied"] is False and data["changes"] == 3
    assert [one["target"] for one in data["plans"][0]["targets"]] == [4, 4, 4]
    assert cluster.committed(filled.group) == filled.places(10, 10, 10)
    done = cluster.ccops("kafka", "reset", "--plan", data["plan_file"], "--apply", "-o", "json")
    assert done.code == 0, done.out + done.err
    assert cluster.committed(filled.group) == filled.places(4, 4, 4)
    (run,) = json.loads(done.out)["data"]["runs"]
    assert (run["lag_before"], run["lag_after"]) == (0, 18)
    assert run["plan"]["fingerprint"] == data["plans"][0]["fingerprint"]


def test_snapshot_and_audit_say_what_was_and_a_restore_brings_it_back(
    cluster: Cluster, filled: Filled
) -> None:
    filled.at({1: 7}, cluster)
    call = ("kafka", "reset", *filled.names, "--to-earliest", "--reason", "INC-1", "--apply", "-o", "json")
    (run,) = json.loads(cluster.ccops(*call).out)["data"]["runs"]
    snapshot = json.loads(Path(run["snapshot"]).read_text(encoding="utf-8"))
    assert [one["committed"] for one in snapshot["partitions"]] == [10, 7, 10]
    assert [one["target"] for one in snapshot["partitions"]] == [0, 0, 0]
    mine = [line for line in cluster.audit() if line["run_id"] == run["run_id"]]
    assert [line["event"] for line in mine] == ["started", "finished"]
    assert mine[1]["outcome"] == "written" and mine[1]["reason"] == "INC-1"
    assert cluster.runs() == []
    shown = cluster.ccops("kafka", "restore", run["snapshot"])
    assert shown.code == 0 and cluster.committed(filled.group) == filled.places(0, 0, 0)
    back = cluster.ccops("kafka", "restore", run["snapshot"], "--apply")
    assert back.code == 0, back.out + back.err
    assert cluster.committed(filled.group) == filled.places(10, 7, 10)


def test_single_partitions_files_and_other_groups_are_targets_too(
    cluster: Cluster, filled: Filled, tmp_path: Path
) -> None:
    one = ("kafka", "reset", "--group", filled.group, "--topic", f"{filled.topic}:1", "--to-offset", "2")
    assert cluster.ccops(*one, "--apply").code == 0
    assert cluster.committed(filled.group) == filled.places(10, 2, 10)
    path = tmp_path / "offsets.csv"
    path.write_text(f"{filled.topic},0,5\n{filled.topic},2,6\n", encoding="utf-8")
    done = cluster.ccops("kafka", "reset", "--group", filled.group, "--from-file", str(path), "--apply")
    assert done.code == 0, done.err
    assert cluster.committed(filled.group) == filled.places(5, 2, 6)
    copy = filled.group.replace(".clickhouse.", ".copy.")
    call = ("kafka", "reset", "--group", copy, "--topic", filled.topic, "--to-group", filled.group)
    assert cluster.ccops(*call, "--create-group", "--apply").code == 0
    assert cluster.committed(copy) == filled.places(5, 2, 6)
    fresh = filled.group.replace(".clickhouse.", ".fresh.")
    call = ("kafka", "reset", "--group", fresh, "--all-topics", "--create-group")
    none = cluster.ccops(*call, "--to-earliest", "--apply")
    assert none.code == 3 and "KAFKA_NOTHING_COMMITTED" in none.err
    assert cluster.ccops(*call, "--to-group", filled.group, "--apply").code == 0
    assert cluster.committed(fresh) == filled.places(5, 2, 6)
    # Onto a group that stands elsewhere: only what the other has is taken over.
    cluster.commit(fresh, filled.places(9, 9, 9))
    lone = filled.group.replace(".clickhouse.", ".lone.")
    cluster.commit(lone, {(filled.topic, 1): 4})
    call = ("kafka", "reset", "--group", fresh, "--topic", filled.topic, "--to-group", lone, "--apply")
    assert cluster.ccops(*call).code == 0
    assert cluster.committed(fresh) == filled.places(9, 4, 9)


def test_several_groups_and_all_topics_move_together(cluster: Cluster, filled: Filled) -> None:
    other = filled.group.replace(".clickhouse.", ".other.")
    cluster.commit(other, filled.places(3, 3, 3))
    groups = ("--group", filled.group, "--group", other)
    done = cluster.ccops("kafka", "reset", *groups, "--all-topics", "--to-earliest", "--apply")
    assert done.code == 0, done.out + done.err
    assert cluster.committed(filled.group) == cluster.committed(other) == filled.places(0, 0, 0)


def test_a_protected_profile_wants_the_group_typed_and_a_reason(cluster: Cluster, filled: Filled) -> None:
    call = ("kafka", "reset", "--env", "prod", *filled.names, "--to-earliest")
    shown = cluster.ccops(*call)
    assert shown.code == 0 and f"--confirm prod:{filled.group}" in shown.out
    bare = cluster.ccops(*call, "--apply", "--reason", "x")
    assert bare.code == 3 and "ENV_PROTECTED" in bare.err
    mute = cluster.ccops(*call, "--apply", "--confirm", f"prod:{filled.group}")
    assert mute.code == 3 and "KAFKA_REASON_MISSING" in mute.err
    assert cluster.committed(filled.group) == filled.places(10, 10, 10)
    done = cluster.ccops(*call, "--apply", "--confirm", f"prod:{filled.group}", "--reason", "INC-2")
    assert done.code == 0, done.err
    assert cluster.committed(filled.group) == filled.places(0, 0, 0)


def test_times_inside_a_compressed_batch_and_out_of_order_are_found_in_log_order(cluster: Cluster) -> None:
    topic = cluster.topic(2)
    group = topic.replace(".events.", ".clickhouse.")
    start = int(time.time()) * 1000 - 3_600_000
    # One batch of 500; and a log whose third record is younger than all that follow.
    odd = [start, start + 1000, start + 9000, start + 2000, start + 3000]
    cluster.produce(topic, {0: stamps(500, start, 10), 1: odd}, **{"compression.type": "lz4"})
    cluster.commit(group, {(topic, 0): 500, (topic, 1): 5})
    call = ("kafka", "reset", "--group", group, "--topic", topic, "--to-datetime", f"{start + 2500}ms")
    done = cluster.ccops(*call, "--apply")
    assert done.code == 0, done.out + done.err
    assert cluster.committed(group) == {(topic, 0): 250, (topic, 1): 2}
    assert "older records may follow" in cluster.ccops(*call).out
