"""Hold the names of settings against what reads them: a misspelt key would silently change nothing."""

from __future__ import annotations

import difflib
import json
from collections.abc import Collection, Iterable
from pathlib import Path

from ccops.core.errors import Refused, UsageError
from ccops.core.profile import Profile
from ccops.stack.members import kind_of
from ccops.stack.services.graph import NEEDS

# What ccops itself reads from env/NAME.env; a port is CCOPS_PORT_ with a service or `worker`'s own.
TOOL_KEYS = frozenset(
    f"CCOPS_{name}"
    for name in (
        *("PROTECTED", "STACK", "CONTRACT", "KAFKA_PROVIDER", "ROOT_MODE", "LANG", "OUTPUT"),
        *("BACKEND_WORKERS", "RULES_DIR", "RUNBOOK_URL"),
        *("BACKEND_URL", "WORKER_URL", "DATABASE_URL", "REDIS_URL", "KAFKA_BOOTSTRAP"),
        *(
            "CLICKHOUSE_URL",
            "PROMETHEUS_URL",
            "ALERTMANAGER_URL",
            "ADMIN_SITE_ID",
            "ADMIN_PASSWORD",
            "WEBHOOK_SECRET",
        ),
        *(f"PORT_{name.upper().replace('-', '_')}" for name in NEEDS),
        "PORT_KAFKA_CONTROLLER",
    )
)
_FREE = ("ALERT_", "SLO_")


def backend_keys(profile: Profile) -> frozenset[str]:
    """Return the settings that the backend declares. Raises UsageError when its contract can't be read."""
    chosen = profile.get("CCOPS_CONTRACT")
    folder = Path(chosen) if chosen else Path(__file__).resolve().parent.parent / "backend" / "contract"
    path = folder / "settings.json"
    try:
        return frozenset(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise UsageError(
            "CONTRACT_NOT_FOUND",
            f"the backend's settings can't be read from {path}",
            evidence=f"{type(error).__name__}: {error}",
            next_step="set CCOPS_CONTRACT to a folder that has settings.json",
        ) from None


def check_profile(profile: Profile) -> None:
    """Raise UsageError that lists every key of the env file that nothing reads, with the nearest one."""
    known = backend_keys(profile) | TOOL_KEYS
    wrong = [
        f"{value.origin}: {_near(key, known)}"
        for key, value in profile.values.items()
        if value.origin.startswith("env/") and not key.startswith(_FREE) and key not in known
    ]
    if wrong:
        raise UsageError(
            "ENV_KEY_UNKNOWN",
            f"env/{profile.env}.env has {len(wrong)} key(s) that nothing reads",
            evidence="\n".join(wrong),
            next_step=f"edit {profile.project.root / 'env' / f'{profile.env}.env'}",
        )


def check_settable(
    profile: Profile, service: str, overrides: Collection[str], settable: Collection[str]
) -> None:
    """Raise Refused for `--set` of a service that is none of `settable`, UsageError for an unknown key."""
    if not overrides:
        return
    if kind_of(service) not in settable:
        raise Refused(
            "NOT_SETTABLE",
            f"{service} reads no settings from its environment",
            evidence=f"--set works for: {', '.join(settable)}",
            next_step=f"ccops restart {service}",
        )
    if service != "clickhouse":
        check_overrides(profile, overrides)


def check_overrides(profile: Profile, keys: Iterable[str]) -> None:
    """Raise UsageError for a `--set` that the backend has no setting for."""
    known = backend_keys(profile)
    wrong = [_near(key, known) for key in keys if key not in known]
    if wrong:
        raise UsageError(
            "SETTING_UNKNOWN",
            f"the backend has no such setting: {len(wrong)}",
            evidence="\n".join(wrong),
            next_step="ccops restart SERVICE --set KEY=VALUE",
        )


def _near(key: str, known: Collection[str]) -> str:
    near = difflib.get_close_matches(key, sorted(known), n=1)
    return f"{key}: did you mean {near[0]}?" if near else f"{key} is unknown"
