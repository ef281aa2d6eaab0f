"""Which files a linter looks at, what they hold, and which lines somebody allowed."""

from __future__ import annotations

import fnmatch
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ccops.core.allowing import Allowed, read_allowed
from ccops.core.errors import UsageError

SUFFIXES = frozenset(
    {
        ".py", ".js", ".jsx", ".ts", ".tsx", ".mjs", ".vue", ".svelte", ".html", ".yml", ".yaml", ".json",
        ".toml", ".env", ".sh", ".md", ".http",
    }
)  # fmt: skip
_SKIPPED = frozenset({"node_modules", "__pycache__", "dist", "build", "venv", "site-packages"})
_MAX_BYTES = 2 << 20


@dataclass(frozen=True, slots=True)
class Source:
    """A file as text. `name` is how people see it, with `/` between folders.

    outside  it was reached by a link, and does not lie where somebody asked to look
    problem  why its text is not known; "" when it is
    """

    path: Path
    name: str
    text: str
    outside: bool = False
    problem: str = ""

    @property
    def lines(self) -> list[str]:
        return [line.rstrip("\r\n") for line in lines_of(self.text)]


def lines_of(text: str) -> list[str]:
    """Return lines with their ends, counted as Python counts them: a form feed or U+2028 ends none."""
    return io.StringIO(text, newline="").readlines()


def sources(paths: Sequence[Path], root: Path, exclude: Sequence[str]) -> Iterator[Source]:
    """Yield the readable text files of `paths`, each once. Raises UsageError for a path that is not there."""
    seen: set[Path] = set()
    for path in paths:
        if not path.exists():
            raise UsageError(
                "LINT_PATH_NOT_FOUND",
                f"there is no {path}",
                evidence="a linter that looks at nothing would be green",
                next_step="ccops lint routes PATH",
            )
        for found in _files(path):
            file, name = found.resolve(), _name(found, root)
            if file in seen or any(fnmatch.fnmatchcase(f"/{name}", glob) for glob in exclude):
                continue
            seen.add(file)
            yield _source(file, name, outside=not file.is_relative_to(path.resolve()))


def allowed(source: Source) -> list[Allowed]:
    """Return the comments of `source` that allow something."""
    return read_allowed(source.lines)


def _source(file: Path, name: str, *, outside: bool) -> Source:
    try:
        return Source(file, name, file.read_bytes().decode("utf-8"), outside)
    except UnicodeDecodeError as error:
        return Source(file, name, "", outside, f"it is not UTF-8 at byte {error.start}")
    except OSError as error:
        return Source(file, name, "", outside, f"it can't be read: {error.strerror}")


def _files(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
        return
    try:
        entries = sorted(path.iterdir())
    except OSError as error:
        raise UsageError(
            "LINT_PATH_NOT_FOUND",
            f"the folder {path} can't be read",
            evidence=f"{error.strerror}; a linter that looks at nothing would be green",
            next_step="ccops lint routes PATH",
        ) from None
    for entry in entries:
        environment = entry.name == ".env" or entry.name.startswith(".env.")
        if entry.name.startswith(".") and not environment:
            continue
        if entry.is_dir():
            # A link to a folder above would never end.
            if entry.name not in _SKIPPED and not entry.is_symlink():
                yield from _files(entry)
        elif (
            (environment or entry.suffix in SUFFIXES)
            and entry.is_file()
            and entry.stat().st_size <= _MAX_BYTES
        ):
            yield entry


def _name(file: Path, root: Path) -> str:
    absolute, base = file.resolve(), root.resolve()
    return absolute.relative_to(base).as_posix() if absolute.is_relative_to(base) else str(file)
