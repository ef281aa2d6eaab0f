"""Look at the containers, and wait until each has settled."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from ccops.clients.docker import Docker
from ccops.core.profile import Profile
from ccops.stack.compose.containers import of_project, states
from ccops.stack.compose.layout import project_name
from ccops.stack.control import Event, OnEvent
from ccops.stack.state import SETTLED, ServiceState, StackState

_POLL_S = 0.5


def look(docker: Docker, profile: Profile, expected: Iterable[str]) -> StackState:
    """Return the state; pid 0 because nobody supervises: the engine does."""
    names = tuple(expected)
    found = states(of_project(docker, project_name(profile), names), names)
    began = min((item.started for item in found.values() if item.started), default=0.0)
    return StackState(profile.env, 0, began, found)


def wait(
    docker: Docker,
    profile: Profile,
    process: subprocess.Popen[bytes],
    names: Sequence[str],
    timeout_s: float,
    on_event: OnEvent,
    replaced: Collection[str] = (),
) -> StackState:
    """Report each service once as it settles; return when all have, the client failed, or the time is up.

    What `replaced` containers say counts only once the client has ended: before, they are the old ones.
    """
    began, told = time.monotonic(), dict[str, float]()
    while True:
        ended = process.poll()
        age = time.monotonic() - began
        now = look(docker, profile, names)
        for name in names:
            # Before the client has ended a container may be one that it is about to replace.
            item = now.services[name]
            good = item.good and (name not in replaced or ended is not None)
            if name not in told and (good or (item.phase in SETTLED and ended is not None)):
                told[name] = round(age, 1)
                on_event(Event("service", _timed(item, told[name])))
        if len(told) == len(names) or ended:
            return StackState(now.env, 0, now.started, _all_timed(now.services, told))
        if age > timeout_s:
            return now
        time.sleep(_POLL_S)


def until_settled(docker: Docker, profile: Profile, name: str, timeout_s: float) -> StackState:
    end = time.monotonic() + timeout_s
    while True:
        now = look(docker, profile, (name,))
        if now.services[name].phase in SETTLED or time.monotonic() > end:
            return now
        time.sleep(_POLL_S)


def _timed(item: ServiceState, seconds: float) -> ServiceState:
    return replace(item, ready_s=seconds)


def _all_timed(services: Mapping[str, ServiceState], told: Mapping[str, float]) -> dict[str, ServiceState]:
    return {name: _timed(item, told.get(name, 0.0)) for name, item in services.items()}
