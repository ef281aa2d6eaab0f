"""The rules of `ccops lint routes`, read from a file: plain strings and globs, nothing that could run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ccops.contract.load import parse
from ccops.core.errors import UsageError

PACKAGED = Path(__file__).with_name("lint_rules.yml")
_MAX_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Forbidden:
    """A string that may not stand anywhere, and what to write in its place ("" when there is nothing)."""

    string: str
    instead: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class Shim:
    """A module that nobody may import any more."""

    module: str
    instead: str = ""


@dataclass(frozen=True, slots=True)
class Rules:
    """Everything the linter goes by. Globs are matched against paths with `/` before them."""

    look_in: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    forbidden: tuple[Forbidden, ...] = ()
    settings_only: tuple[str, ...] = ()
    settings_why: str = ""
    shims: tuple[Shim, ...] = ()


@dataclass(slots=True)
class _Reader:
    problems: list[str] = field(default_factory=list)

    def fields(self, value: object, where: str, allowed: tuple[str, ...]) -> Mapping[str, object]:
        if not isinstance(value, Mapping):
            self.problems.append(f"{where}: expected a mapping")
            return {}
        self.problems += [
            f"{where}: unknown key {key!r}; known: {', '.join(allowed)}"
            for key in value
            if key not in allowed
        ]
        return value

    def text(self, value: object, where: str, *, required: bool = False) -> str:
        if value is None and not required:
            return ""
        if not isinstance(value, str) or not value.strip():
            self.problems.append(f"{where}: expected a text")
            return ""
        return value

    def texts(self, value: object, where: str) -> tuple[str, ...]:
        return tuple(self.text(item, where, required=True) for item in self.items(value, where))

    def items(self, value: object, where: str) -> list[object]:
        if value is not None and not isinstance(value, list):
            self.problems.append(f"{where}: expected a list")
        return value if isinstance(value, list) else []


def read_rules(path: Path = PACKAGED) -> Rules:
    """Return the rules in `path`. Raises UsageError that lists everything wrong at once."""
    if not path.is_file() or path.stat().st_size > _MAX_BYTES:
        raise _invalid(path, ["there is no such file, or it is longer than 1 MiB"])
    reader = _Reader()
    data = reader.fields(
        parse(path.read_bytes(), str(path)),
        "rules",
        ("look_in", "exclude", "forbidden", "settings", "shims"),
    )
    rules = _rules(reader, data)
    if reader.problems:
        raise _invalid(path, reader.problems)
    if not (rules.forbidden or rules.settings_only or rules.shims):
        raise _invalid(path, ["it holds no rule: forbidden, settings and shims are all empty"])
    return rules


def _rules(reader: _Reader, data: Mapping[str, object]) -> Rules:
    forbidden = []
    for number, item in enumerate(reader.items(data.get("forbidden"), "forbidden"), 1):
        where = f"forbidden {number}"
        one = reader.fields(item, where, ("string", "instead", "why"))
        string = reader.text(one.get("string"), f"{where} string", required=True)
        instead = reader.text(one.get("instead"), f"{where} instead")
        forbidden.append(Forbidden(string, instead, reader.text(one.get("why"), f"{where} why")))
    shims = []
    for number, item in enumerate(reader.items(data.get("shims"), "shims"), 1):
        one = reader.fields(item, f"shim {number}", ("module", "instead"))
        module = reader.text(one.get("module"), f"shim {number} module", required=True)
        shims.append(Shim(module, reader.text(one.get("instead"), f"shim {number} instead")))
    settings = reader.fields(data.get("settings") or {}, "settings", ("only", "why"))
    return Rules(
        reader.texts(data.get("look_in"), "look_in"),
        reader.texts(data.get("exclude"), "exclude"),
        tuple(forbidden),
        reader.texts(settings.get("only"), "settings only"),
        reader.text(settings.get("why"), "settings why"),
        tuple(shims),
    )


def _invalid(path: Path, problems: list[str]) -> UsageError:
    return UsageError(
        "LINT_RULES_INVALID",
        f"{path} can't be used as lint rules",
        evidence="\n".join(problems),
        next_step=f"start from the packaged ones: {PACKAGED.name} in the package ccops.contract",
    )
