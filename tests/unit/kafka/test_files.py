"""Plans, snapshots and files of offsets: what is read is what was written, or a sentence."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccops.core.errors import Refused, UsageError
from ccops.kafka import journal, snapshot
from ccops.kafka.audit import has_ended
from ccops.kafka.files import append_durably
from ccops.kafka.model import Cluster, Committed, Ends, Group, Observed, Topic
from ccops.kafka.observe import Scope, scope_of
from ccops.kafka.plan import Allowed, make_plan
from ccops.kafka.planfile import load_plans, save_plans
from ccops.kafka.snapshot import Who, load, take
from ccops.kafka.targets import Kind, Target, Wish, targets_of
from ccops.kafka.wishes import choose, read_file, wish_of

NOW = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
WHO = Who("reset-1", "me@here", "INC-1")
TOPIC = "cc.a.b.dev"


def observed(*commits: int | None) -> Observed:
    committed = {(TOPIC, n): Committed(at, f"m{n}") for n, at in enumerate(commits) if at is not None}
    ends = {(TOPIC, n): Ends(0, 100) for n in range(len(commits))}
    topics = {TOPIC: Topic(TOPIC, len(commits), "id")}
    return Observed(Cluster("c", "h:1"), Group("cc.a.c.dev", "EMPTY"), topics, committed, ends)


@given(st.lists(st.none() | st.integers(0, 100), min_size=1, max_size=6), st.integers(0, 100))
def test_a_plan_and_a_snapshot_survive_the_disk(
    tmp_path_factory: pytest.TempPathFactory, commits: list[int | None], offset: int
) -> None:
    folder, seen, wish = tmp_path_factory.mktemp("x"), observed(*commits), Wish(Kind.OFFSET, number=offset)
    plan = make_plan("dev", seen, wish, targets_of(wish, seen, {}), NOW, Allowed(clamp=True))
    save_plans(folder / "plan.json", [plan])
    assert load_plans(folder / "plan.json") == (plan,)
    goals = {one.place: one.offset for one in plan.moving}
    found = load(take(folder / "s.json", seen, "dev", WHO, NOW, goals))
    assert dict(found.committed) == dict(seen.committed)
    assert found.targets == goals
    assert set(found.absent) == {(TOPIC, n) for n, at in enumerate(commits) if at is None}
    assert (folder / "s.json").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", "nul\0", '{"schema":"ccops.kafka.plans/v1","plans":[]}', "[" * 5000, "\xff\xfe"]
)
def test_what_is_no_plan_and_no_snapshot_is_a_usage_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(text.encode("latin-1"))
    for read in (load_plans, load):
        with pytest.raises(UsageError) as caught:
            read(path)
        assert caught.value.code == "KAFKA_FILE_INVALID"


@pytest.mark.parametrize(("key", "value"), [("committed", -1), ("committed", "5"), ("partition", True)])
def test_a_snapshot_that_was_tampered_with_is_no_snapshot(tmp_path: Path, key: str, value: object) -> None:
    path = take(tmp_path / "s.json", observed(5, 6), "dev", WHO, NOW, {})
    data = json.loads(path.read_text(encoding="utf-8"))
    data["partitions"][0][key] = value
    path.write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(UsageError):
        load(path)


def test_a_folder_that_can_not_be_written_stops_everything(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(Refused) as caught:
        take(tmp_path / "file" / "s.json", observed(5), "dev", WHO, NOW, {})
    assert caught.value.code == "KAFKA_STATE_UNWRITABLE"
    with pytest.raises(Refused), journal.locked(tmp_path / "file", WHO):
        pass


def test_the_lock_is_free_again_after_its_holder(tmp_path: Path) -> None:
    with journal.locked(tmp_path, WHO):
        with pytest.raises(Refused, match="another operator") as caught, journal.locked(tmp_path, WHO):
            pass
        assert "reset-1 by me@here" in caught.value.evidence
    with journal.locked(tmp_path, WHO):
        pass


def test_a_run_that_can_not_be_read_stops_the_next_one(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "reset-1.json").write_text("{", encoding="utf-8")
    with pytest.raises(Refused) as caught:
        journal.unfinished(tmp_path)
    assert caught.value.code == "KAFKA_RUN_UNREADABLE"


def test_a_csv_lists_every_bad_line_at_once(tmp_path: Path) -> None:
    path = tmp_path / "o.csv"
    path.write_text("# exported\nt,0,5\n\nt,0,6\nt,x,1\nt,1\nt,1,99999999999999999999\n", encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        read_file(path)
    assert [line.partition(":")[0] for line in caught.value.evidence.splitlines()] == [
        "line 4",
        "line 5",
        "line 6",
        "line 7",
    ]
    path.write_text("\ufefft,0,5\nt,1,6\n", encoding="utf-8")
    assert read_file(path) == {("t", 0): Committed(5), ("t", 1): Committed(6)}


@pytest.mark.parametrize(
    "text",
    ["t,0," + "9" * 5000, '"' + "x" * 200_000 + '",0,1', "t,0\0,1", "t,٠,٣", '"t,0,1\nt,1,1\n', "t,0,+1"],
)
def test_a_hostile_csv_is_a_sentence(tmp_path: Path, text: str) -> None:
    path = tmp_path / "o.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        read_file(path)
    assert caught.value.code == "KAFKA_FILE_INVALID"


def test_a_pipe_and_a_device_are_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero"), tmp_path):
        for read in (read_file, load_plans, load):
            with pytest.raises(UsageError):
                read(path)


def rewritten(path: Path, change: dict[str, object], at: int = 0) -> None:
    """Change a target by hand, and make both hashes fit: whoever can edit can also do that."""
    (plan,) = load_plans(path)
    data = json.loads(path.read_text(encoding="utf-8"))
    item = data["plans"][0]
    item["targets"][at] |= change
    moved = tuple(
        Target((one["topic"], one["partition"]), one["before"], one["target"], 0, 0, metadata=one["metadata"])
        for one in item["targets"]
    )
    item["fingerprint"] = replace(plan, targets=moved).fingerprint
    data["sha256"] = hashlib.sha256(json.dumps(data["plans"], sort_keys=True).encode()).hexdigest()
    path.write_text(json.dumps(data), encoding="utf-8")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"target": -1}, "expected an offset"),
        ({"target": 101}, "not between 0 and 100"),
        ({"earliest": 7}, "not between 7 and 100"),
        ({"partition": 9}, "in none of its topics"),
        ({"partition": 1}, "twice"),
        ({"topic": "cc.other.b.dev"}, "in none of its topics"),
        ({"before": -1}, "expected an offset"),
    ],
)
def test_a_plan_written_by_hand_can_not_ask_for_what_no_broker_said(
    tmp_path: Path, change: dict[str, object], said: str
) -> None:
    seen, wish = observed(5, 6), Wish(Kind.OFFSET, number=3)
    plan = make_plan("dev", seen, wish, targets_of(wish, seen, {}), NOW, Allowed())
    save_plans(tmp_path / "p.json", [plan])
    rewritten(tmp_path / "p.json", {})
    assert load_plans(tmp_path / "p.json") == (plan,)
    rewritten(tmp_path / "p.json", change)
    with pytest.raises(UsageError) as caught:
        load_plans(tmp_path / "p.json")
    assert said in caught.value.evidence


@pytest.mark.parametrize("key", ["made_at", "said", "notes", "state"])
def test_nothing_in_a_plan_can_be_edited_unnoticed(tmp_path: Path, key: str) -> None:
    seen, wish = observed(5, 6), Wish(Kind.OFFSET, number=3)
    plan = make_plan("dev", seen, wish, targets_of(wish, seen, {}), NOW, Allowed())
    save_plans(tmp_path / "p.json", [plan])
    data = json.loads((tmp_path / "p.json").read_text(encoding="utf-8"))
    data["plans"][0][key] = "2026-11-23T05:00:00" if key == "made_at" else ["x"] if key == "notes" else "x"
    (tmp_path / "p.json").write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        load_plans(tmp_path / "p.json")
    assert "edited" in caught.value.evidence


def test_a_log_line_stands_alone_after_one_that_was_torn_and_takes_any_text(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    path.write_text('{"event": "started", "run_id": "reset-1', encoding="utf-8")
    append_durably(path, {"event": "finished", "run_id": "reset-1", "reason": "\udcff"})
    torn, whole = path.read_text(encoding="utf-8").splitlines()
    assert json.loads(whole)["reason"] == "\udcff" and torn.endswith("reset-1")
    assert has_ended(path, "reset-1") and not has_ended(path, "reset-2")
    assert not has_ended(tmp_path / "none", "reset-1")


@pytest.mark.parametrize("text", ["t:", "t:a", "t:3-1", ":1", "t:1-", "t:-1", "t:1,,2", "t:9999999"])
def test_a_topic_that_can_not_be_understood_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        scope_of([text])
    assert caught.value.code == "KAFKA_TOPIC_INVALID"


def test_topics_are_some_or_all() -> None:
    assert scope_of(["t:0,2-4", "t:1", "u"]) == Scope(
        {"t": frozenset({0, 1, 2, 3, 4}), "u": frozenset()}, False
    )
    for topics, every in (((), False), (("t",), True)):
        with pytest.raises(UsageError, match="which topics"):
            scope_of(topics, every)
    with pytest.raises(UsageError):
        scope_of(["t", "t"])


def test_one_target_is_chosen() -> None:
    assert choose({Kind.OFFSET: "0", Kind.LATEST: False, Kind.GROUP: None}) == (Kind.OFFSET, "0")
    for options in ({Kind.LATEST: False}, {Kind.LATEST: True, Kind.OFFSET: "1"}):
        with pytest.raises(UsageError):
            choose(dict(options))


@given(st.sampled_from([Kind.OFFSET, Kind.SHIFT]), st.text(max_size=25))
def test_no_number_is_a_bug(kind: Kind, text: str) -> None:
    try:
        wish = wish_of(kind, text, NOW)
    except UsageError:
        pass
    else:
        assert abs(wish.number) < 2**63 and (kind is Kind.SHIFT or wish.number >= 0)


def test_another_schema_is_said(tmp_path: Path) -> None:
    path = take(tmp_path / "s.json", observed(5), "dev", WHO, NOW, {})
    path.write_text(path.read_text(encoding="utf-8").replace(snapshot.SCHEMA, "v9"), encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        load(path)
    assert "v9" in caught.value.evidence
