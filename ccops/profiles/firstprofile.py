"""The first profile of a stack that ccops did not start: where its systems are, and never a password."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from ccops.core.errors import UsageError
from ccops.core.profile import packaged_project, parse_env_file
from ccops.profiles.kinds import Wrong, parsed
from ccops.profiles.known import tool_schema
from ccops.rules.project import TEMPLATES
from ccops.rules.thresholds import FILE, PREFIXES, Threshold, load_thresholds

# What each target is called in a question to a person.
TARGETS: Mapping[str, str] = {
    "CCOPS_BACKEND_URL": "backend, http://HOST:PORT",
    "CCOPS_WORKER_URL": "worker's /metrics, http://HOST:PORT",
    "CCOPS_DATABASE_URL": "PostgreSQL, postgresql://USER@HOST:PORT/DATABASE",
    "CCOPS_REDIS_URL": "Redis, redis://HOST:PORT/0",
    "CCOPS_KAFKA_BOOTSTRAP": "Kafka, HOST:PORT",
    "CCOPS_CLICKHOUSE_URL": "ClickHouse, http://USER@HOST:PORT/DATABASE",
    "CCOPS_PROMETHEUS_URL": "Prometheus, http://HOST:PORT",
    "CCOPS_ALERTMANAGER_URL": "Alertmanager, http://HOST:PORT",
}
_SECRETS = ("CCOPS_ADMIN_SITE_ID", "CCOPS_ADMIN_PASSWORD", "CCOPS_WEBHOOK_SECRET")
FROM_PROCESS = (*TARGETS, *_SECRETS)
_NAME = re.compile(r"[a-z][a-z0-9-]*")
_HIDDEN = re.compile(r"[?&](?:[^=&]*_)?(?:password|passwd|secret|token|api_?key)=", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class First:
    """What the first profile says. `targets` by key; what is in `from_process` is named and not written."""

    env: str
    protected: bool = False
    targets: Mapping[str, str] = field(default_factory=dict)
    from_process: tuple[str, ...] = ()


def check(first: First) -> None:
    """Raise UsageError for a name, an address or a key that no profile can have."""
    if _NAME.fullmatch(first.env) is None:
        raise _invalid(f"{first.env!r} is no name of an environment", "small letters, digits and dashes")
    for key, text in first.targets.items():
        if why := wrong(key, text):
            raise _invalid(f"{key} {why}", TARGETS[key])
    for key in first.from_process:
        if key not in FROM_PROCESS:
            raise _invalid(
                f"{key} is no key that a profile may leave to the process", ", ".join(FROM_PROCESS)
            )
        if key in first.targets:
            raise _invalid(f"{key} is given and left to the process", "one of both")
        if first.protected and key in TARGETS:
            raise _invalid(
                f"{key} can't come from the process: the profile is protected",
                "a variable left over in a shell must not point a dangerous command at another place",
            )


def wrong(key: str, text: str) -> str:
    """Return why `text` can't stand for `key`, nothing when it can. The text is never repeated."""
    if has_secret(text):
        return f"holds a password: keep it in the environment variable {key}, and say --from-env {key}"
    if re.search(r"\s|[\x00-\x1f]|\$\{", text):
        return "has a blank or a ${..} in it"
    try:
        parsed(text, tool_schema(key))
    except Wrong as error:
        return str(error)
    return ""


def has_secret(text: str) -> bool:
    """Return whether an address carries a password."""
    try:
        return bool(urlsplit(text).password) or _HIDDEN.search(text) is not None
    except ValueError:
        return False


def text_of(first: First) -> str:
    """Return env/NAME.env; settings and thresholds begin with those of the packaged staging, or of prod."""
    stage, source = "prod" if first.protected else "staging", packaged_project()
    lines = [
        f"# Profile {first.env}: a stack that ccops did not start.",
        "# Lines are KEY=VALUE; values are taken as they stand.",
        "CCOPS_STACK=external",
        f"CCOPS_PROTECTED={int(first.protected)}",
        f"APP_ENV={first.env}",
        "# where its systems are; a command says which of them it misses",
        *_targets(first),
        "# a backend of your own: the folder of the contract that it exports",
        "# CCOPS_CONTRACT=",
        f"# settings of the bundled backend, as in {stage}",
        *_settings(source / "env" / f"{stage}.env"),
        *_thresholds(load_thresholds(source / TEMPLATES / FILE), first.env, stage),
    ]
    return "\n".join(lines) + "\n"


def _targets(first: First) -> Iterable[str]:
    for key in TARGETS:
        if key in first.targets:
            yield f"{key}={first.targets[key]}"
        elif key in first.from_process:
            yield f"# {key} is taken from the process environment"
        else:
            yield f"# {key}="
    yield from (
        f"# {key} is taken from the process environment" for key in _SECRETS if key in first.from_process
    )


def _settings(path: Path) -> Iterable[str]:
    for key, value in parse_env_file(path, path.name).items():
        if key != "APP_ENV" and not key.startswith(("CCOPS_", *PREFIXES)):
            yield f"{key}={value.text}"


def _thresholds(known: Mapping[str, Threshold], env: str, stage: str) -> Iterable[str]:
    """Yield what thresholds.yml has no default for in `env`; of its own stages it has all."""
    missing = {name: one.defaults[stage] for name, one in known.items() if env not in one.defaults}
    if missing:
        yield f"# thresholds of the alert rules, as in {stage}"
    yield from (f"{name}={text}" for name, text in missing.items())


def _invalid(said: str, evidence: str) -> UsageError:
    return UsageError("INIT_INVALID", said, evidence=evidence, next_step="ccops init --help")
