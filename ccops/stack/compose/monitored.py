"""What Prometheus on Docker watches: the same jobs, at the services' own names inside the network."""

from __future__ import annotations

import json
from collections.abc import Mapping

from ccops.core.profile import Profile
from ccops.stack.compose.layout import INNER
from ccops.stack.compose.replicas import targets_folder
from ccops.stack.members import SERVICE, members
from ccops.stack.monitoring import Watch, seen_by
from ccops.stack.paths import StateDir
from ccops.stack.services.prometheus import JOBS
from ccops.stack.state import StackState

# Where each is scraped; ClickHouse has its metrics on a port of their own, which nobody publishes.
METRICS = {**INNER, "clickhouse": 9363}


def watch(profile: Profile, state: StackState) -> Watch | None:
    """Return what Prometheus watches, None where none runs or it does not answer."""
    expected = _backends(profile) | {
        f"{name}:{METRICS[name]}": name for names in JOBS.values() for name in names if name != SERVICE
    }
    return seen_by(profile, state, expected, _doors(state, expected))


def _backends(profile: Profile) -> dict[str, str]:
    """Return the name of each backend by its address; `ccops up` wrote the addresses, in their order."""
    path = targets_folder(StateDir(profile.state_dir)) / f"{SERVICE}.json"
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
        found = [str(address) for group in plain for address in group["targets"]]
    except (OSError, ValueError, KeyError, TypeError):
        found = [f"{SERVICE}:{INNER[SERVICE]}"]
    if len(found) == 1:
        return {found[0]: SERVICE}
    return {address: f"{SERVICE}-{place}" for place, address in enumerate(found, 1)}


def _doors(state: StackState, expected: Mapping[str, str]) -> dict[str, str]:
    """Return where this machine reaches each address: at the port that the service publishes for it."""
    published = {name: item.address for name, item in state.services.items() if item.address}
    # One that is alone may be called by its number, or not.
    for name in members(SERVICE, published):
        published.setdefault(SERVICE, published[name])
    return {
        address: published[name]
        for address, name in expected.items()
        if name in published and METRICS.get(name) in {None, INNER.get(name)}
    }
