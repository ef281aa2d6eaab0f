"""The old games socket, switched for a moment: restart the backend with the flag, knock, and put it back.

The flag is put back whatever happens; after a SIGKILL of ccops itself by the next call (see switching).
"""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ccops.core.errors import CcopsError, Degraded, Refused, Unreachable
from ccops.core.profile import Profile
from ccops.monitor import switching
from ccops.monitor.switching import FLAG, SERVICE

if TYPE_CHECKING:
    from ccops.stack.state import StackState

SCRIPT = "ccops.backend.scripts.ws_touch_legacy"
_TOUCH_S = 20.0
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

Say = Callable[[str], None]


def touch(url: str) -> str:
    """Knock once and return `accepted` or `rejected`. Raises Unreachable when nothing answers."""
    from ccops.stack.services.pythonenv import base_env

    # A session of its own: a second Ctrl-C must not end it while the flag is being put back.
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", SCRIPT, "--host", url, "--once"],
            env=base_env(),
            capture_output=True,
            text=True,
            timeout=_TOUCH_S,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise _silent(f"no answer within {_TOUCH_S:.0f} s") from None
    word = done.stdout.partition(":")[0]
    if done.returncode != 0 or word not in {"accepted", "rejected"}:
        raise _silent((done.stderr or done.stdout).strip()[-200:])
    return word


def _silent(said: str) -> Unreachable:
    return Unreachable(
        "LEGACY_WS_SILENT",
        "the old games socket neither accepted nor rejected",
        evidence=said,
        next_step="ccops status",
    )


@contextmanager
def switched(profile: Profile, on: bool, url: str, say: Say) -> Iterator[None]:
    """Run the block with the backend restarted with the flag; afterwards it runs as it did before.

    What a run before left switched is put back first. Raises Refused where nothing may be restarted, Degraded
    when the backend does not run as before.
    """
    from ccops.stack import stacks

    _may_restart(profile)
    with switching.alone(profile):
        if left := switching.left(profile, ours=True):
            say(left.said)
            _put_back(profile, left.back, url, left.before, say)
        state, overridden = _running(profile)
        before = touch(url)
        back = {FLAG: str(int(before == "accepted"))} if overridden else {}
        switching.begin(profile, state, before, back)
        ring = _Ring()
        with ring.listening():
            try:
                try:
                    say(f"restarting {SERVICE} with {FLAG}={int(on)}")
                    stacks.restart(profile, SERVICE, set={FLAG: str(int(on))})
                    yield
                finally:
                    ring.heard = True
            finally:
                _put_back(profile, back, url, before, say)


def _put_back(profile: Profile, back: Mapping[str, str], url: str, before: str, say: Say) -> None:
    from ccops.stack import stacks

    with suppress(OSError):  # nobody may be listening any more; it is put back all the same
        say(f"restarting {SERVICE} as it was ({before})")
    try:
        stacks.restart(profile, SERVICE, set=back)
        now = touch(url)
    except CcopsError as error:
        now, said = "", f"{error.code}: {error.message}"
    else:
        said = f"the old games socket is {now} now and was {before}"
    if now != before:
        raise Degraded(
            "LEGACY_WS_FLAG_STAYED",
            f"{SERVICE} does not run as it did before",
            evidence=said,
            next_step=switching.command(profile.env, back),
        ) from None
    switching.end(profile)


def _may_restart(profile: Profile) -> None:
    from ccops.stack import stacks

    if profile.protected:
        raise Refused(
            "LEGACY_WS_PROTECTED",
            f"{profile.env} is protected: its backend is not restarted for a test",
            evidence=f"CCOPS_PROTECTED=1 ({profile.values['CCOPS_PROTECTED'].origin})",
            next_step="ccops metrics verify --env dev --profile legacy-ws-rejected --restart",
        )
    stacks.require_ours(profile, "metrics verify --restart")


def _running(profile: Profile) -> tuple[StackState, bool]:
    """Return the stack, and whether the flag is overridden already, so that it has to be again.

    Raises Unreachable without a backend, Refused when it has other settings.
    """
    from ccops.stack import stacks
    from ccops.stack.members import members

    state = stacks.state(profile)
    if state is None or not members(SERVICE, state.services):
        raise Unreachable(
            "STACK_DOWN",
            f"there is no {SERVICE} to restart",
            evidence=f"no living stack with it in {profile.state_dir}",
            next_step=f"ccops up --env {profile.env}",
        )
    keys = switching.overridden(state)
    if keys - {FLAG}:
        # Their values are known to nobody but the process, so that they could not be put back.
        raise Refused(
            "LEGACY_WS_OVERRIDES",
            f"{SERVICE} runs with settings that a restart would lose",
            evidence=", ".join(sorted(keys)),
            next_step=f"ccops restart {SERVICE}    and then again",
        )
    return state, FLAG in keys


@dataclass(slots=True)
class _Ring:
    """Lets the first signal through as KeyboardInterrupt and ignores those after it.

    Exactly one can be raised, wherever that is, so that the outer `finally` runs and is not cut short.
    """

    heard: bool = False

    @contextmanager
    def listening(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self._hear) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _hear(self, *_: object) -> None:
        if not self.heard:
            self.heard = True
            raise KeyboardInterrupt
