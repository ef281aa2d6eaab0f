"""Start, stop and look at the embedded stack; everything here is done by talking to the supervisor."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

from ccops.core.errors import Refused, Unreachable
from ccops.core.profile import Profile
from ccops.stack import ports
from ccops.stack.control import (
    Event,
    OnEvent,
    only_one,
    spawn,
    sweep,
    uninterrupted,
    until,
    wait,
    wait_answer,
)
from ccops.stack.failures import not_ready
from ccops.stack.members import check_count, expand, kind_of, members, number_of, wanted_count
from ccops.stack.paths import StateDir
from ccops.stack.request import Action, Request, submit
from ccops.stack.services import kafka_choice, table
from ccops.stack.services.graph import check_names, with_needs
from ccops.stack.services.postgres import check_version
from ccops.stack.settings import check_profile, check_settable
from ccops.stack.site import choices_of, site_of
from ccops.stack.state import Phase, StackState, alive, living

# An absent service is looked for again: somebody may have installed it.
_RUNNING = frozenset({Phase.READY, Phase.DONE})
_OVER = frozenset({Phase.STOPPED, Phase.FAILED, Phase.ABSENT})
# These read settings from their environment; the others have none.
SETTABLE = ("backend", "worker", "clickhouse", "migrate")


def up(
    profile: Profile,
    services: Iterable[str] = (),
    seed: str = "demo",
    on_event: OnEvent = lambda _: None,
    wait_timeout_s: float = 120.0,
    backend_workers: int | None = None,
    kafka: str | None = None,
    before_start: Callable[[Sequence[str]], None] = lambda _: None,
) -> StackState:
    """Start `services` with what they need (none named: all) and wait until they are ready.

    `backend_workers` is the number of backend processes behind one port, `kafka` the provider of the
    broker (none: what the profile says). `before_start` is told what is about to be started, when nothing can
    refuse any more; what it raises stops the start.

    Raises Refused before anything is changed, Unreachable when a service does not become ready. On
    KeyboardInterrupt everything that this call started is stopped again.
    """
    require_embedded(profile, "up")
    check_profile(profile)
    asked = tuple(services)
    names = expand(with_needs(asked), wanted_count(profile, backend_workers))
    state_dir = StateDir(profile.state_dir)
    state_dir.create()
    with only_one(state_dir, on_event):
        before = living(state_dir)
        check_count(before, names)
        good = [name for name, item in before.services.items() if item.phase in _RUNNING] if before else []
        starting = [name for name in names if name not in good]
        warm = state_dir.data("kafka-apache").is_dir()
        if "kafka" in names:
            known = before is not None and "kafka" in before.services
            say = partial(Event, "said", None)
            kafka_choice.settle(
                profile, kafka, "kafka" not in starting, known, lambda text: on_event(say(text))
            )
        request, absent = _preflight(profile, state_dir, before, starting, names, asked, seed)
        if before is not None and set(starting) <= absent:
            on_event(Event("already"))
            return before
        before_start([name for name in starting if name not in absent])
        on_event(Event("starting"))
        try:
            if before is None:
                pid = spawn(state_dir, request)
            else:
                pid = before.pid
                submit(state_dir, pid, request)
            done = wait(state_dir, pid, request, names, wait_timeout_s, on_event)
        except KeyboardInterrupt:
            _undo(profile, before, starting)
            raise
    if "kafka" in starting:
        kafka_choice.measure(state_dir, done.services["kafka"].ready_s, warm)
    failed = [done.services[name] for name in names if not done.services[name].good]
    if failed:
        raise not_ready(state_dir, failed, len(names))
    return done


def down(profile: Profile, services: Iterable[str] = (), timeout_s: float = 40.0) -> tuple[str, ...]:
    """Stop `services` (none named: all, and the supervisor); returns the names that were running."""
    require_embedded(profile, "down")
    asked = tuple(services)
    check_names(asked, members=True)
    state_dir = StateDir(profile.state_dir)
    before = living(state_dir)
    if before is None:
        sweep(state_dir)
        return ()
    names = tuple(dict.fromkeys(member for name in asked for member in members(name, before.services)))
    if asked and not names:
        return ()
    running = tuple(
        name for name, item in before.services.items() if item.pid and (not names or name in names)
    )
    if names:
        request = Request(Action.STOP, names, choices_of(profile))
        submit(state_dir, before.pid, request)
        wait_answer(state_dir, before.pid, request, timeout_s)
        return running
    os.kill(before.pid, signal.SIGTERM)
    if not until(lambda: not alive(before.pid, before.started), timeout_s):
        os.kill(before.pid, signal.SIGKILL)
        until(lambda: not alive(before.pid, before.started), 2.0)
    sweep(state_dir)
    return running


def wipe(profile: Profile, confirm: str) -> bool:
    """Stop everything and remove the state folder of this environment; returns whether there was one.

    Raises Refused on a protected profile, and without the environment's name as `confirm`.
    """
    require_embedded(profile, "down --wipe")
    folder = profile.state_dir
    if profile.protected:
        raise Refused(
            "WIPE_PROTECTED",
            f"{profile.env} is protected: its data is never removed by ccops",
            evidence=f"CCOPS_PROTECTED=1 ({profile.values['CCOPS_PROTECTED'].origin})",
            next_step=f"ccops down --env {profile.env}    stops and keeps the data",
        )
    if confirm != profile.env:
        raise Refused(
            "CONFIRM_MISSING",
            f"--wipe removes all data of {profile.env}",
            evidence=f"{folder} would be deleted; --confirm was {confirm!r}" if confirm else str(folder),
            next_step=f"ccops down --env {profile.env} --wipe --confirm {profile.env}",
        )
    down(profile)
    if not folder.is_dir():
        return False
    shutil.rmtree(folder)
    return True


def state(profile: Profile) -> StackState | None:
    """Return the state of the stack, None while no supervisor lives."""
    return living(StateDir(profile.state_dir))


def pid_of(profile: Profile, service: str) -> int | None:
    """Return the pid of the process that owns the port of `service`; of several the first that lives."""
    now = state(profile)
    items = [now.services[name] for name in members(service, now.services)] if now else []
    return next((item.pid for item in items if item.pid and alive(item.pid, item.started)), None)


def restart(
    profile: Profile,
    service: str,
    set: Mapping[str, str] | None = None,  # noqa: A002 - reads as the option it is: restart(..., set={})
    timeout_s: float = 60.0,
) -> StackState:
    """Restart `service` with extra environment `set` (only until its next restart) and wait for it.

    Several processes of one service are restarted one by one, each after the one before is ready again; the
    first that does not become ready ends it. `timeout_s` is for each.
    """
    require_embedded(profile, "restart")
    check_names((service,), members=True)
    overrides = dict(set or {})
    check_settable(profile, service, overrides, SETTABLE)
    state_dir = StateDir(profile.state_dir)
    before = living(state_dir)
    names = members(service, before.services) if before else ()
    if before is None or not names:
        raise Unreachable(
            "STACK_DOWN",
            f"{service} was not started" if before else "the stack is down",
            evidence=f"state folder: {state_dir.root}",
            next_step=f"ccops up {kind_of(service)}",
        )
    request = Request(Action.RESTART, names, choices_of(profile), overrides)
    submit(state_dir, before.pid, request)
    now = wait_answer(state_dir, before.pid, request, timeout_s * len(names))
    bad = [now.services[name] for name in names if not now.services[name].good]
    if bad:
        raise not_ready(state_dir, bad, len(names))
    return now


def require_embedded(profile: Profile, what: str) -> None:
    """Refuse for a profile whose systems run elsewhere, and while the stack is on Docker."""
    if StateDir(profile.state_dir).compose.is_file():
        raise Refused(
            "STACK_IN_OTHER_MODE",
            f"ccops {what} is for the embedded stack; that of {profile.env} is on Docker",
            evidence=str(StateDir(profile.state_dir).compose),
            next_step=f"ccops down --env {profile.env}    then again",
        )
    if profile.stack_kind == "embedded":
        return
    raise Refused(
        "STACK_NOT_EMBEDDED",
        f"ccops {what} works on the embedded stack; {profile.env} says CCOPS_STACK={profile.stack_kind}",
        evidence=f"env/{profile.env}.env describes systems that run elsewhere",
        next_step=f"ccops {what} --env dev, or set CCOPS_STACK=embedded in env/{profile.env}.env",
    )


def _preflight(
    profile: Profile,
    state_dir: StateDir,
    before: StackState | None,
    starting: list[str],
    names: tuple[str, ...],
    asked: tuple[str, ...],
    seed: str,
) -> tuple[Request, set[str]]:
    """Do everything that can refuse before a process is started; returns also what is not installed."""
    if before is None:
        sweep(state_dir)
    check_version(state_dir)
    # A port of a service that the supervisor is just restarting is its own.
    rows = before.services if before else {}
    held = {name for name, item in rows.items() if item.pid}
    # The port of several processes is the supervisor's, also while each of them is just coming back.
    held |= {kind_of(name) for name, item in rows.items() if number_of(name) and item.phase not in _OVER}
    wanted = {name for member in starting for name in (member, kind_of(member))}
    if "kafka" in wanted - held:
        wanted.add("kafka_controller")
    ports.plan_ports(profile, wanted - held)
    request = Request(Action.START, names, choices_of(profile, seed))
    built = table.build(site_of(state_dir, request.choices), names)
    absent = {name: service.absent for name, service in built.items() if service.absent}
    for name in asked:
        if name in absent:
            raise Refused(
                "SERVICE_ABSENT",
                f"{name} is not installed on this machine",
                evidence=f"no {name} on PATH",
                next_step=absent[name],
            )
    return request, set(absent)


def _undo(profile: Profile, before: StackState | None, started: list[str]) -> None:
    """Stop what an interrupted `up` had begun to start; what ran before keeps running.

    A second Ctrl-C does not interrupt this: half of it would leave processes.
    """
    with uninterrupted():
        if before is None:
            until(lambda: state(profile) is not None, 2.0)
            down(profile)
        else:
            down(profile, started)
