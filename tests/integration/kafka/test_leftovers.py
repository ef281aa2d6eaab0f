"""What an unlucky end leaves: the next call goes on, and nothing is called unchanged that was changed."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from confluent_kafka import Consumer, TopicPartition

from ccops.kafka import apply, audit, files, journal
from ccops.kafka.broker import Broker
from ccops.kafka.model import Committed, Place, Refusal
from tests.fakes.alertmanager import alertmanager
from tests.integration.kafka.conftest import Filled
from tests.integration.kafka.kit import Cluster, until
from tests.integration.kafka.test_refusals import refused

_ALTER = Broker.alter
_FULL = OSError(28, "No space left on device")
HALF = (
    "from ccops.kafka.broker import Broker\n"
    "real = Broker.alter\n"
    "def some(self, group, offsets):\n"
    "    first = sorted(offsets)[0]\n    real(self, group, {first: offsets[first]})\n"
    "    os.kill(os.getpid(), 9)\n"
    "Broker.alter = some\n"
)


def reset(filled: Filled, *more: str) -> tuple[str, ...]:
    return ("kafka", "reset", *filled.names, "--to-earliest", "--apply", *more)


def test_a_half_written_partition_that_had_no_commit_does_not_bar_the_way_for_ever(
    cluster: Cluster, filled: Filled
) -> None:
    group = filled.group.replace(".clickhouse.", ".half.")
    cluster.commit(group, {(filled.topic, 1): 10, (filled.topic, 2): 10})
    call = ("kafka", "reset", "--group", group, "--topic", filled.topic, "--apply")
    assert cluster.patched(HALF, *call, "--to-earliest").returncode == -9
    done = cluster.ccops(*call, "--to-offset", "3")
    assert done.code == 0 and "1 partition(s) had no commit before and keep theirs" in done.err, done.err
    assert cluster.committed(group) == filled.places(3, 3, 3) and cluster.runs() == []


def test_a_write_that_can_not_be_logged_is_no_refusal_and_is_logged_by_the_next_call(
    cluster: Cluster, filled: Filled, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = apply.write_offsets

    def written(*args: object) -> object:
        monkeypatch.setattr(audit, "append_durably", full)
        return real(*args)  # type: ignore[arg-type]

    def full(path: object, line: object) -> None:
        raise files.unwritable(path, _FULL)  # type: ignore[arg-type]

    monkeypatch.setattr(apply, "write_offsets", written)
    said = refused(cluster.ccops(*reset(filled)), "KAFKA_AUDIT_LOST", 5)
    assert "No space left" in said and "ccops kafka restore" in said
    monkeypatch.undo()
    (left,) = cluster.runs()
    done = cluster.ccops(*reset(filled))
    assert done.code == 0 and "it is finished" in done.err
    ends = [one for one in cluster.audit() if one["run_id"] == left.stem and one["event"] == "finished"]
    assert [one["outcome"] for one in ends] == ["written"] and cluster.runs() == []


def test_a_run_that_can_not_be_noted_leaves_no_silence(
    cluster: Cluster, filled: Filled, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(entry: journal.Entry) -> None:
        raise files.unwritable(entry.path, _FULL)

    monkeypatch.setattr(journal, "writing", full)
    with alertmanager() as silences:
        done = cluster.ccops(*reset(filled), env={"CCOPS_ALERTMANAGER_URL": silences.url})
        refused(done, "KAFKA_STATE_UNWRITABLE")
        assert silences.posts == 1 and silences.alive() == []
    assert cluster.committed(filled.group) == filled.places(10, 10, 10) and cluster.runs() == []


def test_a_run_that_was_interrupted_on_a_topic_that_is_gone_is_ended(
    cluster: Cluster, filled: Filled
) -> None:
    patch = "from ccops.kafka import apply\napply.check_fresh = lambda *args: os.kill(os.getpid(), 9)\n"
    plan = json.loads(cluster.ccops("kafka", "reset", *filled.names, "--to-earliest", "-o", "json").out)
    assert cluster.patched(patch, *reset(filled)).returncode == -9
    cluster.delete(filled.topic)
    path = plan["data"]["plan_file"]
    gone = refused(cluster.ccops("kafka", "reset", "--plan", path, "--apply"), "KAFKA_PLAN_STALE")
    assert "the topic is gone" in gone and cluster.runs() == []
    assert cluster.ccops(*reset(Filled(cluster))).code == 0


def test_a_run_whose_snapshot_is_gone_stops_the_next_one_with_a_way_out(
    cluster: Cluster, filled: Filled
) -> None:
    patch = "from ccops.kafka import apply\napply.check_fresh = lambda *args: os.kill(os.getpid(), 9)\n"
    assert cluster.patched(patch, *reset(filled)).returncode == -9
    (left,) = cluster.runs()
    (left.parent.parent / "snapshots" / left.name).unlink()
    said = refused(cluster.ccops(*reset(filled)), "KAFKA_RUN_UNREADABLE")
    assert f"remove {left}" in said
    left.unlink()
    assert cluster.ccops(*reset(filled)).code == 0


def test_a_coordinator_that_is_just_beginning_is_asked_again(
    cluster: Cluster, filled: Filled, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = ["NOT_COORDINATOR", "COORDINATOR_LOAD_IN_PROGRESS"]

    def early(self: Broker, group: str, offsets: Mapping[Place, Committed]) -> dict[Place, Refusal]:
        if answers:
            return dict.fromkeys(offsets, Refusal(answers.pop(), "not yet"))
        return _ALTER(self, group, offsets)

    monkeypatch.setattr(Broker, "alter", early)
    done = cluster.ccops(*reset(filled))
    assert done.code == 0 and answers == [], done.err
    assert cluster.committed(filled.group) == filled.places(0, 0, 0)


def test_while_a_coordinator_begins_somebody_else_is_still_seen(
    cluster: Cluster, filled: Filled, monkeypatch: pytest.MonkeyPatch
) -> None:
    def early(self: Broker, group: str, offsets: Mapping[Place, Committed]) -> dict[Place, Refusal]:
        filled.at({1: 4}, cluster)
        return dict.fromkeys(offsets, Refusal("NOT_COORDINATOR", "not yet"))

    monkeypatch.setattr(Broker, "alter", early)
    refused(cluster.ccops(*reset(filled)), "KAFKA_VERIFY_MISMATCH", 5)
    assert cluster.committed(filled.group) == filled.places(10, 4, 10)


def test_a_second_machine_is_seen_up_to_the_last_moment_before_the_write(
    cluster: Cluster, filled: Filled, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = apply.check_fresh

    def late(*args: object) -> None:
        real(*args)  # type: ignore[arg-type]
        filled.at({2: 6}, cluster)

    monkeypatch.setattr(apply, "check_fresh", late)
    said = refused(cluster.ccops(*reset(filled)), "KAFKA_PLAN_STALE")
    assert "committed was 10, is 6" in said
    assert cluster.committed(filled.group) == filled.places(10, 10, 6)


def test_a_topic_that_is_made_again_under_the_write_is_no_success(
    cluster: Cluster, filled: Filled, monkeypatch: pytest.MonkeyPatch
) -> None:
    def again(self: Broker, group: str, offsets: Mapping[Place, Committed]) -> dict[Place, Refusal]:
        cluster.delete(filled.topic)
        cluster.create(filled.topic)
        return _ALTER(self, group, offsets)

    monkeypatch.setattr(Broker, "alter", again)
    call = ("kafka", "reset", *filled.names, "--to-offset", "5", "--apply")
    said = refused(cluster.ccops(*call), "KAFKA_VERIFY_MISMATCH", 5)
    assert "its records changed under the write" in said and "AHEAD" in said


def test_an_offset_that_a_transaction_has_yet_to_decide_on_stops_the_reset(
    cluster: Cluster, filled: Filled
) -> None:
    producer = cluster.transaction(filled.topic)
    with cluster.member(filled.group, filled.topic) as consumer:
        offsets = [TopicPartition(filled.topic, 0, 7)]
        producer.send_offsets_to_transaction(offsets, consumer.consumer_group_metadata(), 20)
    try:
        done = cluster.ccops(*reset(filled))
        if cluster.provider == "apache":
            refused(done, "KAFKA_GROUP_IN_TRANSACTION")
        else:  # it does not tell: see the conformance suite
            assert done.code == 0, done.err
    finally:
        producer.abort_transaction(20)
    until(lambda: cluster.ccops(*reset(filled)).code == 0)  # the end of one is written after it is told
    assert cluster.committed(filled.group) == filled.places(0, 0, 0)


@pytest.mark.parametrize(
    "url", ["garbage geheim", "postgresql://u:geheim@127.0.0.1:9/x", "postgresql://h:x/y"]
)
def test_a_database_that_is_none_or_down_never_fails_a_reset(
    cluster: Cluster, filled: Filled, url: str
) -> None:
    done = cluster.ccops(*reset(filled, "--reason", "INC \udcff"), env={"CCOPS_DATABASE_URL": url})
    assert done.code == 0 and "not in the table consumer_offsets" in done.out, done.err
    assert "geheim" not in done.out + done.err
    last = cluster.audit()[-1]
    assert (last["outcome"], last["reason"]) == ("written", "INC \\udcff")


def test_a_member_of_the_new_protocol_is_a_member(cluster: Cluster, filled: Filled) -> None:
    """The emulation does not know the protocol: see the conformance suite."""
    settings = {"bootstrap.servers": cluster.bootstrap, "group.id": filled.group, "log_level": 0}
    consumer = Consumer({**settings, "group.protocol": "consumer", "client.id": "newer"})
    consumer.subscribe([filled.topic])

    def joined() -> bool:
        consumer.poll(0.1)
        with cluster.broker() as broker:
            return not broker.describe([filled.group])[filled.group].idle

    try:
        if cluster.provider == "apache":
            until(joined)
            assert "newer" in refused(cluster.ccops(*reset(filled)), "KAFKA_GROUP_ACTIVE")
    finally:
        consumer.close()
    assert cluster.ccops(*reset(filled, "--wait", "10s")).code == 0


@pytest.mark.parametrize("page", ["<html>please log in</html>", "[]", "null", ""])
def test_a_page_instead_of_alertmanager_stops_the_reset_and_leaves_no_run(
    cluster: Cluster, filled: Filled, page: str
) -> None:
    with answering(page) as url:
        done = cluster.ccops(*reset(filled), env={"CCOPS_ALERTMANAGER_URL": url})
    refused(done, "KAFKA_SILENCE_IMPOSSIBLE")
    assert cluster.committed(filled.group) == filled.places(10, 10, 10) and cluster.runs() == []


@contextmanager
def answering(page: str) -> Iterator[str]:
    """Serve `page` whatever is asked."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(200)
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            self.wfile.write(page.encode())

        do_POST = do_DELETE = do_GET  # noqa: N815

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
