"""Ask the running stack how it is, now."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from ccops.core.errors import Unreachable
from ccops.core.profile import Profile
from ccops.stack.paths import StateDir
from ccops.stack.service import Probe, ProbeFailed
from ccops.stack.services import table
from ccops.stack.site import choices_of, site_of
from ccops.stack.state import Phase, ServiceState, StackState, living

_TIMEOUT_S = 1.0


def check(profile: Profile, timeout_s: float = _TIMEOUT_S) -> StackState:
    """Return the state with every ready service asked again, all at once. Raises Unreachable when down."""
    state_dir = StateDir(profile.state_dir)
    state = living(state_dir)
    if state is None:
        raise _down(profile)
    running = [name for name, item in state.services.items() if item.phase is Phase.READY]
    services = table.build(site_of(state_dir, choices_of(profile)), running)
    probes = {name: service.ready for name, service in services.items() if service.ready}
    with ThreadPoolExecutor(max_workers=max(1, len(probes))) as pool:
        asked = {
            name: pool.submit(_ask, state.services[name], probe, timeout_s) for name, probe in probes.items()
        }
        fresh = {name: answer.result() for name, answer in asked.items()}
    return replace(state, services={**state.services, **fresh})


def stack_env(profile: Profile) -> str:
    """Return the text of stack.env, passwords included. Raises Unreachable when the stack is down."""
    state_dir = StateDir(profile.state_dir)
    if living(state_dir) is None:
        raise _down(profile)
    return state_dir.stack_env.read_text(encoding="utf-8")


def _ask(item: ServiceState, probe: Probe, timeout_s: float) -> ServiceState:
    try:
        return replace(item, answer=probe.ask(timeout_s))
    except ProbeFailed as err:
        return replace(item, phase=Phase.UNHEALTHY, answer=str(err))


def _down(profile: Profile) -> Unreachable:
    return Unreachable(
        "STACK_DOWN",
        f"the stack of {profile.env} is down",
        evidence=f"no living supervisor in {profile.state_dir}",
        next_step=f"ccops up --env {profile.env}",
    )
