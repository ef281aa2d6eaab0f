"""`ccops smoke` as a process: exit codes, three-line errors, parseable output, Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.conftest import Ran, run_ccops
from tests.fakes.game import TOKEN, Game
from tests.integration.smoke.conftest import FEED, HEAD, LOGIN

ACT = """
- id: act
  part: 1
  title: {en: do it, ko: 해 보기}
  http: {post: /act, json: {n: 1}, auth: "${access}"}
  expect: {status: 201}
  effects: [{where: feed, match: {type: acted}, exactly: 1}]
"""
PART = "title: {en: A trial, ko: 시험}\nparts: [{part: 1, title: {en: Act, ko: 행동}, systems: [http, ws]}]\n"
WAIT = "- {id: wait, sleep: 30s}\n"
LAST = "teardown:\n- {id: forget, http: {post: /forget}}\n"


class Shell:
    """A project folder whose environment points at the small game."""

    def __init__(self, root: Path, url: str) -> None:
        self.root = root
        for name in ("env", "scenarios"):
            (root / name).mkdir()
        (root / "env" / "dev.env").write_text(f"CCOPS_STACK=external\nCCOPS_BACKEND_URL={url}\n")
        self.scenario(PART + FEED + "steps:" + LOGIN + ACT)

    def scenario(self, text: str, name: str = "trial") -> None:
        head = HEAD.replace("trial", name)
        (self.root / "scenarios" / f"{name}.yaml").write_text(head + text, encoding="utf-8")

    def __call__(self, *args: str, **env: str) -> Ran:
        return run_ccops("smoke", *args, "--project", str(self.root), env=env)


@pytest.fixture
def shell(tmp_path: Path, game: Game) -> Shell:
    return Shell(tmp_path, game.url)


def test_a_green_run_ends_its_part_with_the_trace_command(shell: Shell, game: Game) -> None:
    ran = shell("run", "trial")

    assert ran.code == 0, ran.out + ran.err
    assert f"ccops smoke trace {game.traces[0]}" in ran.out
    assert game.url.removeprefix("http://") in ran.out
    assert "OK trial: " in ran.out


def test_korean_is_a_matter_of_one_variable(shell: Shell) -> None:
    ran = shell("run", "trial", CCOPS_LANG="ko")

    assert "시험" in ran.out
    assert "행동" in ran.out


def test_json_on_stdout_is_json_and_lists_evidence(shell: Shell) -> None:
    ran = shell("run", "trial", "-o", "json")
    report = json.loads(ran.out)

    assert report["schema"] == "ccops.smoke.run/v1"
    (frame,) = report["data"]["runs"][0]["parts"][0]["systems"]["ws"]
    assert frame["evidence"] == "e1:1"
    assert TOKEN not in ran.out + ran.err


def test_a_report_on_stdout_leaves_the_screen_to_stderr(shell: Shell) -> None:
    ran = shell("run", "trial", "--report", "ndjson=-")

    lines = [json.loads(line)["event"] for line in ran.out.splitlines()]
    assert lines[0] == "RunStarted"
    assert lines[-1] == "RunDone"
    assert "OK trial" in ran.err


@pytest.mark.parametrize(
    ("spec", "code"),
    [
        ("junit=/nowhere/x.xml", "REPORT_FOLDER"),
        ("junit=/proc/x.xml", "REPORT_UNWRITABLE"),
        ("json=/", "REPORT_UNWRITABLE"),
        ("junit=-", "REPORT_PLACE_TAKEN"),
    ],
)
def test_a_report_that_can_not_be_written_is_said_before_anything_is_sent(
    shell: Shell, game: Game, spec: str, code: str
) -> None:
    ran = shell("run", "trial", "-o", "json", "--report", spec)

    assert ran.code == 2
    assert json.loads(ran.out)["issues"][0]["code"] == code
    assert game.acts == 0


@pytest.mark.parametrize("kind", ["junit", "ndjson", "json"])
def test_a_report_on_a_full_disk_is_5_and_the_verdict_is_kept(shell: Shell, kind: str) -> None:
    ran = shell("run", "trial", "-o", "json", "--report", f"{kind}=/dev/full")

    assert ran.code == 5
    report = json.loads(ran.out)
    assert report["issues"][0]["code"] == "REPORT_LOST"
    assert report["data"]["runs"][0]["exit_code"] == 0


def _trial(shell: Shell, *options: str) -> list[str]:
    """Return the arguments of a run of `trial` as a process of its own."""
    return [sys.executable, "-m", "ccops", "smoke", "run", "trial", *options, "--project", str(shell.root)]


def test_a_reader_who_goes_away_does_not_end_the_run(shell: Shell, game: Game) -> None:
    shell.scenario(PART + FEED + "steps:" + LOGIN + "- {id: rest, sleep: 500ms}" + ACT + LAST)
    read, write = os.pipe()
    argv = _trial(shell)
    running = subprocess.Popen(argv, stdout=write, stderr=subprocess.PIPE, text=True)
    os.close(write)
    os.read(read, 5)
    os.close(read)
    _, said = running.communicate(timeout=30)

    assert "Traceback" not in said
    assert game.acts == 1
    assert game.torn_down == 1
    assert running.returncode == 0


def test_a_red_verdict_stays_red_when_nobody_reads_it(shell: Shell, game: Game) -> None:
    game.skip = True
    read, write = os.pipe()
    os.close(read)
    argv = _trial(shell, "-o", "json")
    done = subprocess.run(argv, stdout=write, stderr=subprocess.PIPE, text=True, timeout=30, check=False)
    os.close(write)

    assert done.returncode == 1
    assert "Traceback" not in done.stderr


def test_ctrl_c_while_the_result_is_written_leaves_one_document(shell: Shell) -> None:
    argv = _trial(shell, "-o", "json")
    slow = "import runpy, sys, time\nfrom ccops.core import output\nreal = output.envelope\n"
    slow += "def late(report):\n    sys.stderr.write('WRITING\\n'); time.sleep(0.5); return real(report)\n"
    slow += f"output.envelope = late\nsys.argv = {argv[2:]!r}\nrunpy.run_module('ccops', run_name='__main__')"
    running = subprocess.Popen(
        [sys.executable, "-c", slow], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert running.stderr is not None
    while running.stderr.readline() not in ("WRITING\n", ""):
        pass
    running.send_signal(signal.SIGINT)
    said, _ = running.communicate(timeout=30)

    assert json.loads(said)["exit_code"] == running.returncode == 0


def test_a_contract_that_is_not_there_is_never_valid(shell: Shell, tmp_path: Path) -> None:
    ran = shell("validate", "--contract", str(tmp_path / "nowhere"))
    assert ran.code == 2
    assert "holds no contract bundle" in ran.err

    (tmp_path / "openapi.json").write_text("{")
    ran = shell("validate", "--contract", str(tmp_path))
    assert ran.code == 2
    assert "can't be read as a contract" in ran.err


def test_a_run_that_looked_at_nothing_says_so(shell: Shell) -> None:
    shell.scenario("title: {en: A trial, ko: 시험}\nsteps:\n- {id: rest, sleep: 1ms}\n")
    ran = shell("run", "trial")

    assert ran.code == 1
    assert "nothing was looked at" in ran.out


def test_a_failure_exits_1_and_names_the_place(shell: Shell, game: Game) -> None:
    game.skip = True
    ran = shell("run", "trial")

    assert ran.code == 1
    assert "FAIL trial › act › feed" in ran.out
    assert "scenarios/trial.yaml:17:13" in ran.out
    assert "re-run  ccops smoke run trial --to act" in ran.out


def test_an_unknown_scenario_is_2_with_the_nearest_name(shell: Shell) -> None:
    ran = shell("run", "trail")

    assert ran.code == 2
    assert "did you mean trial?" in ran.err


def test_a_malformed_scenario_is_2_before_anything_is_sent(shell: Shell, game: Game) -> None:
    shell.scenario("stepps: []\n", "broken")
    ran = shell("run", "trial", "broken")

    assert ran.code == 2
    assert "did you mean" in ran.err
    assert game.acts == 0


def test_validate_says_every_error_at_once(shell: Shell) -> None:
    shell.scenario("steps:\n- {id: x, http: {post: /act, jsn: {}}}\n- {id: x, sleep: soon}\n", "broken")
    ran = shell("validate", "broken")

    assert ran.code == 2
    assert ran.err.count("error[SCENARIO_INVALID]") >= 3


@pytest.mark.parametrize(
    "args", [("--report", "html=x"), ("--var", "x"), ("--from", "acct"), ("--var", "x=1")]
)
def test_a_wrong_call_is_2(shell: Shell, args: tuple[str, ...], game: Game) -> None:
    ran = shell("run", "trial", *args)

    assert ran.code == 2
    assert game.acts == 0


def test_an_unknown_fault_is_2_and_a_foreign_stack_is_refused(shell: Shell) -> None:
    shell.scenario("steps:\n- {id: x, http: {get: /health}}\n", "journey")

    assert shell("journey", "--break", "ledgr").code == 2
    ran = shell("journey", "--break", "ledger")
    assert ran.code == 3
    assert "CCOPS_STACK=external" in ran.err


def test_a_stack_that_is_down_is_4_and_the_next_line_is_up(shell: Shell) -> None:
    (shell.root / "env" / "dev.env").write_text("CCOPS_STACK=embedded\n")
    ran = shell("run", "trial", CCOPS_HOME=str(shell.root / "home"))

    assert ran.code == 4
    assert ran.err.splitlines()[0].startswith("error[STACK_DOWN]")
    assert ran.err.splitlines()[-1] == "next: ccops up"


def test_a_scenario_that_changes_data_is_refused_on_a_protected_environment(shell: Shell, game: Game) -> None:
    with (shell.root / "env" / "dev.env").open("a") as file:
        file.write("CCOPS_PROTECTED=1\n")

    assert shell("run", "trial").code == 3
    assert game.acts == 0
    assert shell("run", "trial", "--confirm", "trial").code == 0


def test_several_run_side_by_side(shell: Shell) -> None:
    for name in ("one", "two", "three"):
        shell.scenario("steps:\n- {id: x, http: {get: /health}}\n- {id: w, sleep: 2s}\n", name)
    ran = shell("run", "one", "two", "three", "--parallel", "3", "--report", "ndjson=-")

    events = [json.loads(line) for line in ran.out.splitlines()]
    turns = [(one["event"], one["scenario"]) for one in events if one["event"] in {"RunStarted", "RunDone"}]
    every = {"one", "two", "three"}
    assert {name for word, name in turns[:3] if word == "RunStarted"} == every  # all, before one was done
    assert {name for word, name in turns[3:] if word == "RunDone"} == every


def test_ctrl_c_tears_down_once_and_leaves_a_whole_report(shell: Shell, game: Game) -> None:
    shell.scenario("steps:" + LOGIN + WAIT + LAST, "slow")
    report = shell.root / "slow.xml"
    process = subprocess.Popen(
        [sys.executable, "-m", "ccops", "smoke", "run", "slow", "--project", str(shell.root),
         "--report", f"junit={report}"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "NO_COLOR": "1"},
    )  # fmt: skip
    assert process.stdout is not None
    heard = [process.stdout.readline()]
    while "login" not in heard[-1]:
        heard.append(process.stdout.readline())
        assert heard[-1], heard
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)

    assert process.returncode == 130, out + err
    assert game.torn_down == 1
    assert "INTERRUPTED slow" in out
    assert ET.parse(report).getroot()[0].find("testcase/error") is not None


def test_a_trace_id_must_look_like_one(shell: Shell) -> None:
    ran = shell("trace", "4711")

    assert ran.code == 2
    assert "32 hex digits" in ran.err


def test_list_show_and_schema_need_no_stack(shell: Shell) -> None:
    (shell.root / "env" / "dev.env").unlink()

    assert "trial" in shell("list").out
    assert "POST /act" in shell("show", "trial").out
    assert json.loads(run_ccops("smoke", "schema").out)["$id"] == "urn:ccops:scenario:v1"
