"""docker-compose.yml as a file for `docker stack deploy`: data in, data out, nothing lost without a word."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from ccops.core.errors import UsageError
from ccops.stack.compose.swarmkeys import SERVICE_KEYS, TOP_KEYS, Mounted, Publish, Translation, plain_map
from ccops.stack.compose.swarmkeys import translate as translate_service
from ccops.stack.members import MOST, SERVICE

# The first version of the format whose limits count processes; older clients refuse a file without one.
VERSION = "3.9"
NETWORK: Mapping[str, object] = {"driver": "overlay", "attachable": True}
# A second worker stands by for the first; a third would only wait behind it.
LIMITS: Mapping[str, int] = {SERVICE: MOST, "worker": 2}
SECRETS_VARIABLE = "CCOPS_SECRETS_DIR"
_SECRETS_SAID = "the folder of app.env and the passwords"


class SecretsFrom(StrEnum):
    """Where the secrets' contents come from."""

    FILES = "files"
    EXTERNAL = "external"


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for: a profile of docker-compose.yml, replicas, how ports and secrets are done."""

    profile: str = "prod"
    replicas: Mapping[str, int] = field(default_factory=dict)
    publish: Publish = Publish.INGRESS
    secrets: SecretsFrom = SecretsFrom.FILES


@dataclass(frozen=True, slots=True)
class Stack:
    """The stack file as data, what became of each key, and the services that the profile leaves out."""

    document: Mapping[str, object]
    fates: Mapping[str, str]
    left_out: tuple[str, ...]


def parse_replicas(pairs: Iterable[str]) -> dict[str, int]:
    """Return SERVICE=N texts as a mapping. Raises UsageError for a service that may not be several."""
    found: dict[str, int] = {}
    for pair in pairs:
        name, _, text = pair.partition("=")
        most = LIMITS.get(name, 0)
        if name in found or not (text.isascii() and text.isdecimal() and 1 <= int(text) <= most):
            allowed = ", ".join(f"{one}=1 to {limit}" for one, limit in LIMITS.items())
            raise UsageError(
                "SCALE_INVALID",
                f"--replicas {pair} can't be done",
                evidence=f"once each: {allowed}; what holds data is one container",
                next_step="ccops stack export --swarm --replicas backend=2",
            )
        found[name] = int(text)
    return found


def stack_of(compose: Mapping[str, object], wish: Wish, mounted: Mounted) -> Stack:
    """Return the stack file of `compose`; `mounted` are the files behind its bind mounts.

    Raises UsageError for a key that is not in the tables: what nobody thought about must not get lost.
    """
    services = {name: plain_map(one) for name, one in plain_map(compose.get("services")).items()}
    _known(compose, services)
    chosen = {name: one for name, one in services.items() if _in_profile(one, wish.profile)}
    how = Translation(wish.publish, wish.replicas, mounted, frozenset(chosen))
    document = {
        "version": VERSION,
        "services": {name: translate_service(name, one, how) for name, one in chosen.items()},
        "networks": {name: dict(NETWORK) for name in plain_map(compose.get("networks"))},
    }
    used = {volume for one in chosen.values() for volume in _named(one)}
    volumes = plain_map(compose.get("volumes"))
    document["volumes"] = {name: text for name, text in volumes.items() if name in used}
    document["secrets"] = _secrets(compose, chosen, wish.secrets)
    document["configs"] = how.configs()
    keys = {key for one in chosen.values() for key in one}
    fates = {key: text for key, text in SERVICE_KEYS.items() if key in keys}
    left = tuple(name for name in services if name not in chosen)
    return Stack({key: part for key, part in document.items() if part}, fates, left)


def _known(compose: Mapping[str, object], services: Mapping[str, Mapping[str, object]]) -> None:
    unknown = [key for key in compose if key not in TOP_KEYS and not key.startswith("x-")]
    unknown += [f"{name}.{key}" for name, one in services.items() for key in one if key not in SERVICE_KEYS]
    if unknown:
        raise UsageError(
            "SWARM_KEY_UNKNOWN",
            f"{len(unknown)} key(s) of the compose file have no translation for swarm",
            evidence="\n".join(unknown),
            next_step="leave them out of docker-compose.yml, or write the stack file by hand",
        )


def _in_profile(service: Mapping[str, object], profile: str) -> bool:
    profiles = service.get("profiles")
    return not isinstance(profiles, list) or profile in profiles


def _named(service: Mapping[str, object]) -> list[str]:
    volumes = service.get("volumes")
    return [str(one).partition(":")[0] for one in volumes] if isinstance(volumes, list) else []


def _secrets(
    compose: Mapping[str, object], chosen: Mapping[str, Mapping[str, object]], source: SecretsFrom
) -> dict[str, object]:
    used = {str(name) for one in chosen.values() for name in _list(one.get("secrets"))}
    found: dict[str, object] = {}
    for name, one in plain_map(compose.get("secrets")).items():
        if name not in used:
            continue
        file = str(plain_map(one).get("file", "")).rpartition("/")[2]
        # No default here: a folder beside the stack file is not where anybody would look for passwords.
        path = f"${{{SECRETS_VARIABLE}:?{_SECRETS_SAID}}}/{file}"
        outside = {"external": True, "name": f"ccops_{name}"}
        found[name] = outside if source is SecretsFrom.EXTERNAL else {"file": path}
    return found


def _list(found: object) -> list[object]:
    return found if isinstance(found, list) else []
