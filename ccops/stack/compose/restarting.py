"""Restart a service on Docker, also with settings changed; which settings are changed, for `status`.

Containers that share one file of settings can not be told apart by it. So a service whose settings are
changed is made anew once with a folder of its own to mount; then its file is written and it is restarted.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import replace

from ccops.clients.docker import Container, open_docker
from ccops.core.errors import Refused
from ccops.core.profile import Profile
from ccops.stack.compose import client as compose
from ccops.stack.compose import engine, replicas, secretfiles
from ccops.stack.compose.containers import of_project
from ccops.stack.compose.failures import not_ready, stack_down
from ccops.stack.compose.layout import file_options, folder, program_env, project_name, variables
from ccops.stack.compose.watching import until_settled
from ccops.stack.control import only_one
from ccops.stack.members import SERVICE, kind_of, number_of
from ccops.stack.paths import StateDir, read_json, write_private
from ccops.stack.services.graph import check_names
from ccops.stack.settings import check_settable
from ccops.stack.site import choices_of, site_of
from ccops.stack.state import StackState

# These read app.env, and are not over when they have.
SETTABLE = ("backend", "worker")
_MADE_S = 120.0


def restart(
    profile: Profile,
    service: str,
    set: Mapping[str, str] | None = None,  # noqa: A002 - as in the embedded engine
    timeout_s: float = 60.0,
) -> StackState:
    """Restart `service` with the profile's settings and `set` over them until its next restart; wait for it.

    Raises Refused for settings of a service that reads none, or of one container of several; Unreachable when
    it does not become healthy within `timeout_s`, or was never started.
    """
    check_names((service,), members=True)
    overrides = dict(set or {})
    check_settable(profile, service, overrides, SETTABLE)
    kind = kind_of(service)
    if overrides and number_of(service):
        raise Refused(
            "NOT_SETTABLE",
            f"{service} is one of several containers, which share their settings",
            evidence=f"--set is for all of {kind}",
            next_step=f"ccops restart {kind} --set KEY=VALUE",
        )
    if service in SETTABLE:
        with open_docker() as docker:
            mounted = _mount_own(profile, of_project(docker, project_name(profile)), kind)
        with only_one(StateDir(profile.state_dir), lambda _: None):
            _write(profile, kind, overrides, own=mounted or bool(overrides))
            if overrides and not mounted:
                return with_overrides(profile, _made_anew(profile, kind, timeout_s))
    return with_overrides(profile, engine.restart(profile, service, timeout_s))


def status(profile: Profile) -> StackState:
    """Return what the engine says now, and which settings are changed. Raises Unreachable when it is down."""
    return with_overrides(profile, engine.status(profile))


def with_overrides(profile: Profile, now: StackState) -> StackState:
    """Return `now` with the keys that a restart set; their values are nobody's to show."""
    found = {kind: keys for kind in SETTABLE if (keys := _keys(StateDir(profile.state_dir), kind))}
    if not found:
        return now
    with open_docker() as docker:
        containers = of_project(docker, project_name(profile))
    # Containers of a later `up` read what all read; what was once set is no longer true of them.
    found = {kind: keys for kind, keys in found.items() if _reads_own(profile, containers, kind)}
    rows = {
        name: replace(item, overrides=found.get(kind_of(name), ())) for name, item in now.services.items()
    }
    return replace(now, services=rows)


def forget(profile: Profile) -> None:
    """Remove what was set for single services: their containers are gone, and it may be secret."""
    for kind in SETTABLE:
        shutil.rmtree(folder(StateDir(profile.state_dir), f"set-{kind}"), ignore_errors=True)


def _write(profile: Profile, kind: str, overrides: Mapping[str, str], *, own: bool) -> None:
    """Write the settings that `kind` will read at its start: in its own folder, or where all read them."""
    state_dir = StateDir(profile.state_dir)
    site = site_of(state_dir, choices_of(profile))
    secretfiles.write(state_dir, site)
    if not own:
        return
    where, text = folder(state_dir, f"set-{kind}"), secretfiles.app_env({**program_env(site), **overrides})
    # First what is said about it: a file that changes more than it says would be a secret kept from `status`.
    write_private(where / "keys.json", json.dumps({"keys": sorted(overrides)}) + "\n")
    write_private(where / "app.env", text)
    (where / "app.env").chmod(0o444)


def _made_anew(profile: Profile, kind: str, timeout_s: float) -> StackState:
    """Have the containers of `kind` made again with their own folder mounted, and wait for each."""
    state_dir = StateDir(profile.state_dir)
    ports = site_of(state_dir, choices_of(profile)).ports
    several = replicas.count(state_dir, None) if kind == SERVICE else 1
    published: dict[str, int | str] = {
        **ports,
        SERVICE: replicas.port_range(ports[SERVICE], replicas.count(state_dir, None)),
    }
    filled = variables(profile, published, "none")
    filled["CCOPS_SECRETS_DIR"] = str(folder(state_dir, f"set-{kind}"))
    how = ("--no-deps", "--force-recreate", *(("--scale", f"{kind}={several}") if several > 1 else ()))
    words = (*file_options(profile), "up", "-d", "--no-build", *how, kind)
    compose.find().run(words, filled, state_dir.log("compose-restart"), _MADE_S)
    with open_docker() as docker:
        names = list(_of_kind(of_project(docker, project_name(profile)), kind))
        if not names:
            raise stack_down(profile)
        for name in names:
            now = until_settled(docker, profile, name, timeout_s)
            if not now.services[name].good:
                raise not_ready(docker, profile, [now.services[name]], len(names))
    return now


def _mount_own(profile: Profile, containers: Mapping[str, Container], kind: str) -> bool:
    """Return whether the containers of `kind` read their own folder. Raises Unreachable without any."""
    if not _of_kind(containers, kind):
        raise stack_down(profile)
    return _reads_own(profile, containers, kind)


def _reads_own(profile: Profile, containers: Mapping[str, Container], kind: str) -> bool:
    own = folder(StateDir(profile.state_dir), f"set-{kind}")
    found = _of_kind(containers, kind).values()
    return bool(found) and all(str(own / "app.env") in _sources(one) for one in found)


def _of_kind(found: Mapping[str, Container], kind: str) -> dict[str, Container]:
    return {name: one for name, one in found.items() if kind_of(name) == kind}


def _sources(container: Container) -> Iterable[str]:
    mounts = container.attrs.get("Mounts")
    for mount in mounts if isinstance(mounts, list) else ():
        if isinstance(mount, dict):
            yield str(mount.get("Source", ""))


def _keys(state_dir: StateDir, kind: str) -> tuple[str, ...]:
    keys = read_json(folder(state_dir, f"set-{kind}") / "keys.json").get("keys")
    return tuple(str(key) for key in keys) if isinstance(keys, list) else ()
