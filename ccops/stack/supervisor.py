"""The one detached process that owns every child of an environment's stack.

`engine.up` starts it with a request on stdin. It leaves its caller's session, holds the lock for as long as
it lives, and takes further requests as files in `commands/` that SIGUSR1 announces. SIGTERM ends everything.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Coroutine, Mapping

from ccops.core.errors import CcopsError
from ccops.stack.listeners import Listeners
from ccops.stack.logfiles import rotate
from ccops.stack.members import kind_of
from ccops.stack.paths import StateDir, write_private
from ccops.stack.process import Child
from ccops.stack.request import Action, Request
from ccops.stack.service import Service, Site
from ccops.stack.services import table
from ccops.stack.services.graph import NEEDS, in_order
from ccops.stack.site import site_of
from ccops.stack.state import SETTLED, Phase, StackState, start_time, write_state
from ccops.stack.unit import Unit

_ANSWERS_KEPT = 20
_LOOK_EVERY_S = 2.0
_STARTABLE = frozenset({Phase.STOPPED, Phase.FAILED, Phase.ABSENT})


class Supervisor:
    """Owns the units and the state file. One thread runs everything; only the probes ask in others."""

    def __init__(self, state_dir: StateDir, env: str, owns: Callable[[], bool] = lambda: True) -> None:
        self._dir = state_dir
        self._env = env
        self._owns = owns
        self._units: dict[str, Unit] = {}
        self._children: list[Child] = []
        self._listeners = Listeners()
        self._answers: dict[str, str] = {}
        self._change = asyncio.Event()
        self._end = asyncio.Event()
        self._jobs: set[asyncio.Task[None]] = set()
        self._started = start_time(os.getpid())

    # What a unit sees of us (unit.Host)

    def publish(self) -> None:
        services = {name: self._units[name].state for name in in_order(self._units)}
        self._listeners.close_unused(unit.service.listen for unit in self._units.values() if unit.wants_port)
        if self.owns_folder():
            write_state(self._dir, StackState(self._env, os.getpid(), self._started, services, self._answers))
        self._change.set()
        self._change = asyncio.Event()

    async def changed(self) -> None:
        await self._change.wait()

    def owns_folder(self) -> bool:
        if not self._owns():
            self._end.set()
            return False
        return True

    def listener(self, service: Service) -> int:
        return self._listeners.open(service)

    def phase_of(self, name: str) -> Phase | None:
        unit = self._units.get(name)
        return unit.state.phase if unit else None

    def watch(self, child: Child) -> None:
        self._children = [other for other in self._children if not other.exited.done()]
        self._children.append(child)

    async def bounce(self, names: tuple[str, ...], died_at: float) -> None:
        for name in names:
            unit = self._units.get(name)
            if unit is not None and unit.state.phase is Phase.READY and unit.started_at < died_at:
                # A task of its own: stopping the service that waits for this must not leave it half done.
                again = self._job(self._restart(unit, unit.service, unit.overrides, unit.stops))
                await asyncio.shield(again)

    # Requests

    async def run(self, first: Request) -> None:
        """Serve until told to stop, or until the folder is no longer ours; then stop everything in order."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGCHLD, self._reap)
        loop.add_signal_handler(signal.SIGUSR1, self._take_commands)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._end.set)
        self._job(self._serve(first))
        while not self._end.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._end.wait(), _LOOK_EVERY_S)
            if not self.owns_folder():
                break
            for name in (*self._units, "supervisor"):
                rotate(self._dir.log(name))
            if not self._dir.state.exists():
                self.publish()
        await self._stop(tuple(self._units))

    def _reap(self) -> None:
        for child in self._children:
            child.reap()

    def _take_commands(self) -> None:
        for path in sorted(self._dir.commands.glob("*.json")):
            text = path.read_text(encoding="utf-8")
            path.unlink()
            self._job(self._serve(Request.from_json(text)))

    def _job(self, work: Coroutine[object, object, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._jobs.add(task)
        task.add_done_callback(self._jobs.discard)
        return task

    async def _serve(self, request: Request) -> None:
        try:
            if request.action is Action.STOP:
                await self._stop(request.services)
            else:
                site = site_of(self._dir, request.choices)
                services = table.build(site, request.services)
                if request.action is Action.START:
                    self._forget_others(request.services)
                self._write_stack_env(site, services)
                stops = {name: unit.stops for name, unit in self._units.items()}
                for name, service in services.items():
                    unit = self._units.setdefault(name, Unit(service, self, self._dir))
                    unit.root_mode = site.root_mode
                    if request.action is Action.RESTART:
                        await self._restart(unit, service, request.overrides, stops.get(name, 0))
                        if not unit.state.good:
                            break  # of several processes those not yet touched go on as they are
                    elif unit.state.phase in _STARTABLE:
                        unit.start(service, {})
            self._answer(request, "ok")
        except CcopsError as err:
            self._answer(request, f"{err.code}: {err.message}")
        except Exception as err:
            self._answer(request, f"{type(err).__name__}: {err}")
            raise

    def _forget_others(self, names: tuple[str, ...]) -> None:
        """Drop stopped members of an earlier arrangement: `backend` is one process or several."""
        kinds = {kind_of(name) for name in names}
        for name, unit in list(self._units.items()):
            if kind_of(name) in kinds and name not in names and unit.state.phase in _STARTABLE:
                del self._units[name]

    def _answer(self, request: Request, text: str) -> None:
        self._answers[request.id] = text
        for old in list(self._answers)[:-_ANSWERS_KEPT]:
            del self._answers[old]
        self.publish()

    def _write_stack_env(self, site: Site, services: Mapping[str, Service]) -> None:
        known = {name: unit.service for name, unit in self._units.items()} | dict(services)
        keys = table.stack_env(site, [name for name, service in known.items() if not service.absent])
        write_private(self._dir.stack_env, "".join(f"{key}={text}\n" for key, text in keys.items()))

    async def _restart(self, unit: Unit, service: Service, overrides: Mapping[str, str], stops: int) -> None:
        async with unit.lock:
            await unit.stop()
            if self._end.is_set() or unit.stops != stops:
                return
            unit.start(service, overrides)
        while unit.state.phase not in SETTLED:
            await self.changed()

    async def _stop(self, names: tuple[str, ...]) -> None:
        """Stop `names`, each as soon as those of them that need it are down."""
        chosen = [name for name in names if name in self._units]
        for name in chosen:
            self._units[name].stops += 1
        down = {name: asyncio.Event() for name in chosen}

        async def one(name: str) -> None:
            for other in chosen:
                if name in NEEDS[kind_of(other)]:
                    await down[other].wait()
            async with self._units[name].lock:
                await self._units[name].stop()
            down[name].set()

        await asyncio.gather(*(one(name) for name in chosen))
