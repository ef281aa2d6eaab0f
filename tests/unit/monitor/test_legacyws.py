"""The flag of the old games socket is put back whatever happens in between; engine and socket are played."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from pathlib import Path

import pytest

from ccops.core.errors import CcopsError, Degraded, Refused, Unreachable
from ccops.core.profile import Profile, Project, Value
from ccops.monitor import legacyws
from ccops.monitor.legacyws import switched
from ccops.monitor.switching import FLAG, Left, alone, begin, left
from ccops.stack import engine
from ccops.stack.state import ServiceState, StackState
from tests.conftest import ROOT


class Backend:
    """A backend that answers as its flag says; restarts may fail."""

    def __init__(self, **overrides: str) -> None:
        self.overrides: Mapping[str, str] = overrides
        self.fails: set[int] = set()
        self.restarts = 0

    def state(self, _: Profile) -> StackState:
        item = ServiceState("backend", pid=100 + self.restarts, overrides=tuple(self.overrides))
        return StackState("dev", 1, 0.0, {"backend": item})

    def restart(self, _: Profile, service: str, set: Mapping[str, str] | None = None) -> None:  # noqa: A002
        assert service == "backend"
        self.restarts += 1
        if self.restarts in self.fails:
            raise Unreachable("STACK_NOT_READY", "1 of 1 services is not ready")
        self.overrides = dict(set or {})

    def touch(self, _: str) -> str:
        return "accepted" if self.overrides.get(FLAG) == "1" else "rejected"


def play(monkeypatch: pytest.MonkeyPatch, backend: Backend) -> Backend:
    monkeypatch.setattr(engine, "state", backend.state)
    monkeypatch.setattr(engine, "restart", backend.restart)
    monkeypatch.setattr(legacyws, "touch", backend.touch)
    return backend


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Notes are kept in a folder of the test's own."""
    monkeypatch.setenv("CCOPS_HOME", str(tmp_path))


def profile(**values: str) -> Profile:
    known = {"CCOPS_STACK": "embedded", **values}
    project = Project(ROOT, Path(os.environ["CCOPS_HOME"]))
    return Profile("dev", project, {key: Value(text, "test") for key, text in known.items()})


def _interrupted_by(number: int) -> None:
    os.kill(os.getpid(), number)
    pytest.fail("not interrupted")


def quiet(_: str) -> None:
    """Say nothing."""


@pytest.mark.parametrize("on", [True, False])
@pytest.mark.parametrize("before", [{}, {FLAG: "1"}, {FLAG: "0"}])
def test_the_block_sees_the_flag_and_afterwards_it_is_as_before(
    monkeypatch: pytest.MonkeyPatch, on: bool, before: dict[str, str]
) -> None:
    backend = play(monkeypatch, Backend(**before))
    with switched(profile(), on, "http://x", quiet):
        assert backend.overrides == {FLAG: str(int(on))}
    assert backend.overrides == before
    assert backend.restarts == 2
    assert not list(profile().state_dir.glob("*.json"))


@pytest.mark.parametrize("ending", [KeyboardInterrupt, ValueError, SystemExit])
def test_it_is_put_back_after_whatever_ends_the_block(
    monkeypatch: pytest.MonkeyPatch, ending: type[BaseException]
) -> None:
    backend = play(monkeypatch, Backend())
    with pytest.raises(ending), switched(profile(), True, "http://x", quiet):
        raise ending
    assert backend.overrides == {}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_interrupts_the_block_and_one_more_does_not_interrupt_the_repair(
    monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    backend = play(monkeypatch, Backend())
    before = signal.getsignal(number)

    def say(text: str) -> None:
        if "as it was" in text:
            os.kill(os.getpid(), number)

    with pytest.raises(KeyboardInterrupt), switched(profile(), True, "http://x", say):
        _interrupted_by(number)
    assert backend.overrides == {}
    assert signal.getsignal(number) is before


def test_a_backend_that_does_not_come_up_with_the_flag_is_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = play(monkeypatch, Backend())
    backend.fails = {1}
    with pytest.raises(CcopsError) as caught, switched(profile(), True, "http://x", quiet):
        pytest.fail("never entered")
    assert caught.value.code == "STACK_NOT_READY"
    assert backend.restarts == 2


def test_a_repair_that_fails_is_said_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = play(monkeypatch, Backend())
    backend.fails = {2}
    with pytest.raises(Degraded) as caught, switched(profile(), True, "http://x", quiet):
        pass
    assert caught.value.code == "LEGACY_WS_FLAG_STAYED"
    assert caught.value.next_step == "ccops restart backend --env dev"


def test_a_repair_is_believed_only_when_the_socket_answers_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = play(monkeypatch, Backend())
    with pytest.raises(Degraded), switched(profile(), True, "http://x", quiet):
        monkeypatch.setattr(legacyws, "touch", lambda _: "accepted")
    assert backend.restarts == 2


def test_settings_that_a_restart_would_lose_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = play(monkeypatch, Backend(LOG_LEVEL="DEBUG"))
    with pytest.raises(Refused) as caught, switched(profile(), True, "http://x", quiet):
        pytest.fail("never entered")
    assert (caught.value.code, caught.value.evidence) == ("LEGACY_WS_OVERRIDES", "LOG_LEVEL")
    assert backend.restarts == 0


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"CCOPS_PROTECTED": "1"}, "LEGACY_WS_PROTECTED"),
        ({"CCOPS_STACK": "external"}, "STACK_EXTERNAL"),
    ],
)
def test_only_an_unprotected_embedded_backend_is_restarted(
    monkeypatch: pytest.MonkeyPatch, values: dict[str, str], code: str
) -> None:
    backend = play(monkeypatch, Backend())
    with pytest.raises(Refused) as caught, switched(profile(**values), True, "http://x", quiet):
        pytest.fail("never entered")
    assert (caught.value.code, backend.restarts) == (code, 0)


def cut_off(backend: Backend, restarts: int = 1) -> None:
    """What a run leaves that was killed after so many of its restarts."""
    was = backend.overrides
    profile().state_dir.mkdir(exist_ok=True)
    begin(profile(), backend.state(profile()), backend.touch(""), was)
    for sets in ({FLAG: "1"}, was)[:restarts]:
        backend.restart(profile(), "backend", sets)


@pytest.mark.parametrize("before", [{}, {FLAG: "0"}, {FLAG: "1"}])
def test_a_run_that_was_killed_is_found_and_put_back_before_the_next_one_begins(
    monkeypatch: pytest.MonkeyPatch, before: dict[str, str]
) -> None:
    backend = play(monkeypatch, Backend(**before))
    cut_off(backend)
    found = left(profile())
    sets = "".join(f" --set {key}={value}" for key, value in before.items())
    assert found is not None and found.next_step == f"ccops restart backend{sets} --env dev"
    said: list[str] = []
    with switched(profile(), False, "http://x", said.append):
        assert backend.overrides == {FLAG: "0"}
    assert (backend.overrides, said[0]) == (before, found.said)
    assert left(profile()) is None


def test_a_repair_of_a_killed_run_that_fails_is_left_for_the_call_after_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    backend = play(monkeypatch, Backend())
    cut_off(backend)
    backend.fails = {2}
    with pytest.raises(Degraded), switched(profile(), True, "http://x", quiet):
        pytest.fail("never entered")
    assert isinstance(left(profile()), Left)


def test_nothing_is_left_by_a_run_killed_before_its_restart_or_restarted_by_hand_since(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    backend = play(monkeypatch, Backend(**{FLAG: "1"}))
    cut_off(backend, restarts=0)
    assert left(profile()) is None
    cut_off(backend)
    assert left(profile()) is not None
    backend.restart(profile(), "backend")
    assert left(profile()) is None


def test_nothing_is_left_where_another_stack_was_started_since(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = play(monkeypatch, Backend())
    cut_off(backend)
    item = backend.state(profile()).services
    monkeypatch.setattr(engine, "state", lambda _: StackState("dev", 2, 0.0, item))
    assert left(profile()) is None


def test_a_run_that_is_going_on_is_none_that_was_left_and_keeps_the_next_one_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    backend = play(monkeypatch, Backend())
    cut_off(backend)
    with alone(profile()):
        assert left(profile()) is None
        with pytest.raises(Refused) as caught, switched(profile(), True, "http://x", quiet):
            pytest.fail("never entered")
    assert (caught.value.code, backend.restarts) == ("LEGACY_WS_BUSY", 1)


def test_a_note_that_can_not_be_written_refuses_before_anything_is_restarted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    backend = play(monkeypatch, Backend())
    (profile().state_dir / "legacy-ws.json").mkdir(parents=True)
    with pytest.raises(Refused) as caught, switched(profile(), True, "http://x", quiet):
        pytest.fail("never entered")
    assert (caught.value.code, backend.restarts) == ("LEGACY_WS_NOTE_UNWRITABLE", 0)
