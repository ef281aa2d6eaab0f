"""Secrets of the embedded stack: made once, kept in `secrets.env` (0600)."""

from __future__ import annotations

import secrets
from collections.abc import Callable

from ccops.core.errors import Refused
from ccops.core.profile import parse_env_file
from ccops.stack.paths import StateDir, write_private

_MAKERS: dict[str, Callable[[], str]] = {
    "POSTGRES_PASSWORD": lambda: secrets.token_hex(16),
    "REDIS_PASSWORD": lambda: secrets.token_hex(16),
    "CLICKHOUSE_PASSWORD": lambda: secrets.token_hex(16),
    "JWT_KEYS": lambda: f"k1:{secrets.token_hex(32)}",
    "WEBHOOK_SECRETS": lambda: secrets.token_hex(32),
    "ADMIN_PASSWORD": lambda: secrets.token_hex(16),
    "PII_KEYS": lambda: f"k1:{secrets.token_hex(32)}",
}


def load_secrets(state_dir: StateDir) -> dict[str, str]:
    """Return the secrets; missing ones are made and written.

    Raises Refused when PostgreSQL's data is there but the password that opens it is not.
    """
    known: dict[str, str] = {}
    if state_dir.secrets.is_file():
        known = {key: value.text for key, value in parse_env_file(state_dir.secrets, "secrets.env").items()}
    if "POSTGRES_PASSWORD" not in known and state_dir.data("postgres").is_dir():
        raise Refused(
            "SECRETS_MISSING",
            "the data folder was made with passwords that are gone",
            evidence=f"{state_dir.data('postgres')} exists, {state_dir.secrets} has no POSTGRES_PASSWORD",
            next_step="put secrets.env back, or remove the data: ccops down --wipe --confirm NAME",
        )
    missing = {key: make() for key, make in _MAKERS.items() if key not in known}
    if missing:
        known |= missing
        write_private(state_dir.secrets, "".join(f"{key}={text}\n" for key, text in known.items()))
    return known
