"""The command line on a stack on Docker: logs that are followed and ended, status as embedded."""

from __future__ import annotations

import json
import sys
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from ccops.__main__ import main
from ccops.stack.compose import engine, following, restarting
from ccops.stack.logview import Line


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home whose environment dev is on Docker."""
    monkeypatch.setenv("CCOPS_HOME", str(tmp_path))
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev" / "compose.json").write_text(json.dumps({"services": ["redis", "worker"]}))
    return tmp_path


@pytest.mark.parametrize("form", ["text", "json"])
def test_following_ends_with_ctrl_c_its_readers_gone_and_nothing_reported(
    form: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[object] = []

    def follow(profile: object, services: Sequence[str], lines: int, grep: object) -> Generator[Line]:
        asked.append((tuple(services), lines))
        try:
            yield Line("redis", "ready", 1.0)
            yield Line("worker", "postgresql://u:hunter22@h/db", 2.0)
            raise KeyboardInterrupt
        finally:
            asked.append("closed")

    monkeypatch.setattr(following, "follow", follow)

    assert main(["logs", "redis", "worker", "-f", "--tail", "7", "-o", form]) == 130

    assert asked == [(("redis", "worker"), 7), "closed"]
    out, err = capsys.readouterr()
    assert (len(out.splitlines()), "hunter22" in out, err) == (2, False, "")
    if form == "json":
        assert [json.loads(line)["service"] for line in out.splitlines()] == ["redis", "worker"]


def test_a_reader_that_goes_away_ends_the_readers_too(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[bool] = []

    def follow(*_: object) -> Generator[Line]:
        try:
            while True:
                yield Line("redis", "x")
        finally:
            closed.append(True)

    class Gone:
        def write(self, _: str) -> int:
            raise BrokenPipeError

        def flush(self) -> None:
            """Do nothing."""

    monkeypatch.setattr(following, "follow", follow)
    monkeypatch.setattr("sys.stdout", Gone())
    main(["logs", "-f"])
    sys.stdout.close()  # what the program wrote to instead

    assert closed == [True]


class Container:
    """A container as the engine describes it."""

    def __init__(self, service: str, status: str) -> None:
        state = {"Status": status, "Pid": 7, "ExitCode": 137, "StartedAt": "2026-11-23T06:00:00.1Z"}
        self.attrs: Mapping[str, object] = {
            "State": state,
            "Config": {"Labels": {"com.docker.compose.service": service}},
        }


class Docker:
    """An engine with one service well and one killed."""

    @property
    def containers(self) -> Docker:
        return self

    def list(self, **_: object) -> Sequence[Container]:
        return [Container("redis", "running"), Container("worker", "exited")]


def test_status_has_the_fields_of_the_embedded_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    @contextmanager
    def opened() -> Iterator[Docker]:
        yield Docker()

    monkeypatch.setattr(engine, "open_docker", opened)
    monkeypatch.setattr(restarting, "open_docker", opened)

    assert main(["status", "-o", "json"]) == 1

    data = json.loads(capsys.readouterr().out)["data"]
    assert (data["mode"], data["supervisor"], data["monitoring"]) == ("compose", None, None)
    assert [(row["name"], row["state"]) for row in data["services"]] == [
        ("redis", "ready"),
        ("worker", "failed"),
    ]
    assert {"rules_unended", "legacy_ws_left"} <= set(data)
