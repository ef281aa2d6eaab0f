"""All keys that an env file may have: the tool's, the thresholds', the backend's."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ccops.core.bundle import contract_folder, mapping, read_json
from ccops.core.profile import Profile, Project, Value
from ccops.profiles.envfile import EnvFile
from ccops.profiles.kinds import Schema
from ccops.rules.project import templates_of
from ccops.rules.thresholds import FILE, PREFIXES, Threshold, load_thresholds
from ccops.stack.members import MOST
from ccops.stack.services.kafka_choice import NAMES
from ccops.stack.settings import TOOL_KEYS

_TEXT: Schema = {"type": "string"}
_WEB: Schema = {"type": "string", "format": "uri", "schemes": ("http", "https")}
_TOOL: Mapping[str, Schema] = {
    "CCOPS_PROTECTED": {"type": "string", "enum": ("0", "1")},
    "CCOPS_STACK": {"type": "string", "enum": ("embedded", "compose", "external")},
    "CCOPS_KAFKA_PROVIDER": {"type": "string", "enum": NAMES},
    "CCOPS_ROOT_MODE": {"type": "string", "enum": ("auto", "userns", "uid", "root")},
    "CCOPS_LANG": {"type": "string", "enum": ("en", "ko")},
    "CCOPS_OUTPUT": {"type": "string", "enum": ("text", "json", "yaml", "md")},
    "CCOPS_BACKEND_WORKERS": {"type": "integer", "minimum": 1, "maximum": MOST},
    "CCOPS_DATABASE_URL": {"type": "string", "format": "uri", "schemes": ("postgresql", "postgres")},
    "CCOPS_REDIS_URL": {"type": "string", "format": "uri", "schemes": ("redis", "rediss")},
    "CCOPS_KAFKA_BOOTSTRAP": {"type": "string", "pattern": r"^[^\s,:/]+:[0-9]+(,[^\s,:/]+:[0-9]+)*$"},
    "CCOPS_ADMIN_PASSWORD": {"type": "string", "secret": True},
    "CCOPS_WEBHOOK_SECRET": {"type": "string", "secret": True},
}


@dataclass(frozen=True, slots=True)
class Known:
    """What may stand in an env file of a project."""

    settings: Mapping[str, Schema]
    thresholds: Mapping[str, Threshold]

    def schema(self, key: str) -> Schema | None:
        """Return the schema of a key of the tool or the backend; None for thresholds and strangers."""
        return tool_schema(key) if key in TOOL_KEYS else self.settings.get(key)

    def has(self, key: str) -> bool:
        """Return whether anything reads `key`."""
        return key in TOOL_KEYS or key in self.settings or key in self.thresholds

    def nearest(self, key: str) -> str:
        """Return the known key that looks most like `key`, or an empty text."""
        pool: list[str] = sorted(self.thresholds) if key.startswith(PREFIXES) else []
        pool = pool or sorted({*TOOL_KEYS, *self.settings, *self.thresholds})
        return next(iter(difflib.get_close_matches(key.upper(), pool, n=1)), "")


def known_keys(project: Project, file: EnvFile) -> Known:
    """Return the keys for `file`: its CCOPS_CONTRACT, if any, says which backend is meant.

    Raises UsageError when the contract or thresholds.yml can't be read.
    """
    return Known(settings_of(project, file.values), load_thresholds(templates_of(project) / FILE))


def settings_of(project: Project, values: Mapping[str, Value]) -> dict[str, Schema]:
    """Return what the backend's contract declares, by name."""
    folder: Path = contract_folder(Profile("", project, values))
    return {name: mapping(schema) for name, schema in read_json(folder, "settings.json").items()}


def tool_schema(key: str) -> Schema:
    """Return the schema of a CCOPS_ key."""
    if key in _TOOL:
        return _TOOL[key]
    if key.startswith("CCOPS_PORT_"):
        return {"type": "integer", "minimum": 1, "maximum": 65_535}
    return _WEB if key.endswith("_URL") else _TEXT
