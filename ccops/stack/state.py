"""What the supervisor tells everybody else: `state.json`, and how to read it without being fooled."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum

from ccops.stack.paths import StateDir, read_json, write_private

SCHEMA = "ccops.stack.state/v1"


class Phase(StrEnum):
    """Where a service is. `done` is a one-shot that ended well and counts as ready."""

    WAITING = "waiting"
    STARTING = "starting"
    READY = "ready"
    DONE = "done"
    RESTARTING = "restarting"
    STOPPED = "stopped"
    FAILED = "failed"
    UNHEALTHY = "unhealthy"
    ABSENT = "absent"


SETTLED = frozenset({Phase.READY, Phase.DONE, Phase.FAILED, Phase.ABSENT, Phase.STOPPED})
GOOD = frozenset({Phase.READY, Phase.DONE, Phase.ABSENT})


@dataclass(frozen=True, slots=True)
class ServiceState:
    """One service as the supervisor sees it."""

    name: str
    phase: Phase = Phase.STOPPED
    pid: int = 0
    started: float = 0.0
    address: str = ""
    ready_s: float = 0.0
    restarts: int = 0
    probe: str = ""
    answer: str = ""
    detail: str = ""
    note: str = ""
    overrides: tuple[str, ...] = ()

    @property
    def good(self) -> bool:
        return self.phase in GOOD


@dataclass(frozen=True, slots=True)
class StackState:
    """The whole stack: the supervisor's identity, the services, and answers to commands."""

    env: str
    pid: int
    started: float
    services: dict[str, ServiceState] = field(default_factory=dict)
    answers: dict[str, str] = field(default_factory=dict)

    @property
    def ready(self) -> bool:
        """Return whether every service that was asked for is ready (an absent one counts)."""
        return all(service.good for service in self.services.values())

    def bad(self) -> list[ServiceState]:
        """Return the services that are not ready."""
        return [service for service in self.services.values() if not service.good]


def write_state(state_dir: StateDir, state: StackState) -> None:
    """Write `state` atomically."""
    plain = {
        "schema": SCHEMA,
        "env": state.env,
        "supervisor": {"pid": state.pid, "started": state.started},
        "services": {name: asdict(service) for name, service in state.services.items()},
        "answers": state.answers,
    }
    write_private(state_dir.state, json.dumps(plain, indent=1) + "\n")


def read_state(state_dir: StateDir) -> StackState | None:
    """Return what was written last, or None when there is nothing usable."""
    plain = read_json(state_dir.state)
    supervisor, services, answers = plain.get("supervisor"), plain.get("services"), plain.get("answers")
    if plain.get("schema") != SCHEMA or not isinstance(supervisor, dict) or not isinstance(services, dict):
        return None
    try:
        return StackState(
            env=str(plain.get("env", "")),
            pid=int(supervisor["pid"]),
            started=float(supervisor["started"]),
            services={name: _service(value) for name, value in services.items()},
            answers={str(k): str(v) for k, v in answers.items()} if isinstance(answers, dict) else {},
        )
    except (KeyError, TypeError, ValueError):
        return None


def _service(value: dict[str, object]) -> ServiceState:
    known = {item.name for item in fields(ServiceState)}
    values: dict[str, object] = {key: item for key, item in value.items() if key in known}
    overrides = values.get("overrides", ())
    values["phase"] = Phase(str(values["phase"]))
    values["overrides"] = tuple(overrides) if isinstance(overrides, list) else ()
    return ServiceState(**values)  # type: ignore[arg-type]  # our own file; a wrong type is caught by use


def start_time(pid: int) -> float:
    """Return when the process `pid` began (0 if it is gone): with it a recycled pid is recognised."""
    import psutil

    try:
        return psutil.Process(pid).create_time()
    except psutil.Error:
        return 0.0


def alive(pid: int, started: float) -> bool:
    """Return whether `pid` still is the process that began at `started`: a recycled pid never counts."""
    import psutil

    if pid <= 0:
        return False
    try:
        process = psutil.Process(pid)
        same = abs(process.create_time() - started) < 1.0
        return same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def living(state_dir: StateDir) -> StackState | None:
    """Return the state, but only while the supervisor that wrote it is alive."""
    state = read_state(state_dir)
    return state if state is not None and alive(state.pid, state.started) else None


def leftovers(state: StackState) -> list[int]:
    """Return pids of the children recorded in `state` that still are these children."""
    return [item.pid for item in state.services.values() if alive(item.pid, item.started)]
