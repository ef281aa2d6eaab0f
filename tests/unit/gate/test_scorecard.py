"""An item is met by evidence that is there, green, young and whose inputs did not change."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from ccops.core import evidence
from ccops.core.errors import UsageError
from ccops.gate.badge import badge
from ccops.gate.run import run
from ccops.gate.scorecard import Item, Reading, Scorecard, State, judge, read_items
from tests.unit.gate.kit import Fixed, check, ground

ITEM = Item("X1", "L1", "x", ("ok",))


def _reading(root: Path) -> Reading:
    return Reading(root / "evidence", "dev", root, Fixed().now() + timedelta(hours=1), timedelta(days=7))


def _state(root: Path, item: Item = ITEM, **more: object) -> State:
    return judge([item], replace(_reading(root), **more)).items[0].state  # type: ignore[arg-type]


@pytest.fixture
def proven(tmp_path: Path) -> Path:
    """A project whose check `ok` ran on a.txt."""
    (tmp_path / "a.txt").write_text("a")
    run(check("ok", inputs=("*.txt",)), ground(tmp_path))
    return tmp_path


def test_green_and_young_evidence_on_the_same_inputs_meets_an_item(proven: Path) -> None:
    assert _state(proven) is State.MET


def test_no_evidence_is_missing_and_so_is_one_of_another_environment(proven: Path) -> None:
    assert _state(proven, Item("X", "L1", "x", ("ok", "other"))) is State.MISSING
    assert _state(proven, env="prod") is State.MISSING


def test_a_changed_a_new_and_a_deleted_input_make_it_stale(proven: Path) -> None:
    (proven / "a.txt").write_text("b")
    assert _state(proven) is State.STALE
    (proven / "a.txt").write_text("a")
    assert _state(proven) is State.MET
    (proven / "new.txt").write_text("")
    assert _state(proven) is State.STALE
    (proven / "new.txt").unlink()
    (proven / "a.txt").unlink()
    assert _state(proven) is State.STALE


def test_old_evidence_and_one_from_the_future_are_stale(proven: Path) -> None:
    now = Fixed().now()
    assert _state(proven, now=now + timedelta(days=7)) is State.MET
    assert _state(proven, now=now + timedelta(days=7, seconds=1)) is State.STALE
    assert _state(proven, now=now - timedelta(hours=1)) is State.STALE


def test_a_failed_run_replaces_a_green_one(proven: Path) -> None:
    run(check("ok", "bad"), ground(proven))

    assert _state(proven) is State.FAILED


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema": "x"}', '{"schema": "ccops.evidence/v1"}'])
def test_evidence_that_can_not_be_read_is_missing(proven: Path, text: str) -> None:
    evidence.path_of(proven / "evidence", "dev", "ok").write_text(text)

    assert _state(proven) is State.MISSING


def test_a_level_needs_all_below_it() -> None:
    low, high = Item("A", "L1", "a", ("x",)), Item("B", "L2", "b", ("y",))

    def card(first: State, second: State) -> Scorecard:
        from ccops.gate.scorecard import Judged

        return Scorecard((Judged(low, first), Judged(high, second)))

    assert card(State.MET, State.STALE).level == "L1"
    assert card(State.MISSING, State.MET).level == "L0"
    assert not card(State.MISSING, State.MET).meets("L1")
    assert card(State.MET, State.MET).meets("L2")


def test_the_shipped_items_can_be_read_and_no_item_without_proof_is_silent() -> None:
    assert all(item.lacks for item in read_items() if not item.evidence)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "A: 1",
        "A: {level: L9, title: x, evidence: [a]}",
        "A: {level: L1, title: x}",
        "A: {level: L1",
        "A: {title: x, evidence: [a]}",
        "A: {level: L1, title: x, evidence: [a], ran: word}",
        "A: {level: L1, title: x, evidence: [a]}\nA: {level: L1, title: x, evidence: [b]}",
    ],
)
def test_a_broken_file_of_items_is_a_usage_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "items.yml"
    path.write_text(text)

    with pytest.raises(UsageError) as error:
        read_items(path)
    assert error.value.code == "SCORECARD_INVALID"


def test_a_badge_is_the_same_every_time_and_escapes_its_texts() -> None:
    assert badge("ccops", "L2") == badge("ccops", "L2")
    assert "<script" not in badge("<script>", "L1")


def test_a_level_that_asks_for_nothing_is_reached_by_nobody(tmp_path: Path) -> None:
    path = tmp_path / "items.yml"
    path.write_text("{}")
    assert judge(read_items(path), _reading(tmp_path)).level == "L0"
    path.write_text("A: {level: L1, title: x, evidence: [ok]}")
    run(check("ok"), ground(tmp_path))
    assert judge(read_items(path), _reading(tmp_path)).level == "L1"


def test_the_evidence_of_another_check_or_environment_is_none_under_this_name(proven: Path) -> None:
    kept = evidence.path_of(proven / "evidence", "dev", "ok").read_text()
    for env, name in (("dev", "other"), ("prod", "ok")):
        copy = evidence.path_of(proven / "evidence", env, name)
        copy.parent.mkdir(exist_ok=True)
        copy.write_text(kept)

    assert _state(proven, Item("X", "L1", "x", ("other",))) is State.MISSING
    assert _state(proven, env="prod") is State.MISSING


def test_evidence_of_another_version_of_the_tool_is_stale(proven: Path) -> None:
    assert _state(proven, versions={"ccops": "0", "commit": "abc"}) is State.MET
    assert _state(proven, versions={"ccops": "1"}) is State.STALE


def test_a_recorded_run_is_of_its_commit_and_of_the_program_that_is_asked_for(tmp_path: Path) -> None:
    words = ("ccops-venv", "alembic", "rehearse", "--dump", "x")
    now = Fixed().now()
    evidence.write(
        tmp_path / "evidence",
        evidence.Evidence("restore", "dev", words, 0, now, 1, {}, {"ccops": "0", "commit": "abc"}),
    )
    item = Item("X", "L1", "x", ("restore",), ran=("rehearse", "--dump"))

    assert _state(tmp_path, item, versions={"ccops": "0", "commit": "abc"}) is State.MET
    assert _state(tmp_path, item, versions={"ccops": "0", "commit": "def"}) is State.STALE
    assert _state(tmp_path, replace(item, ran=("backup", "drill"))) is State.MISSING


@pytest.mark.parametrize("pattern", ["", "/etc/*", "a.txt/**x", "*"])
def test_a_strange_pattern_or_a_file_that_cannot_be_read_is_no_crash(proven: Path, pattern: str) -> None:
    (proven / "loop").symlink_to("loop")
    path = evidence.path_of(proven / "evidence", "dev", "ok")
    path.write_text(path.read_text().replace('"*.txt"', f'"{pattern}"'))

    assert _state(proven) is State.STALE


def test_a_number_that_is_none_is_no_evidence(proven: Path) -> None:
    path = evidence.path_of(proven / "evidence", "dev", "ok")
    path.write_text(path.read_text().replace('"exit_code": 0', '"exit_code": 1e999'))

    assert _state(proven) is State.MISSING


def test_a_backup_counts_when_it_was_restored_by_the_rehearsal() -> None:
    (item,) = [one for one in read_items() if one.id == "I4"]

    assert item.evidence == ("restore",)
    assert set(item.ran) == {"alembic", "rehearse", "--dump"}
