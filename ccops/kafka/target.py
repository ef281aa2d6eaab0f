"""Where the cluster of a profile is, and where this machine keeps what it did there."""

from __future__ import annotations

from pathlib import Path

from ccops.core.errors import Unreachable
from ccops.core.profile import Profile
from ccops.stack import stacks

KEY = "CCOPS_KAFKA_BOOTSTRAP"


def bootstrap_of(profile: Profile) -> str:
    """Return `host:port` of the profile's cluster. Raises Unreachable when it has none."""
    if found := profile.get(KEY):
        return found
    start = "ccops up" if profile.env == "dev" else f"ccops up --env {profile.env}"
    raise Unreachable(
        "STACK_DOWN",
        f"there is no address for kafka: the stack of {profile.env!r} is not running",
        evidence=f"{KEY} is set neither in env/{profile.env}.env nor by a living stack",
        next_step=start if profile.ours else f"set {KEY} in env/{profile.env}.env",
    )


def folder_of(profile: Profile) -> Path:
    """Return the folder of snapshots, plans, runs and the audit log."""
    return profile.state_dir / "kafka"


def gaps_of(profile: Profile, anonymous: bool) -> tuple[str, ...]:
    """Return what this cluster can't tell us, as sentences for a person."""
    found: list[str] = []
    if anonymous:
        found.append(
            "this broker gives topics no identity: a recreated topic shows only when its end ran backwards, "
            "and two clusters are told apart by their address"
        )
    if profile.stack_kind == "embedded" and not stacks.on_docker(profile):
        from ccops.stack.services import kafka_choice
        from ccops.stack.services.kafka import PROVIDERS

        found += PROVIDERS[kafka_choice.of(profile)].gaps
    return tuple(found)
