"""Where a system of a profile is."""

from __future__ import annotations

from collections.abc import Mapping

from ccops.core.errors import Unreachable
from ccops.core.profile import Profile

KEYS: Mapping[str, str] = {
    "backend": "CCOPS_BACKEND_URL",
    "postgres": "CCOPS_DATABASE_URL",
    "redis": "CCOPS_REDIS_URL",
    "kafka": "CCOPS_KAFKA_BOOTSTRAP",
    "clickhouse": "CCOPS_CLICKHOUSE_URL",
}


def target(profile: Profile, system: str) -> str:
    """Return the URL of `system`. Raises Unreachable, with the next command, when the profile has none."""
    if url := profile.get(KEYS[system]):
        return url
    start = "ccops up" if profile.env == "dev" else f"ccops up --env {profile.env}"
    raise Unreachable(
        "STACK_DOWN",
        f"there is no address for {system}: the stack of {profile.env!r} is not running",
        evidence=f"{KEYS[system]} is set neither in env/{profile.env}.env nor by a living stack",
        next_step=start if profile.ours else f"set {KEYS[system]} in env/{profile.env}.env",
    )
