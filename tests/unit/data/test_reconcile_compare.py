"""Planted losses, repeats and strangers on each side, compared without servers."""

from __future__ import annotations

import tracemalloc
import uuid
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ccops.data import reconcile_compare, reconcile_ids
from ccops.data.reconcile_compare import Comparison, Sides
from ccops.data.reconcile_ids import BUCKETS, Entry, Ids, Kinds, State
from ccops.data.reconcile_model import Reconciled, Route, Topic, Verdict, Window

SINCE, UNTIL, FRESH = 1_000_000, 2_000_000, 1_900_000


class Plant:
    """Three sides with the same events, which a test then damages by what it adds."""

    def __init__(self, folder: Path, *, table: str = "events", source: str = "user_actions") -> None:
        self.kinds = Kinds()
        self.topic = Topic(Route("cc.actions.events.t", table, source))
        self.sides = Sides(
            Ids(folder, "postgres"), Ids(folder, "kafka"), Ids(folder, "clickhouse") if table else None
        )

    def event(
        self, at: str = "pkc", *, ms: int = 1_500_000, kind: str = "", state: int = State.ACKED
    ) -> bytes:
        ident = uuid.uuid4().bytes
        entry = Entry(ident, ms, self.kinds.number(kind), state)
        for letter in at:
            side = {"p": self.sides.postgres, "k": self.sides.kafka, "c": self.sides.clickhouse}[letter]
            assert side is not None
            side.add(entry)
        return ident

    def compare(self, *, kept_ms: int = 0) -> Comparison:
        made = Comparison(self.topic, self.kinds, fresh_ms=FRESH, kept_ms=kept_ms, edges=(SINCE, UNTIL))
        made.run(self.sides)
        return made

    def settled(self, *, kept_ms: int = 0) -> Topic:
        """Compare, and let the second look find nothing new."""
        made = self.compare(kept_ms=kept_ms)
        for one in made.doubts.missing.values():
            made.resolve(one, record=False, row=False)
        for side, found in (
            ("kafka", made.doubts.foreign_kafka),
            ("clickhouse", made.doubts.foreign_clickhouse),
        ):
            for ident, ms in found.items():
                made.stranger(ident, ms, side)
        return self.topic


@pytest.fixture
def plant(tmp_path: Path) -> Plant:
    made = Plant(tmp_path)
    for _ in range(100):
        made.event(kind="LOGIN")
    return made


def test_equal_sides_pass(plant: Plant) -> None:
    topic = plant.settled()

    assert topic.verdict(0.0) is Verdict.PASS
    assert (topic.tally.events, topic.tally.in_kafka, topic.tally.in_clickhouse) == (100, 100, 100)
    assert topic.repair == []


@pytest.mark.parametrize(
    ("at", "name"), [("pc", "missing_kafka"), ("pk", "missing_clickhouse"), ("p", "missing_kafka")]
)
def test_one_loss_fails_and_is_named(plant: Plant, at: str, name: str) -> None:
    lost = plant.event(at)
    topic = plant.settled()

    assert topic.verdict(0.0) is Verdict.FAIL
    assert topic.verdict(0.02) is Verdict.PASS
    assert getattr(topic.tally, name) == 1
    assert topic.tally.lost == 1  # also when both sides lack it
    assert topic.samples[name] == [str(uuid.UUID(bytes=lost))]
    assert topic.repair == [lost]


def test_the_allowed_share_is_of_events_and_reached_is_allowed(plant: Plant) -> None:
    plant.event("pk")
    topic = plant.settled()

    assert topic.verdict(1 / 101) is Verdict.PASS
    assert topic.verdict(1 / 102) is Verdict.FAIL


def test_a_loss_hidden_by_an_equal_count_is_found(plant: Plant) -> None:
    plant.event("pk")
    plant.event("c")
    topic = plant.settled()

    assert plant.sides.clickhouse is not None
    assert plant.sides.clickhouse.count == plant.sides.postgres.count
    assert (topic.tally.missing_clickhouse, topic.tally.foreign_clickhouse) == (1, 1)


@pytest.mark.parametrize(("at", "name"), [("k", "foreign_kafka"), ("c", "foreign_clickhouse")])
def test_a_stranger_fails_whatever_may_be_lost(plant: Plant, at: str, name: str) -> None:
    plant.event(at)
    topic = plant.settled()

    assert getattr(topic.tally, name) == 1
    assert topic.verdict(1.0) is Verdict.FAIL


def test_a_repeated_record_is_at_least_once_but_a_second_row_is_a_failure(plant: Plant) -> None:
    plant.event("pkkc")
    topic = plant.settled()
    assert (topic.verdict(0.0), topic.tally.repeated_kafka) == (Verdict.PASS, 1)


def test_a_second_row_after_final_is_a_failure(plant: Plant) -> None:
    plant.event("pkcc")
    topic = plant.settled()
    assert (topic.verdict(1.0), topic.tally.doubled_clickhouse) == (Verdict.FAIL, 1)


def test_the_sample_holds_only_what_could_be_judged(plant: Plant) -> None:
    for _ in range(300):
        plant.event("p", ms=FRESH)
    topic = plant.settled()
    window = Window(datetime.fromtimestamp(0, UTC), datetime.fromtimestamp(9, UTC), 10)
    found = Reconciled(window, 0.0, (topic,))

    assert (found.events, found.judged, found.lost) == (400, 100, 0)
    assert found.bound == pytest.approx(0.0295, rel=0.01)


@pytest.mark.parametrize("at", ["p", "pk", "pc"])
def test_what_is_younger_than_the_margin_is_late_not_lost(plant: Plant, at: str) -> None:
    plant.event(at, ms=FRESH)
    topic = plant.settled()

    assert (topic.verdict(0.0), topic.tally.fresh, topic.tally.lost) == (Verdict.INCONCLUSIVE, 1, 0)


def test_a_loss_beside_something_late_still_fails(plant: Plant) -> None:
    plant.event("p", ms=FRESH)
    plant.event("p", ms=FRESH - 1)
    assert plant.settled().verdict(0.0) is Verdict.FAIL


def test_what_retention_removed_is_inconclusive_unless_clickhouse_lacks_it_too(plant: Plant) -> None:
    plant.event("pc", state=State.EXPIRED)
    topic = plant.settled()
    assert (topic.verdict(0.0), topic.tally.expired) == (Verdict.INCONCLUSIVE, 1)


def test_an_old_stranger_without_a_table_of_its_own_can_not_be_judged(tmp_path: Path) -> None:
    plant = Plant(tmp_path, source="")
    plant.event()
    plant.event("kc", ms=1_400_000)
    topic = plant.settled(kept_ms=1_450_000)

    assert (topic.verdict(0.0), topic.tally.unverifiable) == (Verdict.INCONCLUSIVE, 2)


def test_what_waits_in_the_outbox_is_said_and_not_repaired(plant: Plant) -> None:
    plant.event("p", state=State.PENDING)
    topic = plant.settled()

    assert (topic.tally.lost, topic.tally.pending, topic.repair) == (1, 1, [])


def test_the_second_look_takes_back_what_arrived_meanwhile(plant: Plant) -> None:
    plant.event("p", state=State.PENDING)
    made = plant.compare()
    (one,) = made.doubts.missing.values()
    made.resolve(one, record=True, row=True)

    assert plant.topic.verdict(0.0) is Verdict.PASS
    assert (plant.topic.tally.in_kafka, plant.topic.tally.in_clickhouse) == (101, 101)


def test_a_breakdown_says_whose_events_were_lost(plant: Plant) -> None:
    plant.event("pk", kind="BET")
    kinds = plant.settled().kinds

    assert (kinds["BET"].lost, kinds["BET"].events) == (1, 1)
    assert (kinds["LOGIN"].lost, kinds["LOGIN"].events) == (0, 100)


def test_a_topic_without_a_table_is_held_against_kafka_only(tmp_path: Path) -> None:
    plant = Plant(tmp_path, table="")
    plant.event("pk")
    assert plant.settled().verdict(0.0) is Verdict.PASS


def test_nothing_on_any_side_is_empty(tmp_path: Path) -> None:
    assert Plant(tmp_path).settled().verdict(0.0) is Verdict.EMPTY


def test_more_doubts_than_are_kept_are_counted_all_the_same(
    plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconcile_compare, "MAX_DOUBTS", 3)
    monkeypatch.setattr(reconcile_compare, "MAX_REPAIR", 5)
    for _ in range(10):
        plant.event("p")
        plant.event("k")
    topic = plant.settled()

    assert (topic.tally.lost, topic.tally.foreign_kafka) == (10, 10)
    assert (len(topic.repair), topic.cut) == (5, True)


def test_ids_survive_the_way_over_the_disk_in_order(tmp_path: Path) -> None:
    ids, kept = Ids(tmp_path, "side"), [Entry(uuid.uuid4().bytes, n, n % 7, n % 4) for n in range(20_000)]
    for one in kept:
        ids.add(one)
    found = [one for number in range(BUCKETS) for one in ids.bucket(number)]

    assert sorted(found, key=lambda one: one.ms) == kept
    ids.forget()
    assert list(tmp_path.iterdir()) == []


def test_chosen_ids_spread_over_the_buckets(tmp_path: Path) -> None:
    ids = Ids(tmp_path, "side")
    for number in range(64_000):
        ids.add(Entry(number.to_bytes(16, "big"), 0))
    sizes = [sum(1 for _ in ids.bucket(number)) for number in range(BUCKETS)]

    assert max(sizes) < 2 * 64_000 / BUCKETS


def test_a_word_beyond_the_last_number_is_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ccops.data.reconcile_ids._MAX_KINDS", 4)
    kinds = Kinds()
    numbers = [kinds.number(word) for word in ("a", "b", "c", "d", "e", "a", None, 7)]

    assert numbers == [1, 2, 3, 4, 4, 1, 0, 0]
    assert kinds.words == ["", "a", "b", "c", "(other)"]


def test_memory_stays_below_the_bound_that_is_stated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A sixteenth of the buffers fills sixteen times as soon: tracing every event is slow.
    monkeypatch.setattr(reconcile_ids, "_BUFFER", reconcile_ids._BUFFER // 16)
    plant, count = Plant(tmp_path), 20_000
    tracemalloc.start()
    for _ in range(count):
        plant.event()
    topic = plant.settled()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert topic.tally.events == count
    assert peak < 12 * 2**20 // 16 + 30 * count
