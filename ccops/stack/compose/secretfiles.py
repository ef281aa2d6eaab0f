"""Secrets as files that containers mount: `docker inspect` shows where they are, never what they say."""

from __future__ import annotations

from collections.abc import Mapping

from ccops.core.errors import UsageError
from ccops.stack.compose.layout import folder, program_env
from ccops.stack.paths import StateDir, write_private
from ccops.stack.service import Site


def write(state_dir: StateDir, site: Site) -> None:
    """Write the files. Their folder is the owner's alone; inside a container each is readable by its user.

    Raises UsageError for a setting of several lines: the file has one line for each.
    """
    texts = {
        "app.env": app_env(program_env(site)),
        "postgres_password": site.secrets["POSTGRES_PASSWORD"],
        "clickhouse_password": site.secrets["CLICKHOUSE_PASSWORD"],
        "grafana_password": site.secrets["ADMIN_PASSWORD"],
        "redis.conf": _redis(site.secrets["REDIS_PASSWORD"]),
    }
    where = folder(state_dir, "secrets")
    # Nobody else gets past the state folder; the files are read by users that only the image knows.
    state_dir.root.chmod(0o700)
    for name, text in texts.items():
        write_private(where / name, text)
        (where / name).chmod(0o444)


def app_env(settings: Mapping[str, str]) -> str:
    """Return the text of app.env. Raises UsageError for a setting of several lines."""
    broken = [key for key, text in settings.items() if "\n" in text]
    if broken:
        raise UsageError(
            "SETTING_INVALID",
            f"{', '.join(broken)} has more than one line",
            evidence="settings reach a container as lines of KEY=VALUE",
            next_step="write it in one line",
        )
    return "".join(f"{key}={text}\n" for key, text in settings.items())


def _redis(password: str) -> str:
    lines = (
        "bind * -::*",
        f"requirepass {password}",
        "dir /data",
        "appendonly yes",
        "appendfsync everysec",
        'save ""',
        "daemonize no",
        "log-timestamp-format iso8601",
    )
    return "\n".join(lines) + "\n"


def open_rules(state_dir: StateDir) -> None:
    """Let Prometheus read its rules: inside its container it is another user than the one who wrote them."""
    state_dir.rules.mkdir(parents=True, exist_ok=True)
    state_dir.rules.chmod(0o755)
    for path in state_dir.rules.glob("*.yml"):
        path.chmod(0o644)
