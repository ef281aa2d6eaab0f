"""Ways into the check: a rendered set, files on disk, a text."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ccops.core.errors import UsageError
from ccops.rules.catalogue import load_catalogue
from ccops.rules.check.engine import Checked, Settings, check_sources
from ccops.rules.check.source import Source
from ccops.rules.render import RenderedSet

TEMPLATES = "rules_templates/"
_SUFFIXES = (".yml", ".yaml", ".rules")


def check_rendered(found: RenderedSet, settings: Settings | None = None) -> Checked:
    """Judge a rendered set; findings name the template's line and the variables used there."""
    settings = settings or Settings(load_catalogue(env=found.env))
    sources = [Source(one.name, one.text, one.origin, TEMPLATES) for one in found.files]
    return check_sources(sources, settings)


def check_path(paths: Iterable[Path], settings: Settings | None = None) -> Checked:
    """Judge files, and the .yml, .yaml and .rules files of folders. Raises UsageError for a missing one."""
    settings = settings or Settings(load_catalogue())
    sources = [source_of(path) for path in files_of(paths)]
    return check_sources(sources, settings)


def check_text(text: str, settings: Settings | None = None, *, name: str = "rules.yml") -> Checked:
    """Judge one text as a file."""
    return check_sources([Source(name, text)], settings or Settings(load_catalogue()))


def files_of(paths: Iterable[Path]) -> list[Path]:
    """Return the files that `paths` name, each once. Raises UsageError when a path is missing or empty."""
    found: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            inside = sorted(one for one in path.rglob("*") if one.suffix in _SUFFIXES and one.is_file())
            if not inside:
                raise _missing(path, f"a folder without {', '.join(_SUFFIXES)}")
            found.update(dict.fromkeys(inside))
        else:
            found[path] = None
    return list(found)


def source_of(path: Path) -> Source:
    """Return the text of a file. Raises UsageError when it can't be read or is no UTF-8."""
    try:
        return Source(path.as_posix(), path.read_bytes().decode("utf-8"))
    except OSError as error:
        raise _missing(path, f"{error.strerror}") from None
    except UnicodeDecodeError as error:
        raise _missing(path, f"no UTF-8 at byte {error.start}") from None


def _missing(path: Path, why: str) -> UsageError:
    return UsageError(
        "RULES_FILE_MISSING",
        f"{path} holds no rules",
        evidence=why,
        next_step="name a rule file, or a folder that holds some",
    )
