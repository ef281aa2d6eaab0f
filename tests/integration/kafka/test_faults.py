"""What goes wrong in the middle: nothing is believed that was not read back, nothing is left behind."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping

import pytest

from ccops.core.errors import Unreachable
from ccops.kafka import apply, readback, write
from ccops.kafka.broker import Broker
from ccops.kafka.model import Committed, Place, Refusal
from tests.fakes.alertmanager import Silences, alertmanager
from tests.integration.kafka.conftest import Filled
from tests.integration.kafka.kit import Cluster, until
from tests.integration.kafka.test_refusals import refused

_ALTER = Broker.alter
_BACK_S = 60.0  # real Kafka on a busy machine may need half of it to come back
_DURABLE_S = 1.2  # the embedded broker forgets what it acknowledged within the last half second


@pytest.fixture
def silences() -> Iterator[Silences]:
    with alertmanager() as made:
        yield made


def reset(filled: Filled, *more: str) -> tuple[str, ...]:
    return ("kafka", "reset", *filled.names, "--to-earliest", "--apply", *more)


def after_kill(cluster: Cluster, filled: Filled, expected: dict[Place, int]) -> None:
    """Wait until the broker is back and the group stands where expected."""

    def there() -> bool:
        try:
            return cluster.committed(filled.group) == expected
        except Unreachable:
            return False

    until(there, _BACK_S)


def test_a_process_killed_after_the_write_is_finished_by_the_next_call(
    cluster: Cluster, filled: Filled
) -> None:
    patch = (
        "from ccops.kafka import apply, write\n"
        "real = apply.write_offsets\n"
        "def die(*args):\n    real(*args)\n    os.kill(os.getpid(), 9)\n"
        "apply.write_offsets = die\n"
    )
    assert cluster.patched(patch, *reset(filled)).returncode == -9
    assert cluster.committed(filled.group) == filled.places(0, 0, 0)
    (left,) = cluster.runs()
    shown = cluster.ccops("kafka", "reset", *filled.names, "--to-offset", "5")
    assert "was interrupted (writing)" in shown.out and cluster.runs() == [left]
    done = cluster.ccops("kafka", "reset", *filled.names, "--to-offset", "5", "--apply")
    assert done.code == 0, done.err
    assert "was interrupted and had written everything; it is finished" in done.err
    assert cluster.committed(filled.group) == filled.places(5, 5, 5)
    assert cluster.runs() == []
    mine = [line for line in cluster.audit() if line["run_id"] == left.stem]
    assert [(line["event"], line.get("outcome")) for line in mine] == [
        ("started", None),
        ("finished", "written"),
    ]


def test_a_process_killed_in_the_middle_of_a_write_is_undone_by_the_next_call(
    cluster: Cluster, filled: Filled
) -> None:
    patch = (
        "from ccops.kafka.broker import Broker\n"
        "real = Broker.alter\n"
        "def some(self, group, offsets):\n"
        "    first = sorted(offsets)[0]\n    real(self, group, {first: offsets[first]})\n"
        "    os.kill(os.getpid(), 9)\n"
        "Broker.alter = some\n"
    )
    assert cluster.patched(patch, *reset(filled)).returncode == -9
    assert cluster.committed(filled.group) == filled.places(0, 10, 10)
    done = cluster.ccops("kafka", "reset", *filled.names, "--to-offset", "5", "--apply")
    assert done.code == 0 and "had written a part; that was put back" in done.err, done.out + done.err
    assert cluster.committed(filled.group) == filled.places(5, 5, 5)


def test_a_process_killed_before_the_write_leaves_a_silence_that_the_next_call_ends(
    cluster: Cluster, filled: Filled, silences: Silences
) -> None:
    env = f"os.environ['CCOPS_ALERTMANAGER_URL'] = {silences.url!r}\n"
    patch = "from ccops.kafka import journal\njournal.writing = lambda *args: os.kill(os.getpid(), 9)\n"
    assert cluster.patched(env + patch, *reset(filled)).returncode == -9
    assert len(silences.alive()) == 1
    done = cluster.ccops(*reset(filled), env={"CCOPS_ALERTMANAGER_URL": silences.url})
    assert done.code == 0 and "before it wrote anything" in done.err, done.out + done.err
    assert len(silences.items) == 2  # one a run
    assert cluster.runs() == []


def test_a_member_that_joins_after_the_check_makes_the_broker_refuse_and_nothing_moves(
    cluster: Cluster, filled: Filled, monkeypatch: pytest.MonkeyPatch, silences: Silences
) -> None:
    def joined(self: Broker, group: str, offsets: Mapping[Place, Committed]) -> dict[Place, Refusal]:
        with cluster.member(filled.group, filled.topic):
            return _ALTER(self, group, offsets)

    monkeypatch.setattr(Broker, "alter", joined)
    done = cluster.ccops(*reset(filled), env={"CCOPS_ALERTMANAGER_URL": silences.url})
    refused(done, "KAFKA_MEMBER_JOINED")
    assert cluster.committed(filled.group) == filled.places(10, 10, 10)
    assert silences.alive() == [] and silences.posts == 1
    assert cluster.audit()[-1]["outcome"] == "nothing written"
    assert cluster.runs() == []


def test_a_write_that_is_made_in_part_is_rolled_back(
    cluster: Cluster, filled: Filled, monkeypatch: pytest.MonkeyPatch
) -> None:
    first: list[bool] = []

    def part(self: Broker, group: str, offsets: Mapping[Place, Committed]) -> dict[Place, Refusal]:
        if first:
            return _ALTER(self, group, offsets)
        first.append(True)
        bad = (filled.topic, 1)
        _ALTER(self, group, {place: item for place, item in offsets.items() if place != bad})
        return {bad: Refusal("NOT_COORDINATOR", "moved away")}

    monkeypatch.setattr(Broker, "alter", part)
    said = refused(cluster.ccops(*reset(filled)), "KAFKA_ROLLED_BACK", 5)
    assert "2 of 3" in said and "NOT_COORDINATOR" in said
    assert cluster.committed(filled.group) == filled.places(10, 10, 10)
    assert cluster.audit()[-1]["outcome"] == "rolled back"


def test_a_part_that_can_not_be_put_back_is_said_with_the_way_back(
    cluster: Cluster, filled: Filled, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []

    def part(self: Broker, group: str, offsets: Mapping[Place, Committed]) -> dict[Place, Refusal]:
        calls.append(group)
        if len(calls) > 1:
            return dict.fromkeys(offsets, Refusal("NOT_COORDINATOR", "moved away"))
        _ALTER(self, group, {place: item for place, item in offsets.items() if place[1] == 0})
        return {}

    monkeypatch.setattr(Broker, "alter", part)
    said = refused(cluster.ccops(*reset(filled)), "KAFKA_PARTIAL", 5)
    monkeypatch.undo()
    restore = said.splitlines()[-1].removeprefix("next: ccops ").split()
    assert cluster.committed(filled.group) == filled.places(0, 10, 10)
    assert cluster.ccops(*restore).code == 0
    assert cluster.committed(filled.group) == filled.places(10, 10, 10)


def test_somebody_else_who_moves_the_group_meanwhile_is_seen(
    cluster: Cluster, filled: Filled, monkeypatch: pytest.MonkeyPatch
) -> None:
    def twice(self: Broker, group: str, offsets: Mapping[Place, Committed]) -> dict[Place, Refusal]:
        found = _ALTER(self, group, offsets)
        filled.at({1: 4}, cluster)
        return found

    monkeypatch.setattr(Broker, "alter", twice)
    said = refused(cluster.ccops(*reset(filled)), "KAFKA_VERIFY_MISMATCH", 5)
    assert "wrote 0, reads 4" in said


def test_two_operators_on_one_machine_are_kept_apart(
    cluster: Cluster, filled: Filled, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner: list[tuple[int, str]] = []

    def meanwhile(self: Broker, group: str, offsets: Mapping[Place, Committed]) -> dict[Place, Refusal]:
        second = cluster.patched("", *reset(filled))
        inner.append((second.returncode, second.stderr))
        return _ALTER(self, group, offsets)

    monkeypatch.setattr(Broker, "alter", meanwhile)
    done = cluster.ccops(*reset(filled))
    assert done.code == 0, done.err
    ((code, said),) = inner
    assert code == 3 and "error[KAFKA_LOCKED]" in said and "reset-2" in said


def test_two_operators_on_two_machines_are_seen_by_the_last_look(
    cluster: Cluster, filled: Filled, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = apply.take

    def slow(*args: object) -> object:
        filled.at({2: 6}, cluster)
        return real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(apply, "take", slow)
    said = refused(cluster.ccops(*reset(filled)), "KAFKA_PLAN_STALE")
    assert "committed was 10, is 6" in said
    assert cluster.committed(filled.group) == filled.places(10, 10, 6)


def test_a_broker_that_dies_before_the_write_is_read_back_and_nothing_was_written(
    cluster: Cluster, filled: Filled, monkeypatch: pytest.MonkeyPatch
) -> None:
    time.sleep(_DURABLE_S)

    def killed(self: Broker, group: str, offsets: Mapping[Place, Committed]) -> dict[Place, Refusal]:
        cluster.kill()
        raise Unreachable("KAFKA_UNREACHABLE", "gone", evidence="the connection was closed")

    monkeypatch.setattr(write, "READ_BACK_S", _BACK_S)
    monkeypatch.setattr(Broker, "alter", killed)
    refused(cluster.ccops(*reset(filled, "--timeout", "2")), "KAFKA_NOT_WRITTEN", 4)
    after_kill(cluster, filled, filled.places(10, 10, 10))
    assert cluster.runs() == []


def test_a_broker_that_dies_after_the_write_is_read_back_and_the_run_is_complete(
    cluster: Cluster, filled: Filled, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(self: Broker, group: str, offsets: Mapping[Place, Committed]) -> dict[Place, Refusal]:
        _ALTER(self, group, offsets)
        time.sleep(_DURABLE_S)
        cluster.kill()
        raise Unreachable("KAFKA_UNREACHABLE", "gone", evidence="the connection was closed")

    monkeypatch.setattr(write, "READ_BACK_S", _BACK_S)
    monkeypatch.setattr(Broker, "alter", killed)
    done = cluster.ccops(*reset(filled, "--timeout", "2"))
    assert done.code == 0 and "the answer to the write was lost" in done.out, done.out + done.err
    after_kill(cluster, filled, filled.places(0, 0, 0))


def test_a_broker_that_stays_away_leaves_a_run_that_the_next_call_ends(
    cluster: Cluster, filled: Filled, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*args: object) -> object:
        raise Unreachable("KAFKA_UNREACHABLE", "gone", evidence="nobody answers")

    monkeypatch.setattr(write, "read_back", gone)
    said = refused(cluster.ccops(*reset(filled)), "KAFKA_OUTCOME_UNKNOWN", 4)
    assert "ccops kafka restore" in said and len(cluster.runs()) == 1
    monkeypatch.setattr(write, "read_back", readback.read_back)
    filled_again = cluster.ccops("kafka", "reset", *filled.names, "--to-offset", "3", "--apply")
    assert filled_again.code == 0 and "it is finished" in filled_again.err, filled_again.err
    assert cluster.runs() == []


def test_the_silence_is_exact_owned_and_kept_while_the_lag_would_ring(
    cluster: Cluster, filled: Filled, silences: Silences
) -> None:
    env = {"CCOPS_ALERTMANAGER_URL": silences.url, "ALERT_KAFKA_LAG_MAX": "1000"}
    done = cluster.ccops(*reset(filled, "-o", "json"), env=env)
    (run,) = json.loads(done.out)["data"]["runs"]
    (one,) = silences.items.values()
    assert one["createdBy"] == f"ccops/{run['run_id']}" and str(one["comment"]).startswith(run["run_id"])
    assert one["matchers"] == [
        {"name": "alertname", "value": "KafkaHighConsumerLag", "isRegex": False, "isEqual": True},
        {"name": "consumergroup", "value": filled.group, "isRegex": False, "isEqual": True},
    ]
    assert silences.alive() == [] and run["silence"].endswith("ended")  # 30 records would not ring


def test_an_alertmanager_that_is_down_stops_the_reset_before_the_write(
    cluster: Cluster, filled: Filled
) -> None:
    env = {"CCOPS_ALERTMANAGER_URL": "http://127.0.0.1:9"}
    refused(cluster.ccops(*reset(filled), env=env), "KAFKA_SILENCE_IMPOSSIBLE")
    assert cluster.committed(filled.group) == filled.places(10, 10, 10)
    assert cluster.audit()[-1]["outcome"] == "refused" and cluster.runs() == []
    done = cluster.ccops(*reset(filled, "--no-silence"), env=env)
    assert done.code == 0 and "no silence, as asked" in done.out
    assert cluster.committed(filled.group) == filled.places(0, 0, 0)
