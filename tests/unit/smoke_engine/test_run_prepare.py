"""A planted fault goes again, whatever happens while it is planted or runs."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from ccops.core.errors import CcopsError, ExitCode, Unreachable
from ccops.core.profile import Profile, Project, Value, load_profile
from ccops.smoke.run_prepare import Preparation
from ccops.stack.compose import Mode
from ccops.stack.paths import StateDir
from tests.conftest import ROOT

PROFILE = Profile("dev", Project(Path(), Path()), {"CCOPS_STACK": Value("embedded", "env/dev.env:1")})


class Engine:
    """Notes the restarts; `at` says which of them raises what."""

    def __init__(self, at: Mapping[int, BaseException]) -> None:
        self.at, self.calls = at, list[bool]()

    def restart(self, profile: Profile, service: str, set: Mapping[str, str] | None = None) -> None:  # noqa: A002
        self.calls.append(bool(set))
        if error := self.at.get(len(self.calls)):
            raise error


def planted(
    monkeypatch: pytest.MonkeyPatch, at: Mapping[int, BaseException], inside: object = None
) -> Engine:
    engine = Engine(at)
    monkeypatch.setattr("ccops.stack.engine.restart", engine.restart)
    monkeypatch.setattr(Preparation, "_again", lambda _: PROFILE)
    with Preparation("dev", fault="ledger").around(PROFILE, lambda _: None, lambda _: None):
        if isinstance(inside, BaseException):
            raise inside
    return engine


def test_the_fault_is_removed_after_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    assert planted(monkeypatch, {}).calls == [True, False]


@pytest.mark.parametrize(("at", "inside"), [({1: KeyboardInterrupt()}, None), ({}, KeyboardInterrupt())])
def test_ctrl_c_while_planting_or_running_removes_it(
    monkeypatch: pytest.MonkeyPatch, at: Mapping[int, BaseException], inside: object
) -> None:
    calls: list[bool] = []
    monkeypatch.setattr(Engine, "__init__", lambda self, at: self.__dict__.update(at=at, calls=calls))
    with pytest.raises(KeyboardInterrupt):
        planted(monkeypatch, at, inside)
    assert calls == [True, False]


def test_a_stack_that_is_started_for_a_run_has_its_rules(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    about: list[Callable[[Sequence[str]], None]] = []

    def noted(*_: object, before_start: Callable[[Sequence[str]], None], **__: object) -> None:
        about.append(before_start)

    profile = load_profile("dev", Project(ROOT, tmp_path))
    monkeypatch.setattr("ccops.stack.engine.up", noted)
    monkeypatch.setattr("ccops.stack.compose.mode.chosen", lambda *_: Mode.EMBEDDED)
    monkeypatch.setattr(Preparation, "_again", lambda _: profile)
    with Preparation("dev", up=True).around(profile, lambda _: None, lambda _: None):
        about[0](["redis"])
        assert not list(tmp_path.rglob("*.yml"))
        about[0](["redis", "prometheus"])

    rules = StateDir(profile.state_dir).rules
    assert "alert: " in "".join(path.read_text(encoding="utf-8") for path in rules.glob("*.yml"))


def test_a_stack_that_is_down_is_said_and_not_a_fault_that_stayed(monkeypatch: pytest.MonkeyPatch) -> None:
    down = Unreachable("STACK_DOWN", "the stack is down")
    with pytest.raises(Unreachable, match="the stack is down"):
        planted(monkeypatch, {1: down, 2: down})


def test_a_fault_that_stays_is_5(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CcopsError) as caught:
        planted(monkeypatch, {2: Unreachable("X", "not ready")})
    assert caught.value.exit_code is ExitCode.DEGRADED


def test_ctrl_c_does_not_interrupt_the_removal(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[object] = []

    def restart(*_: object, **more: object) -> None:
        seen.append(signal.getsignal(signal.SIGINT))

    monkeypatch.setattr("ccops.stack.engine.restart", restart)
    monkeypatch.setattr(Preparation, "_again", lambda _: PROFILE)
    with Preparation("dev", fault="ws").around(PROFILE, lambda _: None, lambda _: None):
        pass
    assert seen[0] is not signal.SIG_IGN
    assert seen[1] is signal.SIG_IGN
    assert signal.getsignal(signal.SIGINT) is seen[0]
