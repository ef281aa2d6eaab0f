"""What docker-compose.yml and we both know: names, ports, files. A test holds one against the other."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from ccops.core.profile import Profile
from ccops.stack.paths import StateDir
from ccops.stack.ports import key_of
from ccops.stack.service import HOST, Site
from ccops.stack.services import backend, clickhouse, postgres, valkey
from ccops.stack.services.graph import NEEDS

# Where each service listens inside `ccnet`; Kafka has a second listener for this machine, which is published.
INNER = {
    "postgres": 5432,
    "redis": 6379,
    "kafka": 9092,
    "clickhouse": 8123,
    "backend": 8000,
    "worker": 8001,
    "kafka-exporter": 9308,
    "alertmanager": 9093,
    "prometheus": 9090,
}
PUBLISHED = {**INNER, "kafka": 9094}
# Ready when it ended with 0.
ONE_SHOT = frozenset({"migrate"})
PROFILE = "dev"
_ALL_PROFILES = ("dev", "tools", "prod")
_VARIABLE = re.compile(r"\$\{(\w+)")


def project_name(profile: Profile) -> str:
    """Return the compose project: two homes of the same environment never share containers."""
    digest = hashlib.sha256(str(profile.state_dir).encode()).hexdigest()[:6]
    return f"ccops-{profile.env}-{digest}"


def folder(state_dir: StateDir, name: str) -> Path:
    """Return the folder `name` that containers mount from this machine."""
    return state_dir.root / "compose" / name


def described(profile: Profile, environ: Mapping[str, str]) -> str:
    """Return a digest of the files that describe the containers, and of what `environ` fills them with."""
    text = "\n".join((profile.project.root / name).read_text(encoding="utf-8") for name in _files(profile))
    filled = [f"{key}={environ.get(key, '')}" for key in sorted(set(_VARIABLE.findall(text)))]
    return hashlib.sha256("\n".join((text, *filled)).encode()).hexdigest()[:16]


def _files(profile: Profile) -> list[str]:
    """Return the files by name; a protected environment publishes no store."""
    return ["docker-compose.yml", *([] if profile.protected else ["compose/ports.yml"])]


def file_options(profile: Profile, *, every_profile: bool = False) -> tuple[str, ...]:
    """Return the options that name the files."""
    root, files = profile.project.root, _files(profile)
    profiles = _ALL_PROFILES if every_profile else (PROFILE,)
    return (
        *("-p", project_name(profile), "--project-directory", str(root)),
        *(word for file in files for word in ("-f", str(root / file))),
        *(word for name in profiles for word in ("--profile", name)),
    )


def variables(profile: Profile, ports: Mapping[str, int | str], seed: str) -> dict[str, str]:
    """Return what fills docker-compose.yml: folders and ports (or ranges of them), never a secret."""
    state_dir = StateDir(profile.state_dir)
    return {
        "CCOPS_ENV": profile.env,
        "CCOPS_SECRETS_DIR": str(folder(state_dir, "secrets")),
        "CCOPS_RULES_DIR": str(state_dir.rules),
        "CCOPS_TARGETS_DIR": str(folder(state_dir, "targets")),
        "CCOPS_SEED": seed,
        **{key_of(name): str(ports[name]) for name in PUBLISHED if ports.get(name)},
    }


def program_env(site: Site) -> dict[str, str]:
    """Return the backend's settings inside the network: the embedded ones, at the services' own names."""
    inner = replace(site, ports={**site.ports, **INNER})
    urls = {
        "DATABASE_URL": ("postgres", postgres.url(inner)),
        "REDIS_URL": ("redis", valkey.url(inner)),
        "CLICKHOUSE_URL": ("clickhouse", clickhouse.url(inner)),
        "KAFKA_BOOTSTRAP": ("kafka", f"{HOST}:{INNER['kafka']}"),
    }
    own = backend.settings(inner)
    own |= {key: text.replace(f"{HOST}:", f"{name}:") for key, (name, text) in urls.items()}
    return own | {"HTTP_HOST": "0.0.0.0"}  # noqa: S104 - inside its own network, published on loopback


def order(name: str) -> int:
    """Return the place of service `name` in tables; what is in Docker only comes last."""
    return list(NEEDS).index(name) if name in NEEDS else len(NEEDS)
