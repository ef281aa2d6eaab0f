"""The entry point: quick, lazy, and never a traceback."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ccops.__main__ import COMMANDS, main
from ccops.cli import run

HEAVY = {
    "pydantic", "rich", "httpx", "asyncio", "psycopg", "redis", "confluent_kafka", "clickhouse_connect",
    "docker", "fastapi", "jinja2", "yaml", "typer", "websockets", "prometheus_api_client",
}  # fmt: skip


def _modules_after(argv: list[str]) -> set[str]:
    code = "import sys\nfrom ccops.__main__ import main\n"
    code += f"main({argv!r})\nsys.stderr.write(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in done.stderr.split()}


def test_help_imports_nothing_heavy() -> None:
    assert not _modules_after(["--help"]) & HEAVY


def test_help_lists_every_command() -> None:
    done = subprocess.run([sys.executable, "-m", "ccops", "-h"], capture_output=True, text=True, check=True)
    assert all(f"  {noun}" in done.stdout for noun in COMMANDS)


def test_no_command_is_a_usage_error() -> None:
    assert main([]) == 2


def test_an_unknown_command_suggests_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["smok"]) == 2
    assert "did you mean 'smoke'?" in capsys.readouterr().err


def test_an_error_is_an_envelope_in_json_mode_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nope", "-o", "json"]) == 2
    assert json.loads(capsys.readouterr().out)["issues"][0]["code"] == "COMMAND_UNKNOWN"


def test_an_unexpected_exception_is_a_bug_with_a_crash_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def boom(*_: object) -> int:
        raise ZeroDivisionError("postgresql://u:hunter2@h/db")

    monkeypatch.setattr(run, "_invoke", boom)
    monkeypatch.setenv("CCOPS_HOME", str(tmp_path))
    assert run.run_noun(["up"], COMMANDS) == 70
    crash = next(tmp_path.glob("crash-*.txt")).read_text()
    assert "ZeroDivisionError" in crash
    assert "hunter2" not in crash + capsys.readouterr().err


def test_ctrl_c_is_130_with_three_lines(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("ccops.core.profile.load_profile", interrupt)
    monkeypatch.setattr("ccops.cli.options.load_profile", interrupt)
    assert run.run_noun(["status"], COMMANDS) == 130
    assert len(capsys.readouterr().err.splitlines()) == 3


def interrupt(*_: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("option", [["-ojson"], ["-o", "json"], ["-o=json"], ["--output=json"]])
def test_ctrl_c_is_an_envelope_in_json_mode(
    option: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(run, "_invoke", interrupt)
    assert run.run_noun(["status", *option], COMMANDS) == 130
    assert json.loads(capsys.readouterr().out)["issues"][0]["code"] == "INTERRUPTED"


def test_ctrl_c_during_imports_is_130_without_traceback() -> None:
    code = "import sys, builtins\nfrom ccops.__main__ import main\n"
    code += "class Late:\n  def find_spec(self, *_): raise KeyboardInterrupt\n"
    code += "sys.meta_path.insert(0, Late())\nsys.exit(main(['status']))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 130
    assert len(done.stderr.splitlines()) == 3


def test_values_that_may_be_secret_are_not_repeated(capsys: pytest.CaptureFixture[str]) -> None:
    call = ["restart", "backend", "--set", "WEBHOOK_SECRETS=hunter22", "--set=JWT_KEYS=hunter33", "--oops"]
    assert main(call) == 2
    said = capsys.readouterr().err
    assert "--set WEBHOOK_SECRETS=*** --set=JWT_KEYS=*** --oops" in said
    assert "hunter" not in said


def test_a_crash_file_is_its_owners(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def boom(*_: object) -> int:
        raise ZeroDivisionError

    monkeypatch.setattr(run, "_invoke", boom)
    monkeypatch.setenv("CCOPS_HOME", str(tmp_path))
    # The last word is half a character, as a shell passes on bytes that are no UTF-8.
    run.run_noun(["smoke", "run", "x", "--var", "password=hunter22", "\udcff"], COMMANDS)
    crash = next(tmp_path.glob("crash-*.txt"))
    assert crash.stat().st_mode & 0o077 == 0
    assert "hunter22" not in crash.read_text()


def _helps() -> list[tuple[str, ...]]:
    smoke = ("journey", "run", "list", "validate", "show", "schema", "trace")
    return [(noun,) for noun in COMMANDS] + [("smoke", name) for name in smoke]


@pytest.mark.parametrize("words", _helps(), ids=" ".join)
def test_help_shows_examples_on_lines_of_their_own_and_exit_codes(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words, "--help"]) == 0
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    examples = [line for line in lines if line.removeprefix("CCOPS_LANG=ko ").startswith("ccops ")]
    assert examples
    assert all(line.count("ccops ") == 1 for line in examples)
    first = lines.index(examples[0])
    assert first < next(place for place, line in enumerate(lines) if line.startswith("Exit codes: 0"))
    assert first < lines.index("Options:")


def test_a_program_that_calls_us_can_still_be_interrupted() -> None:
    before = signal.getsignal(signal.SIGINT)
    main(["smoke", "list", "-o", "json"])
    main(["nope"])
    assert signal.getsignal(signal.SIGINT) is before
