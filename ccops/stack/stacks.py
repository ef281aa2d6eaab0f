"""The stack of an environment, wherever it runs: what both engines can, asked of the one that has it.

For commands that change a stack of ours for a moment (scenarios, planted faults, a switched flag). A command
of the stack itself, which may choose where to start it, asks `compose.mode` instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from ccops.core.errors import Refused, Unreachable
from ccops.core.profile import Profile
from ccops.stack.control import OnEvent
from ccops.stack.paths import StateDir
from ccops.stack.state import StackState

if TYPE_CHECKING:
    from ccops.stack.monitoring import Watch


def on_docker(profile: Profile) -> bool:
    """Return whether the stack of this environment is on Docker now."""
    return StateDir(profile.state_dir).compose.is_file()


def require_ours(profile: Profile, what: str) -> None:
    """Raise Refused for a profile whose systems run elsewhere."""
    if not profile.ours:
        raise Refused(
            "STACK_EXTERNAL",
            f"ccops {what} works on a stack of ours; {profile.env} says CCOPS_STACK={profile.stack_kind}",
            evidence=f"env/{profile.env}.env describes systems that run elsewhere",
            next_step=f"ccops {what} --env dev",
        )


def up(
    profile: Profile,
    services: Iterable[str] = (),
    seed: str = "demo",
    on_event: OnEvent = lambda _: None,
    before_start: Callable[[Sequence[str]], None] = lambda _: None,
) -> StackState:
    """Start `services` where the stack runs; where none runs, as the profile says or what is installed."""
    from ccops.stack.compose import Mode
    from ccops.stack.compose.mode import chosen

    if chosen(profile, Mode.AUTO, "up") is Mode.COMPOSE:
        from ccops.stack.compose import engine as compose

        return compose.up(profile, services, seed, on_event, before_start=before_start)
    from ccops.stack import engine

    return engine.up(profile, services, seed, on_event, before_start=before_start)


def down(profile: Profile, services: Iterable[str]) -> tuple[str, ...]:
    """Stop `services`; returns the names that were running."""
    if on_docker(profile):
        from ccops.stack.compose import engine as compose

        return compose.down(profile, services)
    from ccops.stack import engine

    return engine.down(profile, services)


def restart(
    profile: Profile,
    service: str,
    set: Mapping[str, str] | None = None,  # noqa: A002 - as in both engines
) -> StackState:
    """Restart `service` with `set` until its next restart, and wait until it is ready."""
    if on_docker(profile):
        from ccops.stack.compose import restarting

        return restarting.restart(profile, service, set)
    from ccops.stack import engine

    return engine.restart(profile, service, set)


def watch(profile: Profile, now: StackState) -> Watch | None:
    """Return what Prometheus of the stack `now` watches, None where none runs or it does not answer."""
    # A supervisor of ours has a pid; on Docker the engine supervises.
    if now.pid:
        from ccops.stack import monitoring

        return monitoring.watch(profile, now)
    from ccops.stack.compose import monitored

    return monitored.watch(profile, now)


def state(profile: Profile) -> StackState | None:
    """Return the state of the stack, None while it is down."""
    if not on_docker(profile):
        from ccops.stack import engine

        return engine.state(profile)
    from ccops.stack.compose import restarting

    try:
        return restarting.status(profile)
    except Unreachable as error:
        if error.code != "STACK_DOWN":
            raise
        return None
