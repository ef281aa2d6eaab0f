"""Put together what the builders need: profile choices, kept ports, kept secrets."""

from __future__ import annotations

from ccops.core.profile import Profile
from ccops.stack.credentials import load_secrets
from ccops.stack.paths import StateDir
from ccops.stack.ports import known_ports
from ccops.stack.request import Choices
from ccops.stack.service import Site
from ccops.stack.services import kafka_choice


def choices_of(profile: Profile, seed: str = "demo") -> Choices:
    """Return what the profile decides about the services."""
    return Choices(
        env=profile.env,
        settings=profile.backend_settings(),
        protected=profile.protected,
        seed=seed,
        kafka_provider=kafka_choice.of(profile),
        root_mode=profile.get("CCOPS_ROOT_MODE", "auto"),
    )


def site_of(state_dir: StateDir, choices: Choices) -> Site:
    """Return what the builders need: the kept ports and secrets, and the caller's choices."""
    return Site(
        env=choices.env,
        root=state_dir.root,
        ports=known_ports(state_dir.ports),
        secrets=load_secrets(state_dir),
        settings=choices.settings,
        protected=choices.protected,
        seed=choices.seed,
        kafka_provider=choices.kafka_provider,
        root_mode=choices.root_mode,
    )
