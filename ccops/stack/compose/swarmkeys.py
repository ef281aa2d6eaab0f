"""What becomes of each key of a service on a swarm, and why. `docker stack deploy` refuses some keys of
docker-compose.yml, warns about others, and leaves `tmpfs` out without a word."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from ccops.core.errors import UsageError
from ccops.stack.compose.layout import ONE_SHOT
from ccops.stack.members import SERVICE

# Everything starts at once: what waits for another service must not be ended for being late.
START_PERIOD = "120s"
DATA_LABEL = "ccops.data"
SERVICE_KEYS: Mapping[str, str] = {
    "image": "kept, with its variable",
    "command": "kept",
    "environment": "kept",
    "user": "kept",
    "read_only": "kept",
    "cap_drop": "kept",
    "init": "kept",
    "logging": "kept",
    "stop_signal": "kept",
    "stop_grace_period": "kept",
    "secrets": "kept: swarm mounts them in the same place",
    "healthcheck": f"kept, with a start_period of {START_PERIOD}: nothing waits for anything on a swarm",
    "depends_on": "a list of names, which swarm does not wait for either: restart_policy does",
    "restart": "deploy.restart_policy: any, after 5 s; one-shot services on failure only",
    "mem_limit": "deploy.resources.limits.memory",
    "cpus": "deploy.resources.limits.cpus",
    "pids_limit": "deploy.resources.limits.pids",
    "cpu_shares": "LOST: stack files know limits and reservations, no weights",
    "tmpfs": "volumes of type tmpfs",
    "volumes": f"named ones stay, on the node with the label {DATA_LABEL}=true; files become configs",
    "networks": "kept; an alias that is the service's own name is there anyway",
    "ports": "the long form, without an address: swarm listens on every address of a node",
    "profiles": "resolved: one profile was chosen",
    "security_opt": "LOST: stack files have none; for all containers: dockerd --no-new-privileges",
}
TOP_KEYS: Mapping[str, str] = {
    "services": "translated",
    "networks": "overlay, attachable",
    "volumes": "kept, local to a node",
    "secrets": "files below CCOPS_SECRETS_DIR, or external",
}
_KEPT = (
    *("image", "command", "environment", "user", "read_only", "cap_drop", "init", "logging"),
    *("stop_signal", "stop_grace_period", "secrets"),
)
_ANY: Mapping[str, object] = {"condition": "any", "delay": "5s"}
_ONCE: Mapping[str, object] = {"condition": "on-failure", "delay": "5s", "max_attempts": 30}
_LIMITS = {"mem_limit": "memory", "cpus": "cpus", "pids_limit": "pids"}
_OUTSIDE = re.compile(r":(?![^{]*\})")


class Publish(StrEnum):
    """How ports are published: by every node (the kernel needs IPVS), by the task's node, or not."""

    INGRESS = "ingress"
    HOST = "host"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """One file that a task sees at `target`; `name` has its digest, as a swarm's configs never change."""

    key: str
    name: str
    file: str
    target: str


# Source of a bind mount as docker-compose.yml writes it, to the files that are there now.
Mounted = Mapping[tuple[str, str], Sequence[ConfigFile]]


@dataclass(frozen=True, slots=True)
class Translation:
    """What the translation of every service needs."""

    publish: Publish
    replicas: Mapping[str, int]
    mounted: Mounted
    chosen: frozenset[str]
    _used: dict[str, ConfigFile] = field(default_factory=dict)

    def take(self, service: str, source: str) -> list[ConfigFile]:
        """Return the files behind a bind mount, and note that they are needed."""
        files = list(self.mounted[service, source])
        self._used.update({one.key: one for one in files})
        return files

    def configs(self) -> dict[str, object]:
        """Return the configs that the services took."""
        return {key: {"name": one.name, "file": one.file} for key, one in sorted(self._used.items())}


def translate(name: str, plain: Mapping[str, object], how: Translation) -> dict[str, object]:
    """Return service `name` as a stack file has it."""
    made: dict[str, object] = {key: plain[key] for key in _KEPT if key in plain}
    made["networks"] = _networks(name, plain.get("networks"))
    if "healthcheck" in plain:
        made["healthcheck"] = {"start_period": START_PERIOD, **plain_map(plain["healthcheck"])}
    needs = [one for one in _texts(plain.get("depends_on")) if one in how.chosen]
    if needs:
        made["depends_on"] = needs
    volumes, configs = _volumes(name, plain, how)
    ports = _ports(plain, how.publish)
    lists = {"volumes": volumes, "configs": configs, "ports": ports}
    made |= {key: found for key, found in lists.items() if found}
    made["deploy"] = _deploy(name, plain, how, published=bool(ports))
    return made


def _deploy(name: str, plain: Mapping[str, object], how: Translation, published: bool) -> dict[str, object]:
    meshed = published and how.publish is Publish.INGRESS
    # Only the mesh needs an address of its own; everywhere else it would cut connections that rest for long.
    made: dict[str, object] = {
        "replicas": how.replicas.get(name, 1),
        "endpoint_mode": "vip" if meshed else "dnsrr",
        "restart_policy": dict(_ONCE if name in ONE_SHOT else _ANY),
    }
    limits = {other: _limit(plain[key]) for key, other in _LIMITS.items() if key in plain}
    if limits:
        made["resources"] = {"limits": limits}
    # A port of the node can't be had twice: there the new task must wait for the old one's end.
    first = "start-first" if name == SERVICE and (meshed or not published) else "stop-first"
    if name not in ONE_SHOT:
        made["update_config"] = {
            "parallelism": 1, "delay": "5s", "order": first, "failure_action": "rollback", "monitor": "30s",
        }  # fmt: skip
        made["rollback_config"] = {"parallelism": 1, "order": first}
    if any(not _is_path(source) for source, _, _ in _mounts(plain)):
        made["placement"] = {"constraints": [f"node.labels.{DATA_LABEL} == true"]}
    return made


def _limit(found: object) -> object:
    return found if isinstance(found, int) else str(found)


def _networks(name: str, found: object) -> object:
    """Return the names; with aliases only where one is not the service's own name."""
    if not isinstance(found, dict):
        return found
    several = {net: [one for one in _texts(plain_map(how).get("aliases")) if one != name]
               for net, how in found.items()}  # fmt: skip
    if not any(several.values()):
        return list(found)
    return {net: {"aliases": aliases} if aliases else {} for net, aliases in several.items()}


def _volumes(
    name: str, plain: Mapping[str, object], how: Translation
) -> tuple[list[object], list[dict[str, object]]]:
    volumes: list[object] = []
    configs: list[dict[str, object]] = []
    for source, target, text in _mounts(plain):
        if not _is_path(source):
            volumes.append(text)
            continue
        files = how.take(name, source)
        configs += [{"source": one.key, "target": one.target, "mode": 0o444} for one in files]
        assert all(one.target.startswith(target) for one in files)
    for text in _texts(plain.get("tmpfs")):
        target, _, options = text.partition(":")
        if options not in {"", "mode=1777"}:  # which is what a swarm gives every tmpfs
            raise UsageError(
                "SWARM_KEY_UNKNOWN",
                f"tmpfs of {name} has options that a stack file does not have",
                evidence=text,
                next_step="leave them out of docker-compose.yml",
            )
        volumes.append({"type": "tmpfs", "target": target})
    return volumes, configs


def _mounts(plain: Mapping[str, object]) -> list[tuple[str, str, str]]:
    """Return source, target and the text itself of each volume in the short form."""
    found = []
    for text in _texts(plain.get("volumes")):
        parts = _OUTSIDE.split(text)
        found.append((parts[0], parts[1], text))
    return found


def bind_mounts(plain: Mapping[str, object]) -> list[tuple[str, str]]:
    """Return source and target of each mount of a file or folder of this machine."""
    return [(source, target) for source, target, _ in _mounts(plain) if _is_path(source)]


def _is_path(source: str) -> bool:
    return source.startswith((".", "/", "$"))


def _ports(plain: Mapping[str, object], publish: Publish) -> list[dict[str, object]]:
    if publish is Publish.NONE:
        return []
    found = []
    for text in _texts(plain.get("ports")):
        *_, outer, inner = _OUTSIDE.split(text)
        one = {"target": int(inner), "published": outer, "protocol": "tcp", "mode": publish.value}
        found.append(one)
    return found


def plain_map(found: object) -> Mapping[str, object]:
    """Return `found` if it is a mapping, else an empty one."""
    return found if isinstance(found, dict) else {}


def _texts(found: object) -> list[str]:
    return [str(one) for one in found] if isinstance(found, list | dict) else []


def slug(name: str) -> str:
    """Return `name` in letters a config's key may have."""
    return re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_")
