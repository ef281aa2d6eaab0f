"""Read an env file line by line; what is wrong with a line becomes a finding, and the rest is still read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ccops.core.errors import UsageError
from ccops.core.output import Issue
from ccops.core.profile import Project, Value

_LINE = re.compile(r"^(?:export\s+)?(?P<key>[A-Za-z_][A-Za-z0-9_]*)=(?P<value>.*)$")
_COMMENT = re.compile(r"\s#")
_SHOWN = 30


@dataclass(frozen=True, slots=True)
class EnvFile:
    """The values of env/NAME.env, the first of each key, and what its lines do wrong."""

    env: str
    label: str
    values: Mapping[str, Value]
    issues: tuple[Issue, ...] = ()

    def text(self, key: str, default: str = "") -> str:
        """Return the text of `key`, or `default`."""
        value = self.values.get(key)
        return value.text if value else default

    @property
    def protected(self) -> bool:
        """Return whether the profile says that it is protected."""
        return self.text("CCOPS_PROTECTED") == "1"


def read_env(project: Project, env: str) -> EnvFile:
    """Return env/NAME.env of `project`. Raises UsageError when it is no UTF-8 file."""
    label = f"env/{env}.env"
    path = project.root / "env" / f"{env}.env"
    return parse_env(env, label, _text(path, label))


def parse_env(env: str, label: str, text: str) -> EnvFile:
    """Return the values and findings of the text of an env file."""
    values: dict[str, Value] = {}
    issues: list[Issue] = []
    # As commands read it: only LF ends a line and only blanks are cut, so that nothing is fine here alone.
    for number, raw in enumerate(text.split("\n"), 1):
        line, where = raw.strip(" \t\r"), f"{label}:{number}"
        if not line or line.startswith("#"):
            continue
        match = _LINE.match(line)
        if match is None:
            key = re.split(r"[=:\s]", line, maxsplit=1)[0][:_SHOWN]
            issues.append(Issue("ENV_LINE_INVALID", f"{key!r} begins no KEY=VALUE", where=where))
            continue
        key, value = match["key"], match["value"].strip(" \t")
        if key in values:
            first = values[key].origin
            issues.append(
                Issue(
                    "ENV_KEY_TWICE",
                    f"{key} is set twice",
                    evidence=f"first at {first}: that counts",
                    where=where,
                )
            )
            continue
        if issue := _suspicious(key, value, where):
            issues.append(issue)
        values[key] = Value(_unquoted(value), where)
    return EnvFile(env, label, values, tuple(issues))


def _suspicious(key: str, value: str, where: str) -> Issue | None:
    """Return a finding for what other tools would read in a value, and we do not."""
    if "${" in value:
        return Issue(
            "ENV_VALUE_SUSPICIOUS",
            f"{key}: ${{..}} is not expanded",
            evidence="values are taken as they stand",
            where=where,
        )
    if _COMMENT.search(value) and value[:1] not in "\"'":
        return Issue(
            "ENV_VALUE_SUSPICIOUS",
            f"{key}: what follows # belongs to the value",
            evidence="values are taken as they stand",
            next_step="put the comment on a line of its own, or the value in quotes",
            where=where,
        )
    return None


def _unquoted(text: str) -> str:
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "\"'":
        return text[1:-1]
    return text


def _text(path: Path, label: str) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            "ENV_FILE_INVALID",
            f"{label} can't be read",
            evidence=f"{type(error).__name__}: {error}",
            next_step=f"write {label} as UTF-8",
        ) from None
