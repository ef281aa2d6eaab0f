"""Checks that leave programs behind, will not end, or say what no file and no terminal should be given."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from ccops.core import evidence
from ccops.core.errors import ExitCode, UsageError
from ccops.gate import registry as registering
from ccops.gate import run as running_module
from ccops.gate.model import Stage, Verdict
from ccops.gate.results import mark_report, table
from ccops.gate.run import Ground, run, run_all
from tests.unit.gate.kit import check, ground

# leave | leak | stubborn | evil | edit, beside what the kit's program can do.
PROGRAM = """
import json, os, signal, subprocess, sys, time
how, note = sys.argv[1], sys.argv[2]
def say(code, *issues):
    print(json.dumps({"schema": "x/v1", "issues": issues}), flush=True)
    sys.exit(code)
if how in ("leave", "leak", "group"):
    argv = [sys.executable, "-S", "-c", "import time; time.sleep(600)"]
    child = subprocess.Popen(argv, start_new_session=how != "group")
    open(note, "w").write(str(child.pid))
    if how != "leak": say(0)
    time.sleep(600)
if how == "stubborn":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    open(note, "w").write(str(os.getpid()))
    time.sleep(600)
if how == "edit":
    open(note, "w").write("changed while it ran")
    say(0)
if how == "evil":
    text = "one\\n::error::two \\x1b[31m \\udcff"
    say(1, {"code": "X", "message": text, "severity": "error", "evidence": text, "where": "f.py:1"})
"""


@pytest.fixture
def place(tmp_path: Path) -> Ground:
    made = ground(tmp_path)
    program = tmp_path / "hostile.py"
    program.write_text(PROGRAM)
    return replace(made, program=(sys.executable, "-S", str(program)))


@pytest.fixture
def note(tmp_path: Path) -> object:
    path = tmp_path / "note"
    yield path
    if path.exists() and path.read_text().isdecimal():
        with suppress(ProcessLookupError):
            os.kill(int(path.read_text()), signal.SIGKILL)


def _lives(pid: int) -> bool:
    """Say whether a program still runs: one that nobody reaps is a name in a table."""
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


def _within(seconds: float, do: object) -> bool:
    thread = threading.Thread(target=do, daemon=True)  # type: ignore[arg-type]
    thread.start()
    thread.join(seconds)
    return not thread.is_alive()


def test_a_program_that_a_check_left_behind_keeps_nobody_waiting(place: Ground, note: Path) -> None:
    found: list[object] = []

    assert _within(20, lambda: found.append(run(check("leave", "leave", str(note), timeout_s=60), place)))
    assert found[0].verdict is Verdict.OK  # type: ignore[attr-defined]


def test_what_a_check_left_in_its_group_is_ended(place: Ground, note: Path) -> None:
    outcome = run(check("group", "group", str(note)), place)

    assert outcome.verdict is Verdict.OK
    deadline = time.monotonic() + 5
    while _lives(int(note.read_text())) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _lives(int(note.read_text()))


def test_nor_does_one_that_outlives_a_check_that_was_ended(place: Ground, note: Path) -> None:
    found: list[object] = []

    assert _within(30, lambda: found.append(run(check("leak", "leak", str(note), timeout_s=1), place)))
    assert found[0].verdict is Verdict.NOT_RUN  # type: ignore[attr-defined]


def test_a_check_that_ignores_ctrl_c_is_killed_in_the_end(
    place: Ground, note: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running_module, "_TERM_S", 0.5)
    raised: list[BaseException] = []

    def interrupt(_: object) -> None:
        while not note.exists() or not note.read_text():
            time.sleep(0.01)
        raise KeyboardInterrupt

    def go() -> None:
        checks = [check("stubborn", "stubborn", str(note), timeout_s=300), check("ok", "evil", "x")]
        try:
            run_all(checks, place, jobs=2, told=interrupt)
        except KeyboardInterrupt as error:
            raised.append(error)

    assert _within(30, go)
    assert len(raised) == 1
    assert not psutil.pid_exists(int(note.read_text()))


def test_what_a_check_says_can_be_written_and_begins_no_line_of_its_own(place: Ground) -> None:
    outcome = run(check("evil", "evil", "x"), place)

    assert outcome.code is ExitCode.NEGATIVE
    assert outcome.summary.isprintable()
    assert outcome.evidence is not None
    assert evidence.read(outcome.evidence) is not None
    table([outcome], Stage.PR, "").encode()
    for mark in mark_report([outcome], Stage.PR).marks:
        f"{mark.message}{mark.detail}".encode()


def test_an_input_that_changed_while_the_check_ran_makes_its_evidence_stale(
    place: Ground, tmp_path: Path
) -> None:
    target = tmp_path / "a.txt"
    target.write_text("before")
    outcome = run(check("edit", "edit", str(target), inputs=("*.txt",)), place)

    assert outcome.evidence is not None
    kept = evidence.read(outcome.evidence)
    assert kept is not None
    assert kept.inputs != evidence.digests(tmp_path, ["*.txt"])


def test_passwords_in_the_words_of_a_check_are_not_kept(place: Ground) -> None:
    outcome = run(check("evil", "evil", "postgresql://u:hunter22@db/x"), place)

    assert outcome.evidence is not None
    assert "hunter22" not in outcome.evidence.read_text()


class _Entry:
    def __init__(self, loaded: object) -> None:
        self.value, self._loaded = "shop.checks:ALL", loaded

    def load(self) -> object:
        if isinstance(self._loaded, Exception):
            raise self._loaded
        return self._loaded


@pytest.mark.parametrize(
    "loaded", [ImportError("no shop"), 3, [3], check("../../escape"), check("Two words")]
)
def test_a_package_whose_checks_cannot_be_used_is_named(
    loaded: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registering, "entry_points", lambda group: [_Entry(loaded)])

    with pytest.raises(UsageError) as told:
        registering.registry()
    assert told.value.code == "GATE_REGISTRY"


def _ccops(project: Path, *words: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "ccops", *words, "--project", str(project)]
    environ = {**os.environ, "CCOPS_HOME": str(project / "home"), **(env or {})}
    return subprocess.run(argv, capture_output=True, text=True, env=environ, check=False, timeout=60)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    (root / "env").mkdir(parents=True)
    (root / "scenarios").mkdir()
    (root / "env" / "dev.env").write_text("CCOPS_STACK=embedded\nCCOPS_PROTECTED=0\nAPP_ENV=dev\n")
    return root


def test_a_recorded_run_keeps_no_password_and_stays_in_its_folder(project: Path) -> None:
    argv = [sys.executable, "-c", "pass", "postgresql://u:hunter22@db/x"]
    environ = {**os.environ, "CCOPS_HOME": str(project / "home")}
    call = [sys.executable, "-m", "ccops", "gate", "record", "--project", str(project)]  # as it is documented
    done = subprocess.run(
        [*call, "tests", "--", *argv], env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    kept = (project / "home" / "evidence" / "dev" / "tests.json").read_text()
    assert "hunter22" not in kept
    assert json.loads(kept)["exit_code"] == 0

    for env in ("../../../escaped", "nowhere"):
        done = subprocess.run(
            [*call, "--env", env, "tests", "--", *argv],
            env=environ,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 2, done.stderr
        assert _ccops(project, "scorecard", "--env", env).returncode == 2
    assert not list(project.parent.rglob("escaped"))


def test_a_gate_that_is_ended_ends_its_checks(project: Path, tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "ccops", "gate", "--only", "journey", "--only", "scenarios"]
    environ = {**os.environ, "CCOPS_HOME": str(project / "home"), "PYTHONPATH": str(tmp_path)}
    # Every `ccops` that the gate starts waits; the gate itself is told apart by its words.
    (tmp_path / "sitecustomize.py").write_text(
        "import sys, time\n"
        "if 'gate' not in sys.orig_argv and '-m' in sys.orig_argv:\n"
        f"    open({str(tmp_path / 'begun')!r}, 'w').close()\n    time.sleep(300)\n"
    )
    child = subprocess.Popen(
        [*argv, "--project", str(project)], env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        deadline = time.monotonic() + 40
        while not (tmp_path / "begun").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        below = psutil.Process(child.pid).children(recursive=True)
        assert below
        child.send_signal(signal.SIGTERM)
        child.communicate(timeout=60)
    finally:
        child.kill()
        child.wait()

    assert child.returncode == 130
    psutil.wait_procs(below, timeout=5)
    assert not [one for one in below if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]
