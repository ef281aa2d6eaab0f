"""Where an Alembic project keeps its revisions: alembic.ini, or [tool.alembic] of pyproject.toml.

The rules are Alembic's own (https://alembic.sqlalchemy.org/en/latest/tutorial.html#editing-the-ini-file);
env.py, which is code, is never run.
"""

from __future__ import annotations

import configparser
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ccops.core.errors import UsageError

_LEGACY = re.compile(r", *| +|:")
_SEPARATORS = {"space": " ", "newline": "\n", "os": os.pathsep, ":": ":", ";": ";"}


@dataclass(frozen=True, slots=True)
class AlembicConfig:
    """An Alembic project. `locations` are the folders of its revisions, in the order of the file."""

    path: Path
    script_location: Path
    locations: tuple[Path, ...]
    recursive: bool = False
    sys_path: tuple[Path, ...] = ()


def read_config(path: Path) -> AlembicConfig:
    """Read `alembic.ini` or `pyproject.toml`. Raises UsageError when it names no folder of revisions."""
    if not path.is_file():
        raise _unusable(path, "there is no such file")
    try:
        options = _toml(path) if path.suffix == ".toml" else _ini(path)
    except (configparser.Error, tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise _unusable(path, str(error).replace("\n", " ")) from None
    if not options.get("script_location"):
        raise _unusable(path, "it has no script_location")
    roots = (Path.cwd(), path.resolve().parent)
    sys_path = tuple(
        _folder(part, roots) for part in _split(options.get("prepend_sys_path", "."), options) if part
    )
    script = _folder(options["script_location"], (*roots, *sys_path))
    listed = _split(options.get("version_locations", ""), options)
    locations = tuple(_folder(part, (*roots, *sys_path)) for part in listed) or (script / "versions",)
    missing = [str(folder) for folder in locations if not folder.is_dir()]
    if missing:
        raise _unusable(path, f"no folder {', '.join(missing)}")
    recursive = options.get("recursive_version_locations", "").lower() in {"true", "1", "yes", "on"}
    return AlembicConfig(path, script, locations, recursive, sys_path)


def _ini(path: Path) -> Mapping[str, str]:
    parser = configparser.ConfigParser(defaults={"here": str(path.resolve().parent).replace("%", "%%")})
    parser.read_string(path.read_text(encoding="utf-8-sig"), source=path.name)
    if not parser.has_section("alembic"):
        raise _unusable(path, "it has no section [alembic]")
    # A value of another tool's (logging formats) may not be interpolated at all: only ours are asked for.
    names = (
        "script_location", "version_locations", "recursive_version_locations", "path_separator",
        "version_path_separator", "prepend_sys_path",
    )  # fmt: skip
    return {name: parser.get("alembic", name) for name in names if parser.has_option("alembic", name)}


def _toml(path: Path) -> Mapping[str, str]:
    tools = tomllib.loads(path.read_text(encoding="utf-8-sig")).get("tool", {})
    section = tools.get("alembic") if isinstance(tools, dict) else None
    if not isinstance(section, dict):
        raise _unusable(path, "it has no [tool.alembic]")
    here = str(path.resolve().parent)
    flat: dict[str, str] = {"path_separator": "newline"}
    for name, value in section.items():
        text = "\n".join(map(str, value)) if isinstance(value, list) else str(value)
        flat[name] = text.replace("%(here)s", here).replace("%%", "%")
    return flat


def _split(text: str, options: Mapping[str, str]) -> list[str]:
    chosen = options.get("path_separator") or options.get("version_path_separator")
    parts = _LEGACY.split(text) if chosen is None else text.split(_SEPARATORS.get(chosen, os.pathsep))
    return [part.strip() for part in parts if part.strip()]


def _folder(text: str, roots: tuple[Path, ...]) -> Path:
    """Return the folder that `text` names: a path, or `package:path` found without importing it."""
    package, colon, inner = text.partition(":")
    if colon and re.fullmatch(r"[\w.]+", package) and not inner.startswith(("/", "\\")):
        text = f"{package.replace('.', '/')}/{inner}"
    found = [root / text for root in roots if (root / text).is_dir()]
    return found[0] if found else roots[0] / text


def _unusable(path: Path, why: str) -> UsageError:
    return UsageError(
        "ALEMBIC_CONFIG",
        f"{path} is no Alembic project that can be read",
        evidence=why,
        next_step="ccops alembic check --config PATH/alembic.ini",
    )
