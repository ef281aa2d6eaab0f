"""The supervisor's own decisions, with services made for the purpose."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from ccops.stack.paths import StateDir
from ccops.stack.request import Action, Choices, Request, submit
from ccops.stack.service import ProbeFailed, Service, Site
from ccops.stack.services import kafka, table
from ccops.stack.state import Phase, ServiceState, read_state
from ccops.stack.supervisor import Supervisor

JOIN = """
import sys, time
from confluent_kafka import Consumer
from confluent_kafka.admin import AdminClient, NewTopic
admin = AdminClient({"bootstrap.servers": sys.argv[1]})
admin.create_topics([NewTopic("t", 1, 1)])["t"].exception(10)
consumer = Consumer({"bootstrap.servers": sys.argv[1], "group.id": "g"})
consumer.subscribe(["t"], on_assign=lambda *_: open(sys.argv[2], "a").write("joined\\n"))
while True:
    consumer.poll(0.1)
"""


class FileProbe:
    """Ready once a file exists."""

    question = "does the file exist?"

    def __init__(self, path: Path) -> None:
        self.path = path

    def ask(self, timeout_s: float) -> str:
        if not self.path.exists():
            raise ProbeFailed("not yet")
        return self.path.read_text()


def sleeper(name: str, *, code: str = "import time; time.sleep(60)", **more: object) -> Service:
    return Service(name=name, argv=(sys.executable, "-c", code), env={}, **more)  # type: ignore[arg-type]


@contextlib.asynccontextmanager
async def running(
    root: Path, monkeypatch: pytest.MonkeyPatch, *services: Callable[[Site], Service]
) -> AsyncIterator[StateDir]:
    """Run a supervisor over `services` in this process; everything is stopped at the end."""
    state_dir = StateDir(root)
    state_dir.create()
    names = tuple(make(_site(root)).name for make in services)
    for name, make in zip(names, services, strict=True):
        monkeypatch.setitem(table.BUILDERS, name, make)
    supervisor = Supervisor(state_dir, "dev")
    task = asyncio.create_task(supervisor.run(Request(Action.START, names, Choices("dev"))))
    try:
        yield state_dir
    finally:
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.wait_for(task, 15)


def _site(root: Path) -> Site:
    return Site("dev", root, dict.fromkeys(("kafka", "worker"), 0), {})


async def reached(state_dir: StateDir, name: str, wanted: Callable[[ServiceState], bool]) -> ServiceState:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        state = read_state(state_dir)
        if state and name in state.services and wanted(state.services[name]):
            return state.services[name]
        await asyncio.sleep(0.02)
    raise AssertionError(f"{name} did not get there: {state.services if state else None}")


def test_a_crashed_consumer_comes_back_to_a_group_without_its_ghost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The broker never expires a dead member, so it has to be restarted before the consumer returns."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    joined = tmp_path / "joined"

    def broker(_: Site) -> Service:
        return kafka.NoidaProvider().build(Site("dev", tmp_path, {"kafka": port}, {}))

    def consumer(_: Site) -> Service:
        return Service(
            name="worker",
            argv=(sys.executable, "-c", JOIN, f"127.0.0.1:{port}", str(joined)),
            env={},
            needs=("kafka",),
            ready=FileProbe(joined),
            bounce=("kafka",),
        )

    async def scenario() -> None:
        async with running(tmp_path, monkeypatch, broker, consumer) as state_dir:
            before = await reached(state_dir, "worker", lambda s: s.phase is Phase.READY)
            broker_before = await reached(state_dir, "kafka", lambda s: s.phase is Phase.READY)
            joined.unlink()

            os.kill(before.pid, signal.SIGKILL)

            after = await reached(state_dir, "worker", lambda s: s.restarts == 1 and s.phase is Phase.READY)
            broker_after = await reached(state_dir, "kafka", lambda s: s.phase is Phase.READY)
            assert after.pid != before.pid
            assert broker_after.pid != broker_before.pid
            assert joined.read_text() == "joined\n"
            assert await asyncio.to_thread(_members, port) == 1

    asyncio.run(scenario())


def _members(port: int) -> int:
    from confluent_kafka.admin import AdminClient

    admin = AdminClient({"bootstrap.servers": f"127.0.0.1:{port}"})
    return len(admin.describe_consumer_groups(["g"])["g"].result(10).members)


def test_a_failed_dependency_fails_everything_that_waits_for_it_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with running(
            tmp_path,
            monkeypatch,
            lambda _: sleeper("postgres", ready=FileProbe(tmp_path / "never"), ready_timeout_s=0.3),
            lambda _: sleeper("migrate", needs=("postgres",), one_shot=True),
            lambda _: sleeper("backend", needs=("migrate",)),
        ) as state_dir:
            backend = await reached(state_dir, "backend", lambda s: s.phase is Phase.FAILED)
            postgres = await reached(state_dir, "postgres", lambda s: s.phase is Phase.FAILED)
            assert backend.detail == "needs migrate, which failed"
            assert postgres.detail == "not ready after 0 s"
            assert postgres.answer == "not yet"

    began = time.monotonic()
    asyncio.run(scenario())

    assert time.monotonic() - began < 10


def test_a_one_shot_counts_as_ready_when_it_ends_with_zero(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with running(
            tmp_path,
            monkeypatch,
            lambda _: sleeper("postgres", code="", one_shot=True),
            lambda _: sleeper("redis", code="raise SystemExit(3)", one_shot=True),
        ) as state_dir:
            good = await reached(state_dir, "postgres", lambda s: s.phase is Phase.DONE)
            bad = await reached(state_dir, "redis", lambda s: s.phase is Phase.FAILED)
            assert (good.good, good.pid) == (True, 0)
            assert bad.detail == "exited with 3"

    asyncio.run(scenario())


def test_a_service_that_keeps_dying_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ccops.stack.unit._FIRST_PAUSE_S", 0.01)

    async def scenario() -> None:
        async with running(tmp_path, monkeypatch, lambda _: sleeper("redis", code="1/0")) as state_dir:
            failed = await reached(state_dir, "redis", lambda s: s.phase is Phase.FAILED)
            assert failed.restarts == 5
            assert failed.detail == "exited with 1; restarted 5 times in 60 s"
            assert state_dir.log("redis").read_text().count("ZeroDivisionError") == 6

    asyncio.run(scenario())


def test_what_is_stopped_while_a_restart_goes_round_stays_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(name: str, seconds: float) -> Service:
        mark = tmp_path / f"{name}.ready"
        code = (
            "import pathlib, signal, sys, time;"
            f"signal.signal(signal.SIGTERM, lambda *_: (time.sleep({seconds}), sys.exit(0)));"
            f"pathlib.Path({str(mark)!r}).touch(); time.sleep(60)"
        )
        return sleeper(name, code=code, ready=FileProbe(mark))

    async def scenario() -> None:
        async with running(
            tmp_path, monkeypatch, lambda _: slow("postgres", 0.3), lambda _: slow("redis", 1.5)
        ) as state_dir:
            for name in ("postgres", "redis"):
                await reached(state_dir, name, lambda s: s.phase is Phase.READY)
            # The restart is busy with the first while the second is told to end, and reaches it too early.
            restart = Request(Action.RESTART, ("postgres", "redis"), Choices("dev"))
            submit(state_dir, os.getpid(), restart)
            await asyncio.sleep(0.1)
            submit(state_dir, os.getpid(), Request(Action.STOP, ("redis",), Choices("dev")))
            await answered(state_dir, restart)
            state = read_state(state_dir)
            assert state is not None
            phases = {name: item.phase for name, item in state.services.items()}
            assert phases == {"postgres": Phase.READY, "redis": Phase.STOPPED}

    asyncio.run(scenario())


async def answered(state_dir: StateDir, request: Request) -> None:
    end = time.monotonic() + 20
    while not (state := read_state(state_dir)) or request.id not in state.answers:
        assert time.monotonic() < end
        await asyncio.sleep(0.02)


def test_a_child_that_ignores_the_stop_signal_is_killed_with_its_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = (
        "import os, pathlib, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); child = os.fork();"
        f"child and pathlib.Path({str(tmp_path / 'pids')!r}).write_text(f'{{os.getpid()}} {{child}}');"
        "time.sleep(60)"
    )

    async def scenario() -> list[int]:
        ready = FileProbe(tmp_path / "pids")
        async with running(
            tmp_path, monkeypatch, lambda _: sleeper("redis", code=code, ready=ready, stop_timeout_s=0.2)
        ) as state_dir:
            await reached(state_dir, "redis", lambda s: s.phase is Phase.READY)
            return [int(pid) for pid in (tmp_path / "pids").read_text().split()]

    pids = asyncio.run(scenario())

    assert len(pids) == 2
    time.sleep(0.1)
    assert not [pid for pid in pids if _lives(pid)]


def _lives(pid: int) -> bool:
    import psutil

    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
