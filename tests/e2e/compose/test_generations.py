"""docker-compose.yml means the same to docker-compose 1.29 and to Compose v2, in every profile.

Both clients write the file back as they understood it, each in a form of its own; compared is the meaning.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
import yaml

from tests import go_kit
from tests.conftest import ROOT

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(2400)]

_UNITS = {"": 1, "b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
PROFILES: tuple[tuple[str, ...], ...] = ((), ("dev",), ("tools",), ("prod",), ("dev", "tools", "prod"))
FILES: tuple[tuple[str, ...], ...] = (("docker-compose.yml",), ("docker-compose.yml", "compose/ports.yml"))


@pytest.fixture(scope="module")
def clients() -> tuple[str, str]:
    """The first generation as Debian packages it, the second built from its module."""
    first = shutil.which("docker-compose")
    if first is None:
        pytest.skip("no docker-compose 1.29: apt-get install docker-compose")
    said = subprocess.run([first, "version", "--short"], capture_output=True, text=True, check=True).stdout
    if not said.startswith("1."):
        pytest.skip(f"docker-compose on PATH is {said.strip()}, not of the first generation")
    return first, str(go_kit.need(go_kit.COMPOSE))


def _read(client: str, files: Sequence[str], profiles: Sequence[str]) -> dict[str, object]:
    words = [word for file in files for word in ("-f", file)]
    words += [word for profile in profiles for word in ("--profile", profile)]
    done = subprocess.run(
        [client, *words, "config"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    plain = yaml.safe_load(done.stdout)
    assert isinstance(plain, dict)
    return plain


def _mapping(value: object) -> Mapping[str, object]:
    if value is None:
        return {}
    assert isinstance(value, dict), value
    return value


def _list(value: object) -> list[object]:
    assert value is None or isinstance(value, list), value
    return value or []


def _bytes(value: object) -> int:
    match = re.fullmatch(r"(\d+)([bkmg]?)b?", str(value).lower())
    assert match is not None, value
    return int(match[1]) * _UNITS[match[2]]


def _seconds(value: object) -> float:
    parts = re.findall(r"([\d.]+)(ms|[smh])", str(value))
    assert parts, value
    return sum(float(number) * _SECONDS[unit] for number, unit in parts)


def _volume(value: object) -> tuple[str, str, bool]:
    """Return source, target and whether it may only be read."""
    if isinstance(value, tuple):
        return value
    if isinstance(value, dict):
        return str(value["source"]), str(value["target"]), bool(value.get("read_only", False))
    source, target, mode = str(value).split(":")
    return source, target, mode == "ro"


def _port(value: object) -> tuple[str, str, str, str]:
    """Return address, published port, port inside, protocol."""
    if isinstance(value, dict):
        keys = ("host_ip", "published", "target", "protocol")
        address, published, target, protocol = (str(value[key]) for key in keys)
        return address, published, target, protocol
    match = re.fullmatch(r"([\d.]+):(\d+):(\d+)/(\w+)", str(value))
    assert match is not None, value
    return match[1], match[2], match[3], match[4]


def _names(value: object, key: str = "source") -> list[str]:
    return sorted(str(one[key]) if isinstance(one, dict) else str(one) for one in _list(value))


def _conditions(value: object) -> dict[str, object]:
    """Return what a service waits for; v2 adds that each of them is required."""
    found = {name: dict(_mapping(one)) for name, one in _mapping(value).items()}
    assert all(one.pop("required", True) is True for one in found.values())
    return {name: one.pop("condition") for name, one in found.items()}


def _health(value: object) -> dict[str, object]:
    found = dict(_mapping(value))
    for key in ("interval", "timeout", "start_period"):
        if key in found:
            found[key] = _seconds(found[key])
    return found


def _aliases(value: object) -> dict[str, list[str]]:
    return {name: _names(_mapping(one).get("aliases")) for name, one in _mapping(value).items()}


def _service(plain: Mapping[str, object]) -> dict[str, object]:
    """Return one service in one form. A key that nobody normalises is compared as it stands."""
    found = dict(plain)
    for key in ("command", "entrypoint"):
        if found.get(key) is None:
            found.pop(key, None)
    found["volumes"] = sorted(_volume(one) for one in _list(found.get("volumes")))
    found["ports"] = sorted(_port(one) for one in _list(found.get("ports")))
    found["secrets"] = _names(found.get("secrets"))
    found["profiles"] = _names(found.get("profiles"))
    found["depends_on"] = _conditions(found.get("depends_on"))
    found["healthcheck"] = _health(found.get("healthcheck"))
    found["networks"] = _aliases(found.get("networks"))
    found["environment"] = {key: str(value) for key, value in _mapping(found.get("environment")).items()}
    if "mem_limit" in found:
        found["mem_limit"] = _bytes(found["mem_limit"])
    if "stop_grace_period" in found:
        found["stop_grace_period"] = _seconds(found["stop_grace_period"])
    if "cpus" in found:
        found["cpus"] = float(str(found["cpus"]))
    return found


def _meaning(plain: Mapping[str, object], profiles: Sequence[str]) -> dict[str, object]:
    """Return what starts, and what it uses: 1.29 writes services of other profiles too, v2 does not."""
    every = {name: _service(_mapping(one)) for name, one in _mapping(plain["services"]).items()}
    services = {
        name: one
        for name, one in every.items()
        if not one["profiles"] or set(_names(one["profiles"])) & set(profiles)
    }
    used = {name for one in services.values() for name in _names(one["secrets"])}
    mounted = {source for one in services.values() for source, _, _ in map(_volume, _list(one["volumes"]))}
    secrets = {name: _mapping(one) for name, one in _mapping(plain["secrets"]).items() if name in used}
    return {
        "services": services,
        "networks": sorted(_mapping(plain.get("networks"))),
        "volumes": sorted(name for name in _mapping(plain.get("volumes")) if name in mounted),
        "secrets": {name: Path(str(one["file"])) for name, one in secrets.items()},
    }


@pytest.mark.parametrize("files", FILES, ids=["inside", "published"])
@pytest.mark.parametrize("profiles", PROFILES, ids=lambda names: "+".join(names) or "none")
def test_both_generations_read_the_same(
    clients: tuple[str, str], files: tuple[str, ...], profiles: tuple[str, ...]
) -> None:
    first, second = (_meaning(_read(client, files, profiles), profiles) for client in clients)

    services = first["services"]
    assert isinstance(services, dict)
    assert len(services) == {(): 7, ("dev",): 10}.get(profiles, 11)
    assert first == second
