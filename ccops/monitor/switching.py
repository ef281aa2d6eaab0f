"""The old games socket switched for a moment and never switched back: what a killed run leaves is found.

The note is on disk before the flag is set and goes when the backend is seen to run as before. Whether it
still says something is read from the running backend: a new stack, or a restart by hand, ended it as well.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ccops.core.actor import actor
from ccops.core.atomic import write_whole
from ccops.core.clock import SystemClock, iso
from ccops.core.errors import Refused
from ccops.core.lock import is_taken, take

if TYPE_CHECKING:
    from ccops.core.profile import Profile
    from ccops.stack.state import StackState

FLAG = "ENABLE_LEGACY_GAMES_WS"
SERVICE = "backend"
NAME = "legacy-ws.json"
_LOCK = "legacy-ws.lock"


@dataclass(frozen=True, slots=True)
class Left:
    """A switch that was not taken back. `before` is accepted or rejected, `back` what was set before it."""

    env: str
    actor: str
    at: str
    before: str
    back: Mapping[str, str]

    @property
    def said(self) -> str:
        """Return what happened, as one sentence."""
        return f"{SERVICE} still runs with the {FLAG} of a run of {self.actor} that was cut off at {self.at}"

    @property
    def next_step(self) -> str:
        """Return the command that puts it back."""
        return command(self.env, self.back)


def command(env: str, back: Mapping[str, str]) -> str:
    """Return the call that restarts the backend with `back` set and nothing else."""
    sets = "".join(f" --set {key}={value}" for key, value in back.items())
    return f"ccops restart {SERVICE}{sets} --env {env}"


@contextmanager
def alone(profile: Profile) -> Iterator[None]:
    """Keep others from switching meanwhile. Raises Refused while somebody else does, or where it can't be."""
    try:
        profile.state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = take(profile.state_dir / _LOCK)
    except BlockingIOError:
        raise Refused(
            "LEGACY_WS_BUSY",
            f"somebody else has switched the old games socket of {profile.env} for a moment",
            evidence=str(profile.state_dir / _LOCK),
            next_step="wait for them; a run takes some seconds besides its --during",
        ) from None
    except OSError as error:
        raise _unwritable(profile, error) from None
    try:
        yield
    finally:
        os.close(handle)


def begin(profile: Profile, state: StackState, before: str, back: Mapping[str, str]) -> None:
    """Say on disk that the flag is about to be set. Raises Refused when that can't be written."""
    plain = {
        "schema": "ccops.monitor.switching/v1",
        "actor": actor(),
        "at": iso(SystemClock().now()),
        "before": before,
        "back": dict(back),
        "supervisor": [state.pid, state.started],
        "pids": _pids(state),
    }
    try:
        write_whole(_note(profile), json.dumps(plain, indent=1))
    except OSError as error:
        raise _unwritable(profile, error) from None


def end(profile: Profile) -> None:
    """Forget the switch: the backend runs as before, or as somebody has said since."""
    _note(profile).unlink(missing_ok=True)


def left(profile: Profile, *, ours: bool = False) -> Left | None:
    """Return the switch that was cut off; none while it is going on (`ours`: the caller holds the lock)."""
    from ccops.stack import stacks

    note = _note(profile)
    if not note.exists() or not (ours or not is_taken(profile.state_dir / _LOCK)):
        return None
    try:
        plain = json.loads(note.read_bytes())
        found = Left(profile.env, str(plain["actor"]), str(plain["at"]), str(plain["before"]), plain["back"])
        (supervisor, started), pids = plain["supervisor"], dict(plain["pids"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    state = stacks.state(profile)
    if state is None or state.pid != supervisor or _pids(state) == pids:
        return None
    if state.pid and state.started != started:  # on Docker that is when the oldest container began
        return None
    return found if FLAG in overridden(state) else None


def overridden(state: StackState) -> frozenset[str]:
    """Return the names of the settings that the backend runs with until its next restart."""
    from ccops.stack.members import members

    names = members(SERVICE, state.services)
    return frozenset(key for name in names for key in state.services[name].overrides)


def _pids(state: StackState) -> dict[str, int]:
    from ccops.stack.members import members

    return {name: state.services[name].pid for name in members(SERVICE, state.services)}


def _note(profile: Profile) -> Path:
    return profile.state_dir / NAME


def _unwritable(profile: Profile, error: OSError) -> Refused:
    return Refused(
        "LEGACY_WS_NOTE_UNWRITABLE",
        "nothing was restarted: what is to be put back could not be noted",
        evidence=f"{error.filename or profile.state_dir}: {error.strerror}",
        next_step="make room, or set CCOPS_HOME to a folder of yours",
    )
