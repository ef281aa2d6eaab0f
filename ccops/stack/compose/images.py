"""Which images the stack needs, and which of them the engine has."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from ccops.clients.docker import Docker, has_image
from ccops.core.profile import Profile
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
    absent = {name for name in set(wanted.values()) if not has_image(docker, name)}
    return {service: name for service, name in wanted.items() if name in absent}


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
