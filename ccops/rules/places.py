"""Where the Prometheus and the Alertmanager of an environment are."""

from __future__ import annotations

from ccops.core.errors import Unreachable
from ccops.core.profile import Profile
from ccops.rules import server, silences


def prometheus_of(profile: Profile, chosen: str = "", option: str = "") -> str:
    """Return the URL of Prometheus: the one `chosen` by `option`, else the profile's. Raises Unreachable."""
    if url := chosen or profile.get(server.KEY):
        return url
    raise Unreachable(
        "PROMETHEUS_MISSING",
        f"{profile.env} has no Prometheus",
        evidence=_unset(profile, server.KEY),
        next_step=_next(profile, server.KEY) + (f", or {option} URL" if option else ""),
    )


def alertmanager_of(profile: Profile) -> str:
    """Return the URL of Alertmanager. Raises Unreachable when the profile says nothing."""
    if url := profile.get(silences.KEY):
        return url
    raise Unreachable(
        "ALERTMANAGER_MISSING",
        f"{profile.env} has no Alertmanager",
        evidence=_unset(profile, silences.KEY),
        next_step=_next(profile, silences.KEY),
    )


def _unset(profile: Profile, key: str) -> str:
    return f"{key} is set neither in env/{profile.env}.env nor by a living stack that has one"


def _next(profile: Profile, key: str) -> str:
    return "ccops status    says whether it is installed" if profile.ours else f"set {key}"
