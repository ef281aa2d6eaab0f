"""state.json: written whole, read with doubt. Requests and errors beside it."""

from __future__ import annotations

import os
from pathlib import Path

import psutil
import pytest

from ccops.core.errors import ExitCode, UsageError
from ccops.stack.failures import not_ready
from ccops.stack.paths import StateDir
from ccops.stack.request import Action, Choices, Request, parse_settings
from ccops.stack.state import (
    Phase,
    ServiceState,
    StackState,
    alive,
    leftovers,
    living,
    read_state,
    start_time,
    write_state,
)


def _state(pid: int, started: float) -> StackState:
    redis = ServiceState("redis", Phase.READY, pid, started, "127.0.0.1:1", overrides=("A",))
    return StackState("dev", pid, started, {"redis": redis}, {"1": "ok"})


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    state = _state(os.getpid(), start_time(os.getpid()))

    write_state(StateDir(tmp_path), state)

    assert read_state(StateDir(tmp_path)) == state
    assert living(StateDir(tmp_path)) == state


def test_a_recycled_pid_is_not_the_process_it_was(tmp_path: Path) -> None:
    mine = psutil.Process().create_time()
    write_state(StateDir(tmp_path), _state(os.getpid(), mine - 60))

    assert living(StateDir(tmp_path)) is None
    assert leftovers(_state(os.getpid(), mine - 60)) == []
    assert alive(os.getpid(), mine)
    assert not alive(0, 0.0)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"schema": "other"}', '{"schema": "ccops.stack.state/v1"}'])
def test_a_broken_state_file_reads_as_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "state.json").write_text(text)

    assert read_state(StateDir(tmp_path)) is None


def test_a_request_survives_the_journey_to_the_supervisor() -> None:
    request = Request(Action.RESTART, ("backend",), Choices("dev", {"A": "1"}, seed="none"), {"B": "2"})

    assert Request.from_json(request.to_json()) == request


def test_settings_of_a_restart_are_all_checked_at_once_and_values_never_shown() -> None:
    assert parse_settings(["A=1", "B_2=x=y", "C="]) == {"A": "1", "B_2": "x=y", "C": ""}
    with pytest.raises(UsageError) as error:
        parse_settings(["lower=secret", "NOVALUE", "A=1", "A=2"])

    assert error.value.message == "3 setting(s) can't be used"
    assert "secret" not in error.value.evidence


def test_a_failed_stack_blames_the_cause_not_its_dependants(tmp_path: Path) -> None:
    state_dir = StateDir(tmp_path)
    state_dir.create()
    state_dir.log("postgres").write_text("\n".join(f"line {n}" for n in range(30)))
    migrate = ServiceState("migrate", Phase.FAILED, detail="needs postgres, which failed")
    postgres = ServiceState(
        "postgres",
        Phase.FAILED,
        probe="SELECT 1",
        answer="refused by postgresql://u:pw@h/db",
        detail="exited with 1",
    )

    error = not_ready(state_dir, [migrate, postgres], 4)

    assert error.exit_code is ExitCode.UNREACHABLE
    assert error.message == "2 of 4 services are not ready"
    assert error.evidence.count("line ") == 15
    assert "answer  refused by postgresql://u:***@h/db" in error.evidence
    assert error.next_step.startswith("ccops logs postgres ")
