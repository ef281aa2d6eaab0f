"""Replays: a window of records again, under a group of its own, with a report on repeats."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from ccops.kafka import replay
from ccops.kafka.handlers import Record
from tests.conftest import Ran
from tests.integration.kafka.conftest import Filled
from tests.integration.kafka.kit import Cluster, stamps
from tests.integration.kafka.test_refusals import cut, refused


class Consumer:
    """A handler as somebody would write it: it knows what it has done."""

    done: set[str]
    fail_at: str

    def __init__(self) -> None:
        self.done, self.fail_at = set(), ""

    def __call__(self, record: Record) -> bool:
        if record.event_id == self.fail_at:
            raise ValueError("this one is poison")
        new = record.event_id not in self.done
        self.done.add(record.event_id)
        return new


@pytest.fixture
def handler(monkeypatch: pytest.MonkeyPatch) -> Consumer:
    """A handler that the command line can name."""
    made = Consumer()
    monkeypatch.setitem(sys.modules, "replay_handlers", made)  # type: ignore[arg-type]
    monkeypatch.setattr(made, "fix", made, raising=False)
    return made


def window(filled: Filled, first: int, stop: int, *more: str) -> tuple[str, ...]:
    """The call for records number `first` up to `stop`."""
    times = (f"{filled.start_ms + number * 1000}ms" for number in (first, stop))
    names = ("--from-datetime", next(times), "--until", next(times))
    return ("kafka", "replay", *filled.names, *names, "-o", "json", *more)


def test_a_window_is_read_again_by_a_group_of_its_own_and_the_source_stays(
    cluster: Cluster, filled: Filled, handler: Consumer
) -> None:
    before = cluster.committed(filled.group)
    shown = json.loads(cluster.ccops(*window(filled, 2, 6, "--at", "2026112209")).out)["data"]
    assert shown["applied"] is False and shown["records"] == 12
    assert shown["group"] == f"{filled.group}.replay.2026112209" and shown["group"] not in cluster.groups()
    call = window(filled, 2, 6, "--at", "2026112209", "--handler", "replay_handlers:fix", "--apply")
    done = cluster.ccops(*call)
    assert done.code == 0, done.out + done.err
    report = json.loads(done.out)["data"]["idempotency"]
    assert (report["read"], report["events"], report["effects"], report["known_already"]) == (12, 12, 12, 0)
    assert len(handler.done) == 12
    assert cluster.committed(filled.group) == before
    assert cluster.committed(shown["group"]) == filled.places(6, 6, 6)
    again = window(filled, 2, 6, "--at", "2026112210", "--handler", "replay_handlers:fix", "--apply")
    report = json.loads(cluster.ccops(*again).out)["data"]["idempotency"]
    assert (report["effects"], report["known_already"]) == (0, 12)


def test_a_handler_that_fails_stops_the_replay_and_the_next_call_goes_on_there(
    cluster: Cluster, filled: Filled, handler: Consumer
) -> None:
    handler.fail_at = f"{filled.topic}-1-{filled.start_ms + 4000}"
    call = window(filled, 0, 8, "--at", "2026112209", "--handler", "replay_handlers:fix", "--apply")
    said = refused(cluster.ccops(*call[:-1], "--apply", "-o", "text"), "KAFKA_HANDLER_FAILED", 5)
    assert "poison" in said and f"{filled.topic}:1 offset 4" in said
    handler.fail_at = ""
    report = json.loads(cluster.ccops(*call).out)["data"]["idempotency"]
    assert report["known_already"] == 0 and report["read"] + report["resumed_after"] == 24
    assert len(handler.done) == 24


def test_another_window_of_the_same_hour_would_skip_records_and_is_refused(
    cluster: Cluster, filled: Filled
) -> None:
    assert cluster.ccops(*window(filled, 4, 6, "--at", "2026112209", "--apply")).code == 0
    call = window(filled, 0, 6, "--at", "2026112209", "--apply", "-o", "text")
    refused(cluster.ccops(*call), "KAFKA_REPLAY_TAKEN")


def test_records_outside_the_window_and_repeats_inside_are_counted(cluster: Cluster) -> None:
    filled = Filled(cluster)
    # A record from before the window lies in the middle of it, and an event comes twice.
    cluster.produce(filled.topic, {0: [filled.start_ms + 11_000, filled.start_ms, filled.start_ms + 11_000]})
    done = cluster.ccops(*window(filled, 11, 12, "--at", "2026112209", "--apply"))
    report = json.loads(done.out)["data"]["idempotency"]
    assert (report["read"], report["outside_window"], report["repeated_ids"]) == (3, 1, 1)


def test_a_rate_is_kept(cluster: Cluster, filled: Filled) -> None:
    import time

    begun = time.monotonic()
    assert cluster.ccops(*window(filled, 0, 5, "--at", "2026112209", "--rate", "20", "--apply")).code == 0
    assert time.monotonic() - begun > 15 / 20 * 0.9


def test_windows_and_handlers_that_can_not_be_are_refused(cluster: Cluster, filled: Filled) -> None:
    refused(cluster.ccops(*window(filled, 5, 5, "-o", "text")), "KAFKA_REPLAY_WINDOW")
    refused(cluster.ccops(*window(filled, 500, 600, "-o", "text")), "KAFKA_REPLAY_WINDOW")
    bad = window(filled, 0, 5, "--handler", "no.such:thing", "-o", "text")
    refused(cluster.ccops(*bad), "KAFKA_HANDLER_UNKNOWN", 2)
    source = ("--group", f"{filled.group}.replay.2026112209", "--topic", filled.topic)
    times = ("--from-datetime", "1795398211s", "--until", "1795398212s")
    refused(cluster.ccops("kafka", "replay", *source, *times), "KAFKA_REPLAY_OF_REPLAY", 2)


def test_old_replay_groups_are_collected_and_others_never(cluster: Cluster, filled: Filled) -> None:
    old, busy, young = (
        f"{filled.group}.replay.{hour}" for hour in ("2026010100", "2026010101", "2026112300")
    )
    for group in (old, busy, young):
        cluster.commit(group, filled.places(1, 1, 1))
    with cluster.member(busy, filled.topic):
        shown = cluster.ccops("kafka", "replay-gc", "-o", "json", "--older-than", "30d")
        found = {one["group"]: one for one in json.loads(shown.out)["data"]["groups"]}
        assert found[old]["kept_because"] is None and "STABLE" in found[busy]["kept_because"]
        assert "younger" in found[young]["kept_because"] and filled.group not in found
        assert old in cluster.groups()
        assert cluster.ccops("kafka", "replay-gc", "--older-than", "30d", "--apply").code == 0
        assert old not in cluster.groups()
        assert {busy, young, filled.group} <= cluster.groups()


def test_names_and_topics_are_held_against_the_standard(cluster: Cluster, tmp_path: Path) -> None:
    cluster.create("notours", 1)
    try:
        named = cluster.ccops("kafka", "naming", "check", "-o", "json")
        assert named.code == 1
        wrong = {one["name"] for one in json.loads(named.out)["data"]["misnamed"]}
        assert "notours" in wrong and not any(name.startswith("cc.t") for name in wrong)
        checked = cluster.ccops("kafka", "topics", "check", "-o", "json")
        codes = {issue["message"].split(":")[0]: issue["code"] for issue in json.loads(checked.out)["issues"]}
        assert checked.code == 1 and codes["notours"] == "KAFKA_TOPIC_UNDECLARED"
        assert codes["cc.actions.events.dev"] == "KAFKA_TOPIC_MISSING"
    finally:
        cluster.delete("notours")
    assert stamps(2, 5) == [5, 1005]


def test_two_replays_of_one_group_do_not_both_run(
    cluster: Cluster, filled: Filled, monkeypatch: pytest.MonkeyPatch
) -> None:
    call, inner = window(filled, 0, 5, "--at", "2026112209", "--apply", "-o", "text"), list[Ran]()

    def meanwhile(*args: object) -> dict[tuple[str, int], int]:
        if not inner:
            inner.append(Ran(0, "", ""))
            inner[0] = cluster.ccops(*call)
        return real(*args)  # type: ignore[arg-type]

    real = replay._starts
    monkeypatch.setattr(replay, "_starts", meanwhile)
    assert cluster.ccops(*call).code == 0
    refused(inner[0], "KAFKA_LOCKED")


def test_a_replay_group_that_somebody_reads_with_is_left_alone(cluster: Cluster, filled: Filled) -> None:
    with cluster.member(f"{filled.group}.replay.2026112209", filled.topic):
        call = window(filled, 0, 5, "--at", "2026112209", "--apply", "-o", "text")
        assert "somebody" in refused(cluster.ccops(*call), "KAFKA_GROUP_ACTIVE")


def test_a_member_that_joins_a_replay_is_said(
    cluster: Cluster, filled: Filled, handler: Consumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("--at", "2026112209", "--handler", "replay_handlers:fix", "--apply", "-o", "text")
    real = replay._commit

    def joined(*args: object) -> None:
        with cluster.member(f"{filled.group}.replay.2026112209", filled.topic):
            real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(replay, "_commit", joined)
    refused(cluster.ccops(*window(filled, 0, 5, *names)), "KAFKA_REPLAY_DISTURBED", 5)


def test_what_retention_took_before_or_during_a_replay_is_said(
    cluster: Cluster, filled: Filled, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut(cluster, filled.topic, 2)
    call = window(filled, 0, 9, "--at", "2026112209", "-o", "text")
    assert "up to 6" in refused(cluster.ccops(*call), "KAFKA_BEFORE_RETENTION")
    shown = cluster.ccops(*call, "--allow-clamp")
    assert shown.code == 0 and "retention has removed records" in shown.out
    assert "behind the first one after its end are not read" in shown.out
    real = replay._starts

    def late(*args: object) -> dict[tuple[str, int], int]:
        cut(cluster, filled.topic, 4)
        return real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(replay, "_starts", late)
    refused(cluster.ccops(*call, "--allow-clamp", "--apply"), "KAFKA_REPLAY_LOST", 5)
