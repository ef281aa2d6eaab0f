"""Containers as the stack's services: the engine's description becomes a ServiceState."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from ccops.clients.docker import Container, Docker
from ccops.stack.compose.layout import ONE_SHOT, PUBLISHED, order
from ccops.stack.process import how_it_ended
from ccops.stack.service import HOST
from ccops.stack.state import Phase, ServiceState

_PROJECT, _SERVICE = "com.docker.compose.project", "com.docker.compose.service"
_NUMBER, _ONE_OFF = "com.docker.compose.container-number", "com.docker.compose.oneoff"
_HEALTH = {"healthy": Phase.READY, "starting": Phase.STARTING, "unhealthy": Phase.UNHEALTHY}
_STATUS = {"created": Phase.WAITING, "restarting": Phase.RESTARTING, "paused": Phase.UNHEALTHY}
_ANSWER_CHARS = 300


def of_project(docker: Docker, project: str, expected: Collection[str] = ()) -> dict[str, Container]:
    """Return the containers of `project` by service, in table order; of several each by its number.

    One that is alone has its number, too, where `expected` has it: the others of `backend-1` may be gone.
    """
    found: dict[str, list[tuple[int, Container]]] = {}
    # A container may be replaced between the list and the look at it: then the next look finds the new one.
    chosen = {"label": f"{_PROJECT}={project}"}
    for one in docker.containers.list(all=True, filters=chosen, ignore_removed=True):
        labels = _map(_map(one.attrs, "Config"), "Labels")
        # A container of `compose run` is nobody's service.
        if str(labels.get(_ONE_OFF, "False")) != "True":
            number = str(labels.get(_NUMBER, "1"))
            place = int(number) if number.isdecimal() else 1
            found.setdefault(str(labels.get(_SERVICE, "?")), []).append((place, one))
    named: dict[str, Container] = {}
    for service in sorted(found, key=lambda name: (order(name), name)):
        several = sorted(found[service], key=lambda pair: pair[0])
        for place, one in several:
            alone = len(several) == 1 and f"{service}-{place}" not in expected
            # The first of several is the one that stays when a service becomes a single one again.
            stays = service in expected and place == several[0][0]
            named[service if alone or stays else f"{service}-{place}"] = one
    return named


def holds_anything(docker: Docker, project: str) -> bool:
    """Return whether `project` has a container or a volume: a stack that is down keeps its volumes."""
    chosen = {"label": f"{_PROJECT}={project}"}
    return bool(docker.volumes.list(filters=chosen)) or bool(of_project(docker, project))


def states(containers: Mapping[str, Container], expected: Iterable[str] = ()) -> dict[str, ServiceState]:
    """Return the state of each container, and of each `expected` service that has none."""
    found = {name: service_state(name, one.attrs) for name, one in containers.items()}
    for name in expected:
        if name not in found:
            found[name] = ServiceState(name, Phase.STOPPED, detail="there is no container")
    return dict(sorted(found.items(), key=lambda pair: (order(service_of(pair[0])), pair[0])))


def service_state(name: str, attrs: Mapping[str, object]) -> ServiceState:
    """Return what the engine says about the container of service `name`; `answer` is the probe's last."""
    state = _map(attrs, "State")
    health = _map(state, "Health")
    entries = health.get("Log")
    last = entries[-1] if isinstance(entries, list) and entries and isinstance(entries[-1], dict) else {}
    test = _map(_map(attrs, "Config"), "Healthcheck").get("Test")
    pid, restarts = state.get("Pid"), attrs.get("RestartCount")
    item = ServiceState(
        name=name,
        pid=pid if isinstance(pid, int) else 0,
        started=_seconds(state.get("StartedAt")),
        address=_address(name, attrs),
        restarts=restarts if isinstance(restarts, int) else 0,
        probe=" ".join(" ".join(str(word) for word in test[1:]).split()) if isinstance(test, list) else "",
        answer=" ".join(str(last.get("Output", "")).split())[-_ANSWER_CHARS:],
    )
    phase, detail = _phase(name, state, str(health.get("Status", "")))
    return replace(item, phase=phase, detail=detail)


def _phase(name: str, state: Mapping[str, object], health: str) -> tuple[Phase, str]:
    status = str(state.get("Status", ""))
    if status == "running":
        # A job that still runs is not ready: only its end says how it went.
        if name in ONE_SHOT:
            return Phase.STARTING, ""
        return _HEALTH.get(health, Phase.READY), ""
    if status in _STATUS:
        return _STATUS[status], str(state.get("Error") or ("paused" if status == "paused" else ""))
    code = state.get("ExitCode")
    number = code if isinstance(code, int) else -1
    if number == 0 and name in ONE_SHOT:
        return Phase.DONE, ""
    # The engine reports a signal as a shell does.
    said = how_it_ended(128 - number if number > 128 else number)
    if state.get("OOMKilled") is True:
        said = f"{said}: out of memory"
    return (Phase.STOPPED if number == 0 else Phase.FAILED), f"{said} {state.get('Error') or ''}".strip()


def _address(name: str, attrs: Mapping[str, object]) -> str:
    port = PUBLISHED.get(service_of(name))
    bound = _map(_map(attrs, "NetworkSettings"), "Ports").get(f"{port}/tcp")
    first = bound[0] if isinstance(bound, Sequence) and not isinstance(bound, str) and bound else None
    return f"{HOST}:{first['HostPort']}" if isinstance(first, dict) and "HostPort" in first else ""


def service_of(name: str) -> str:
    """Return the service that the container `name` is of: several are numbered."""
    head, _, tail = name.rpartition("-")
    return head if tail.isdecimal() else name


def _seconds(text: object) -> float:
    """Return seconds since the epoch of `2026-01-01T00:00:00.123456789Z`; 0 for never."""
    whole = str(text or "").partition(".")[0].rstrip("Z")
    try:
        at = datetime.fromisoformat(f"{whole}+00:00")
    except ValueError:
        return 0.0
    return at.timestamp() if at.year > 1 else 0.0


def _map(data: Mapping[str, object], key: str) -> Mapping[str, object]:
    found = data.get(key)
    return found if isinstance(found, dict) else {}
