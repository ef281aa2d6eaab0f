"""What happens around a run: start the stack, plant a fault, always take it out again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ccops.core.errors import CcopsError, ExitCode, Refused, UsageError
from ccops.core.profile import Profile, find_project, load_profile
from ccops.rules.starting import put_rules
from ccops.stack import stacks

# Which process holds the code path that a fault breaks.
FAULTS = {"ledger": "backend", "ws": "worker", "kafka": "worker"}

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Preparation:
    """What to do before scenarios run. `fault` is a name of FAULTS."""

    env: str
    project: Path | None = None
    up: bool = False
    seed: str = "demo"
    fault: str = ""

    @contextmanager
    def around(self, profile: Profile, say: Say, on_event: Callable[..., None]) -> Iterator[Profile]:
        """Yield the profile to run against, with the stack up and the fault planted if that was asked for.

        A planted fault is removed by restarting its service, also after an interrupt. Raises what starting
        the stack raises, UsageError for an unknown fault, Refused where faults can't be planted.
        """
        if self.fault and self.fault not in FAULTS:
            raise UsageError(
                "FAULT_UNKNOWN",
                f"there is no fault {self.fault!r}",
                evidence=f"faults: {', '.join(FAULTS)}",
                next_step="ccops smoke journey --break ledger",
            )
        self._may_break(profile)
        if self.up:
            profile = self._up(profile, on_event)
        if not self.fault:
            yield profile
            return
        with self._planted(profile, say):
            yield self._again()

    def _may_break(self, profile: Profile) -> None:
        guarded = "protected" if profile.protected else "not protected"
        if self.fault and (not profile.ours or profile.protected):
            raise Refused(
                "FAULT_REFUSED",
                f"faults are planted in a stack of ours only, not in {profile.env}",
                evidence=f"CCOPS_STACK={profile.stack_kind}, {guarded}",
                next_step=f"ccops smoke journey --env dev --break {self.fault}",
            )

    def _up(self, profile: Profile, on_event: Callable[..., None]) -> Profile:
        if not profile.ours:
            return profile
        stacks.up(profile, (), self.seed, on_event, partial(put_rules, profile))
        return self._again()

    def _again(self) -> Profile:
        """Load the profile anew: addresses are in stack.env only once the stack runs."""
        return load_profile(self.env, find_project(self.project))

    @contextmanager
    def _planted(self, profile: Profile, say: Say) -> Iterator[None]:
        service = FAULTS[self.fault]
        say(f"planting fault {self.fault!r} in {service}")
        try:
            stacks.restart(profile, service, set={"FAULT": self.fault})
        except CcopsError:
            with suppress(CcopsError):  # what kept the fault from being planted is what has to be said
                stacks.restart(profile, service)
            raise
        except KeyboardInterrupt:
            _heal(profile, service, say)
            raise
        try:
            yield
        finally:
            _heal(profile, service, say)


def _heal(profile: Profile, service: str, say: Say) -> None:
    """Restart `service` without the fault. Another Ctrl-C has to wait: nobody would know what stayed."""
    from ccops.stack.control import uninterrupted

    with suppress(OSError):  # nobody may be listening any more; the fault goes all the same
        say(f"restarting {service} without the fault")
    try:
        with uninterrupted():
            stacks.restart(profile, service)
    except CcopsError as error:
        raise CcopsError(
            "FAULT_STAYED",
            f"{service} could not be restarted without the fault",
            evidence=error.message,
            next_step=f"ccops restart {service}",
            exit_code=ExitCode.DEGRADED,
        ) from error
