"""One service at run time: prepared, started, asked until ready, restarted when it dies."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from ccops.stack.logfiles import rotate
from ccops.stack.paths import StateDir, write_private
from ccops.stack.process import Child, Launch, how_it_ended
from ccops.stack.service import ProbeFailed, Service
from ccops.stack.state import GOOD, Phase, ServiceState

MAX_RESTARTS, WINDOW_S = 5, 60.0
_UP = frozenset({Phase.WAITING, Phase.STARTING, Phase.READY, Phase.RESTARTING, Phase.UNHEALTHY})
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 5.0
_PROBE_TIMEOUT_S = 2.0


class NotReady(Exception):
    """The service will not become ready; the text is the reason."""


class Host(Protocol):
    """What a unit needs of the supervisor."""

    def publish(self) -> None:
        """Tell everybody that a state changed."""
        ...

    async def changed(self) -> None:
        """Wait until some state changes."""
        ...

    def owns_folder(self) -> bool:
        """Return whether the state folder still is ours; if somebody removed it, nothing may be started."""
        ...

    def listener(self, service: Service) -> int:
        """Return the descriptor of the socket that `service` shares with others, open. Raises OSError."""
        ...

    def phase_of(self, name: str) -> Phase | None:
        """Return the phase of another service, None if it was never asked for."""
        ...

    def watch(self, child: Child) -> None:
        """Reap `child` when it ends."""
        ...

    async def bounce(self, names: tuple[str, ...], died_at: float) -> None:
        """Restart `names` unless they were restarted after `died_at`."""
        ...


class Unit:
    """Drives one service. `state` is what others see."""

    def __init__(self, service: Service, host: Host, state_dir: StateDir) -> None:
        self.service = service
        self.overrides: Mapping[str, str] = {}
        self.state = ServiceState(service.name)
        self.started_at = 0.0
        self.root_mode = "auto"
        self.lock = asyncio.Lock()
        self.stops = 0  # how often somebody asked for its end: a restart that began before gives way
        self._crashed_at = 0.0
        self._host = host
        self._dir = state_dir
        self._child: Child | None = None
        self._stopping = False
        self._task: asyncio.Task[None] | None = None

    @property
    def wants_port(self) -> bool:
        """Return whether the socket it shares must stay open: it runs, or will again by itself."""
        return bool(self.service.listen) and self.state.phase in _UP

    def start(self, service: Service, overrides: Mapping[str, str]) -> None:
        """Begin to drive `service`; returns at once."""
        self.service, self.overrides, self._stopping = service, overrides, False
        self.state = ServiceState(
            service.name,
            Phase.ABSENT if service.absent else Phase.WAITING,
            address=service.address,
            probe=service.ready.question if service.ready else "",
            detail=service.absent,
            note=service.note,
            overrides=tuple(sorted(overrides)),
        )
        if not service.absent:
            self._task = asyncio.create_task(self._drive(), name=service.name)
        self._host.publish()

    async def stop(self) -> None:
        """Stop the process if there is one; afterwards nothing restarts it."""
        self._stopping = True
        if self._child is not None:
            self._note_end(await self._child.stop(self.service.stop_signal, self.service.stop_timeout_s))
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self.state.phase not in {Phase.FAILED, Phase.ABSENT}:
            self._set(phase=Phase.STOPPED, pid=0)

    async def _drive(self) -> None:
        try:
            await self._wait_for_needs()
            await self._keep_running()
        except NotReady as err:
            self._fail(str(err))
        except OSError as err:
            self._fail(f"{type(err).__name__}: {err}")
        except Exception as err:  # noqa: BLE001 - a bug here must show as this service's failure, not as silence
            self._fail(f"supervisor: {type(err).__name__}: {err}")

    async def _wait_for_needs(self) -> None:
        while True:
            phases = {name: self._host.phase_of(name) for name in self.service.needs}
            dead = [name for name, phase in phases.items() if phase in {None, Phase.FAILED, Phase.STOPPED}]
            if dead:
                raise NotReady(f"needs {dead[0]}, which {phases[dead[0]] or 'was not started'}")
            if all(phase in GOOD for phase in phases.values()):
                return
            await self._host.changed()

    async def _keep_running(self) -> None:
        recent: deque[float] = deque()
        while True:
            if self._crashed_at:
                await self._host.bounce(self.service.bounce, self._crashed_at)
            code = await self._run_once()
            if self._stopping:
                return
            died_at = time.monotonic()
            self._note_end(code)
            if self.service.one_shot:
                if code != 0:
                    raise NotReady(how_it_ended(code))
                self._set(phase=Phase.DONE, pid=0, answer="exit 0", ready_s=self._age())
                return
            while recent and recent[0] < died_at - WINDOW_S:
                recent.popleft()
            if len(recent) >= MAX_RESTARTS:
                raise NotReady(f"{how_it_ended(code)}; restarted {MAX_RESTARTS} times in {WINDOW_S:.0f} s")
            recent.append(died_at)
            restarts = self.state.restarts + 1
            self._set(phase=Phase.RESTARTING, pid=0, restarts=restarts, detail=how_it_ended(code))
            await asyncio.sleep(min(_FIRST_PAUSE_S * 2 ** (len(recent) - 1), _LONGEST_PAUSE_S))

    def _note_end(self, code: int) -> None:
        """Remember an end without a good-bye: others may still count on this process (`bounce`)."""
        self._crashed_at = time.monotonic() if code != 0 else 0.0

    async def _run_once(self) -> int:
        if not self._host.owns_folder():
            raise NotReady("the state folder is gone")
        self.started_at = time.monotonic()
        await self._prepare()
        child = self._spawn(self.service.argv, self.service.not_root)
        self._set(phase=Phase.STARTING, pid=child.pid, started=child.started)
        if self.service.ready is not None:
            await self._until_ready(child)
        return await asyncio.shield(child.exited)

    async def _until_ready(self, child: Child) -> None:
        probe, pause = self.service.ready, 0.02
        assert probe is not None
        while not child.exited.done():
            try:
                answer = await asyncio.to_thread(probe.ask, _PROBE_TIMEOUT_S)
            except ProbeFailed as err:
                if str(err) != self.state.answer:
                    self._set(answer=str(err))
            else:
                self._set(phase=Phase.READY, answer=answer, ready_s=self._age(), detail="")
                return
            if self._age() > self.service.ready_timeout_s:
                await child.stop(self.service.stop_signal, self.service.stop_timeout_s)
                raise NotReady(f"not ready after {self.service.ready_timeout_s:.0f} s")
            await asyncio.wait([child.exited], timeout=pause)
            pause = min(pause * 1.4, 0.25)

    async def _prepare(self) -> None:
        service = self.service
        rotate(self._dir.log(service.name))
        for folder in service.folders:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for path, text in service.files.items():
            write_private(path, text)
        plan = service.prepare
        if plan is None or plan.target.exists():
            return
        shutil.rmtree(plan.scratch, ignore_errors=True)
        plan.scratch.mkdir(mode=0o700)
        for step in plan.steps:
            child = self._spawn(step.argv, plan.scratch if service.not_root else None, step.stdin)
            self._set(phase=Phase.STARTING, pid=child.pid, started=child.started)
            code = await asyncio.shield(child.exited)
            if code != 0:
                raise NotReady(f"{Path(step.argv[0]).name} {how_it_ended(code)}")
        plan.scratch.rename(plan.target)

    def _spawn(self, argv: tuple[str, ...], not_root: Path | None, stdin: str = "") -> Child:
        service = self.service
        shared = {service.listen_key: self._host.listener(service)} if service.listen else {}
        how = Launch(
            cwd=self._dir.root,
            log=self._dir.log(service.name),
            orphan_signal=service.orphan_signal,
            env={**service.env, **self.overrides, **{key: str(fd) for key, fd in shared.items()}},
            not_root=not_root,
            root_mode=self.root_mode,
            handed_down=tuple(shared.values()),
        )
        self._child = Child(argv, how, stdin)
        self._host.watch(self._child)
        return self._child

    def _age(self) -> float:
        return round(time.monotonic() - self.started_at, 3)

    def _fail(self, reason: str) -> None:
        if not self._stopping:
            self._set(
                phase=Phase.FAILED, pid=0, detail=reason, ready_s=self._age() if self.started_at else 0.0
            )

    def _set(self, **changes: object) -> None:
        self.state = replace(self.state, **changes)  # type: ignore[arg-type]  # names are checked by replace
        self._host.publish()
