"""Compare a profile with the settings that the running backend has. No secret is asked for or sent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from ccops.clients.http import open_http
from ccops.clients.target import target
from ccops.core.bundle import mapping
from ccops.core.errors import Unreachable, UsageError
from ccops.core.output import Issue
from ccops.core.profile import Profile
from ccops.profiles.kinds import Schema, Wrong, default_of, parsed
from ccops.profiles.known import settings_of

if TYPE_CHECKING:
    import httpx

_PATH = "/api/admin/settings"
# What whoever starts the backend decides for each process; a profile is not asked.
_DEPLOYED = frozenset(
    (
        *("HTTP_HOST", "HTTP_PORT", "WORKER_HTTP_PORT", "LISTEN_FD", "PROCESS_NUMBER", "PROCESS_PORT"),
        *("PROMETHEUS_MULTIPROC_DIR", "KAFKA_BOOTSTRAP", "ADMIN_SITE_ID"),
    )
)


async def running_settings(profile: Profile, *, timeout: float = 10.0) -> Mapping[str, object]:
    """Return the non-secret settings of the backend of `profile`, asked for as its administrator.

    Raises UsageError when the profile names no administrator, Unreachable when the backend does not answer.
    """
    url = target(profile, "backend")  # first: a stack that is down has no administrator either
    who = {
        "site_id": profile.get("CCOPS_ADMIN_SITE_ID"),
        "password": profile.get("CCOPS_ADMIN_PASSWORD"),
    }
    if not all(who.values()):
        raise UsageError(
            "ENV_ADMIN_MISSING",
            f"{profile.env} names no administrator, and only they may see settings",
            evidence="CCOPS_ADMIN_SITE_ID and CCOPS_ADMIN_PASSWORD are not both set",
            next_step="set both in the process environment; the embedded stack makes them itself",
        )
    async with open_http(url, timeout=timeout) as client:
        token = _of(await client.post("/api/auth/login", json=who), 200, url).get("access_token")
        answer = await client.get(_PATH, headers={"Authorization": f"Bearer {token}"})
        return mapping(_of(answer, 200, url).get("settings"))


def live_issues(profile: Profile, live: Mapping[str, object]) -> tuple[Issue, ...]:
    """Return how the running backend differs from `profile`."""
    declared = settings_of(profile.project, profile.values)
    found = [*_differing(profile, live, declared), *_unknown(live, declared)]
    return tuple(found)


def compared(profile: Profile, live: Mapping[str, object]) -> tuple[str, ...]:
    """Return the settings that a comparison looks at."""
    declared = settings_of(profile.project, profile.values)
    return tuple(key for key in sorted(declared) if key in live and not _is_left_out(profile, key))


def _differing(
    profile: Profile, live: Mapping[str, object], declared: Mapping[str, Schema]
) -> Iterator[Issue]:
    for key, schema in sorted(declared.items()):
        if schema.get("secret") or _is_left_out(profile, key):
            continue
        if key not in live:
            yield Issue(
                "ENV_LIVE_UNKNOWN",
                f"the running backend has no setting {key}",
                evidence="the contract declares it: the backend is of another version",
                where="running backend",
            )
            continue
        wanted, origin = _wanted(profile, key, schema)
        if live[key] != wanted:
            yield Issue(
                "ENV_LIVE_DIFFERS",
                f"{key} is {live[key]!r} in the running backend, and {wanted!r} in the profile",
                evidence=f"the profile's is from {origin}",
                next_step="restart the backend, or correct the profile",
                where=origin if origin.startswith("env/") else f"env/{profile.env}.env",
            )


def _unknown(live: Mapping[str, object], declared: Mapping[str, Schema]) -> Iterator[Issue]:
    for key in sorted(set(live) - set(declared)):
        yield Issue(
            "ENV_LIVE_UNKNOWN",
            f"the contract does not declare {key}, which the running backend has",
            severity="note",
            evidence="the backend is of another version than the contract",
            where="running backend",
        )


def _wanted(profile: Profile, key: str, schema: Schema) -> tuple[object, str]:
    """Return the value that the profile asks for, and where it says so."""
    if key == "PROTECTED":
        return profile.protected, "CCOPS_PROTECTED"
    value = profile.values.get(key)
    if value is None or value.origin == "process":
        return (profile.env if key == "APP_ENV" else default_of(schema)), "default"
    try:
        return parsed(value.text, schema), value.origin
    except Wrong:
        return value.text, value.origin


def _is_left_out(profile: Profile, key: str) -> bool:
    decided = profile.ours or key not in profile.values
    return key in _DEPLOYED and decided


def _of(answer: httpx.Response, status: int, url: str) -> Mapping[str, object]:
    """Return the JSON of an answer. Raises Unreachable for another status, without the body: it may echo."""
    if answer.status_code == status:
        return mapping(answer.json())
    path = answer.request.url.path
    code = ""
    if answer.headers.get("content-type", "").startswith("application/json"):
        code = str(mapping(mapping(answer.json()).get("error")).get("code", ""))
    hint = "is CCOPS_ADMIN_SITE_ID an administrator, and its password right?"
    raise Unreachable(
        "ENV_LIVE_REFUSED",
        f"the backend answered {answer.status_code} to {path}",
        evidence=f"{url}: {code}".rstrip(": "),
        next_step=hint if answer.status_code in {401, 403, 422, 429} else "is it a backend with this route?",
    )
