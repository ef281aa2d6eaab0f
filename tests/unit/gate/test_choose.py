"""Which checks run, and that every one of the registry can."""

from __future__ import annotations

import pytest

from ccops.core.errors import UsageError
from ccops.gate.choose import choose
from ccops.gate.model import Check, Stage
from ccops.gate.registry import BUNDLED, registry
from ccops.gate.scorecard import read_items

CHECKS = (
    Check("a", "one", ("a",), "a"),
    Check("b", "one", ("b",), "b", Stage.NIGHTLY),
    Check("c", "two", ("c",), "c", Stage.RELEASE),
)


def _names(*args: object, **more: object) -> list[str]:
    return [check.name for check in choose(CHECKS, *args, **more)]  # type: ignore[arg-type]


def test_a_later_stage_has_everything_of_the_earlier_ones() -> None:
    assert _names(Stage.PR) == ["a"]
    assert _names(Stage.NIGHTLY) == ["a", "b"]
    assert _names(Stage.RELEASE) == ["a", "b", "c"]


def test_only_and_skip_name_checks_or_capabilities() -> None:
    assert _names(Stage.PR, only=["c"]) == ["c"]
    assert _names(Stage.PR, only=["one"]) == ["a", "b"]
    assert _names(Stage.RELEASE, skip=["one"]) == ["c"]


def test_a_gate_that_would_run_nothing_is_a_usage_error() -> None:
    with pytest.raises(UsageError) as error:
        choose(CHECKS, Stage.PR, skip=["one"])
    assert error.value.code == "GATE_EMPTY"


def test_an_unknown_name_is_a_usage_error_with_the_nearest() -> None:
    with pytest.raises(UsageError) as error:
        choose(CHECKS, Stage.PR, only=["onee"])
    assert error.value.evidence == "did you mean 'one'?"


def test_two_checks_of_one_name_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class Entry:
        value = "other:check"

        def load(self) -> object:
            return [BUNDLED[0]]

    monkeypatch.setattr("ccops.gate.registry.entry_points", lambda group: [Entry()])
    with pytest.raises(UsageError, match="entry points"):
        registry()


def test_an_entry_point_that_is_no_check_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class Entry:
        value = "other:check"

        def load(self) -> object:
            return 5

    monkeypatch.setattr("ccops.gate.registry.entry_points", lambda group: [Entry()])
    with pytest.raises(UsageError, match="entry points"):
        registry()


def test_the_scorecard_names_only_evidence_that_something_leaves() -> None:
    names = {check.name for check in BUNDLED} | {"tests", "restore"}  # the last two are recorded

    assert {name for item in read_items() for name in item.evidence} <= names


def test_every_check_of_the_registry_is_used_by_some_item_or_is_the_doctor() -> None:
    used = {name for item in read_items() for name in item.evidence}

    assert {check.name for check in BUNDLED} - used == {"doctor", "scenarios"}
