"""Start, stop and look at the stack on Docker."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Sequence

from ccops.clients.docker import Docker, open_docker
from ccops.core.errors import Degraded, Refused
from ccops.core.profile import Profile
from ccops.stack import ports
from ccops.stack.compose import client as compose
from ccops.stack.compose import replicas, secretfiles
from ccops.stack.compose.containers import holds_anything, of_project, service_of
from ccops.stack.compose.failures import not_ready, stack_down
from ccops.stack.compose.images import missing, outdated
from ccops.stack.compose.layout import (
    ONE_SHOT,
    PUBLISHED,
    described,
    file_options,
    project_name,
    variables,
)
from ccops.stack.compose.watching import look, until_settled, wait
from ccops.stack.control import Event, OnEvent, only_one
from ccops.stack.members import SERVICE, kind_of, members
from ccops.stack.paths import StateDir, read_json, write_private
from ccops.stack.service import Site
from ccops.stack.services import table
from ccops.stack.services.graph import check_names, with_needs
from ccops.stack.settings import check_profile
from ccops.stack.site import choices_of, site_of
from ccops.stack.state import Phase, StackState

SCHEMA = "ccops.stack.compose/v1"
_DOWN_S = 90.0
_RUNNING = frozenset({Phase.READY, Phase.DONE, Phase.STARTING, Phase.UNHEALTHY})


def up(
    profile: Profile,
    services: Iterable[str] = (),
    seed: str = "demo",
    on_event: OnEvent = lambda _: None,
    wait_timeout_s: float = 120.0,
    before_start: Callable[[Sequence[str]], None] = lambda _: None,
    scale: int | None = None,
) -> StackState:
    """Start `services` with what they need (none named: all) and wait until each is healthy, or ended well.

    `scale` is the number of backends (none: as many as there were, else one).

    Raises Refused before anything is changed (no client, a taken port), Unreachable for an engine that does
    not answer, an image that is nowhere, a service that does not become healthy.
    """
    check_profile(profile)
    wanted = with_needs(services)
    state_dir = StateDir(profile.state_dir)
    several = replicas.count(state_dir, scale)
    names = replicas.names_of(wanted, several, scale)
    client = compose.find()
    with open_docker() as docker:
        state_dir.create()
        with only_one(state_dir, on_event):
            before = look(docker, profile, names)
            arranged = scale in {None, replicas.count(state_dir, None)}
            old = _old(docker, profile, [name for name in names if before.services[name].good])
            if all(before.services[name].good for name in names) and arranged and not old:
                on_event(Event("already"))
                return before
            _plan_ports(profile, before, wanted, several)
            site = site_of(state_dir, choices_of(profile, seed))
            secretfiles.write(state_dir, site)
            before_start(wanted)
            secretfiles.open_rules(state_dir)
            _write_marker(state_dir, site, profile, names, several)
            _write_targets(docker, profile, several)
            on_event(Event("starting"))
            log = state_dir.log("compose")
            ranges = replicas.port_range(site.ports[SERVICE], several)
            filled = variables(profile, {**site.ports, SERVICE: ranges}, seed)
            how = ("--scale", f"{SERVICE}={several}") if SERVICE in wanted else ()
            words = (*file_options(profile), "up", "-d", "--no-build", *how, *wanted)
            try:
                with client.started(words, filled, log) as process:
                    replaced = old if arranged else old.union(members(SERVICE, names))
                    now = wait(docker, profile, process, names, wait_timeout_s, on_event, replaced)
                    _write_targets(docker, profile, several)
                    bad = [now.services[name] for name in names if not now.services[name].good]
                    # What it could not make anew may run on as it was.
                    if process.returncode and (not any(item.started for item in bad) if bad else old):
                        raise compose.failure(log, f"exit {process.returncode}", missing(docker, profile))
                    if bad:
                        raise not_ready(docker, profile, bad, len(names))
                    _describe(state_dir, names, profile)
            except KeyboardInterrupt:
                down(profile)
                raise
            return now


def _plan_ports(profile: Profile, before: StackState, wanted: Sequence[str], several: int) -> None:
    """Choose the ports of what is not running. Raises Refused for a fixed one that somebody else has."""
    running = {kind_of(name) for name, item in before.services.items() if item.phase in _RUNNING}
    ports.plan_ports(profile, set(wanted) & set(PUBLISHED) - running)
    if SERVICE in wanted:
        ours = [before.services[name].address for name in members(SERVICE, before.services)]
        bound = {int(address.rpartition(":")[2]) for address in ours if address}
        replicas.plan_ports(profile, several, bound)


def _old(docker: Docker, profile: Profile, names: Sequence[str]) -> frozenset[str]:
    """Return which of `names` were made from other files, settings or images than there are now."""
    known, now = _described(StateDir(profile.state_dir)), described(profile, os.environ)
    by_image = outdated(docker, profile, of_project(docker, project_name(profile), names))
    return frozenset(name for name in names if known.get(kind_of(name)) != now or name in by_image)


def _described(state_dir: StateDir) -> dict[str, object]:
    """Return the digest of what each service's containers were made from."""
    kept = read_json(state_dir.compose).get("described")
    return kept if isinstance(kept, dict) else {}


def _describe(state_dir: StateDir, names: Sequence[str], profile: Profile) -> None:
    """Note from what the containers were made: only now that they are all there."""
    made = dict.fromkeys(map(kind_of, names), described(profile, os.environ))
    plain = {**read_json(state_dir.compose), "described": {**_described(state_dir), **made}}
    write_private(state_dir.compose, json.dumps(plain, indent=1) + "\n")


def _write_targets(docker: Docker, profile: Profile, several: int) -> None:
    """Name the backends to Prometheus: a single one by its alias, several by their containers' names."""
    found = of_project(docker, project_name(profile)) if several > 1 else {}
    hosts = [str(found[name].attrs.get("Name", "")).lstrip("/") for name in members(SERVICE, found)]
    replicas.write_targets(StateDir(profile.state_dir), [host for host in hosts if host] or ["backend"])


def status(profile: Profile) -> StackState:
    """Return what the engine says now. Raises Unreachable when the stack is down."""
    with open_docker() as docker:
        now = look(docker, profile, _expected(profile))
    if not any(item.started for item in now.services.values()):
        raise stack_down(profile)
    return now


def stack_env(profile: Profile) -> str:
    """Return the text of stack.env, passwords included. Raises Unreachable when the stack is down."""
    state_dir = StateDir(profile.state_dir)
    if not state_dir.compose.is_file():
        raise stack_down(profile)
    return state_dir.stack_env.read_text(encoding="utf-8")


def down(profile: Profile, services: Iterable[str] = (), *, volumes: bool = False) -> tuple[str, ...]:
    """Remove the containers (of `services`, none named: all); returns which ran. `volumes`: the data too."""
    asked = tuple(services)
    check_names(asked)
    state_dir = StateDir(profile.state_dir)
    client = compose.find()
    with open_docker() as docker:
        before = look(docker, profile, ())
    running = tuple(name for name, item in before.services.items() if item.pid)
    chosen = tuple(name for name in running if kind_of(name) in asked)
    options, log = file_options(profile, every_profile=True), state_dir.log("compose-down")
    filled = variables(profile, ports.known_ports(state_dir.ports), "none")
    if asked:
        client.run((*options, "rm", "--stop", "--force", *asked), filled, log, _DOWN_S)
        return chosen
    if before.services or volumes or state_dir.compose.is_file():
        extra = ("--volumes",) if volumes else ()
        client.run((*options, "down", "--remove-orphans", *extra), filled, log, _DOWN_S)
    for path in (state_dir.compose, state_dir.stack_env):
        path.unlink(missing_ok=True)
    return running


def restart(profile: Profile, service: str, timeout_s: float = 60.0) -> StackState:
    """Restart the containers of `service` one after the other, each when the one before is healthy again."""
    check_names((service,), members=True)
    if service in ONE_SHOT:
        raise Refused(
            "NOT_RESTARTABLE",
            f"{service} runs once, at the start of the stack",
            next_step="ccops up --mode compose",
        )
    with open_docker() as docker:
        found = of_project(docker, project_name(profile))
        chosen = {name: one for name, one in found.items() if service in {name, service_of(name)}}
        if not chosen:
            raise stack_down(profile)
        for name, container in chosen.items():
            container.restart(timeout=10)
            now = until_settled(docker, profile, name, timeout_s)
            if not now.services[name].good:
                raise not_ready(docker, profile, [now.services[name]], len(chosen))
    return now


def _expected(profile: Profile) -> tuple[str, ...]:
    names = read_json(StateDir(profile.state_dir).compose).get("services")
    return tuple(str(name) for name in names) if isinstance(names, list) else ()


def _write_marker(
    state_dir: StateDir, site: Site, profile: Profile, names: Sequence[str], several: int
) -> None:
    """Say that the stack is on Docker, and where everything listens; every other command reads that."""
    # What an earlier call started is still there; of the backends, as many as there are to be now.
    kinds = {kind_of(name) for name in names}
    earlier = [name for name in _expected(profile) if kind_of(name) not in kinds]
    known = tuple(dict.fromkeys((*earlier, *names)))
    shown = [kind for kind in map(kind_of, known) if kind == SERVICE or not profile.protected]
    keys = dict(table.stack_env(site, shown))
    if SERVICE in shown:
        keys |= replicas.urls(site.ports, several)
    write_private(state_dir.stack_env, "".join(f"{key}={text}\n" for key, text in keys.items()))
    plain: dict[str, object] = {"schema": SCHEMA, "project": project_name(profile), "services": list(known)}
    plain["scale"] = {SERVICE: several}
    plain["described"] = _described(state_dir)
    write_private(state_dir.compose, json.dumps(plain, indent=1) + "\n")


def wipe(profile: Profile, confirm: str) -> bool:
    """Remove containers and volumes; returns whether there were any.

    Raises Refused on a protected profile and without its name.
    """
    if profile.protected or confirm != profile.env:
        raise Refused(
            "WIPE_PROTECTED" if profile.protected else "CONFIRM_MISSING",
            f"{profile.env} is protected: its data is never removed by ccops"
            if profile.protected
            else f"--wipe removes all data of {profile.env}",
            evidence=f"the volumes of project {project_name(profile)}; --confirm was {confirm!r}",
            next_step=f"ccops down --env {profile.env} --mode compose",
        )
    with open_docker() as docker:
        had = holds_anything(docker, project_name(profile))
    down(profile, volumes=True)
    if StateDir(profile.state_dir).compose.is_file():
        raise Degraded("WIPE_INCOMPLETE", "the stack is still there", next_step="ccops status")
    return had
