"""Which images the stack needs, which of them the engine has, and which containers run another one."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from ccops.clients.docker import Container, Docker, image_id
from ccops.core.profile import Profile
from ccops.stack.compose.containers import service_of
from ccops.stack.compose.layout import PROFILE

OWN = "CCOPS_IMAGE"
_VARIABLE = re.compile(r"\$\{(?P<key>\w+):-(?P<default>[^}]*)\}")


def image_names(path: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the images of what `ccops up` starts, each with the variable that replaces it."""
    return dict(_images(path, environ).values())


def missing(docker: Docker, profile: Profile) -> dict[str, str]:
    """Return the images that the engine does not have, by service."""
    path = profile.project.root / "docker-compose.yml"
    wanted = {service: name for service, (name, _) in _images(path, os.environ).items()}
    absent = {name for name in set(wanted.values()) if not image_id(docker, name)}
    return {service: name for service, name in wanted.items() if name in absent}


def outdated(docker: Docker, profile: Profile, containers: Mapping[str, Container]) -> frozenset[str]:
    """Return which of `containers` were made from another image than the one they would be made from now.

    One whose image is no longer here was made from it all the same: it is left alone.
    """
    wanted = _images(profile.project.root / "docker-compose.yml", os.environ)
    now = {name: image_id(docker, name) for name in {name for name, _ in wanted.values()}}
    found = set()
    for name, one in containers.items():
        image, _ = wanted.get(service_of(name), ("", ""))
        if now.get(image) and one.attrs.get("Image") != now[image]:
            found.add(name)
    return frozenset(found)


def _images(path: Path, environ: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    import yaml

    plain = yaml.safe_load(path.read_text(encoding="utf-8"))
    found: dict[str, tuple[str, str]] = {}
    for name, service in plain["services"].items():
        if PROFILE not in service.get("profiles", [PROFILE]):
            continue
        text = str(service["image"])
        match = _VARIABLE.fullmatch(text)
        key = match["key"] if match else ""
        found[name] = (environ.get(key) or match["default"], key) if match else (text, "")
    return found
