"""Put rendered files into a folder: all or nothing, and only what differs."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ccops.core.errors import Refused, UsageError

STAMP = "# Rendered for "


@dataclass(frozen=True, slots=True)
class Changes:
    """What writing does to a folder. `stale` are files of an earlier rendering that are no longer made."""

    folder: Path
    created: tuple[str, ...]
    changed: tuple[str, ...]
    stale: tuple[str, ...]
    same: tuple[str, ...]
    foreign: tuple[str, ...] = ()  # of `changed`: what somebody else made under a name of ours

    @property
    def none(self) -> bool:
        return not (self.created or self.changed or self.stale)


def compare(folder: Path, texts: Mapping[str, str]) -> Changes:
    """Return how the files in `folder` differ from `texts` (by name). What is not ours is not seen."""
    created: list[str] = []
    changed: list[str] = []
    same: list[str] = []
    for name, text in sorted(texts.items()):
        found = _bytes(folder / name)
        there = os.path.lexists(folder / name)
        (same if found == text.encode() else changed if there else created).append(name)
    stale = [path.name for path in sorted(folder.glob("*.yml")) if path.name not in texts and _stamped(path)]
    # JSON has no comments to stamp: who writes it looks after its own.
    foreign = [name for name in changed if name.endswith(".yml") and not _is_ours(folder / name)]
    return Changes(folder, tuple(created), tuple(changed), tuple(stale), tuple(same), tuple(foreign))


def check_ours(plan: Changes) -> None:
    """Raise Refused when writing would replace a file that no rendering made, or a link."""
    if plan.foreign:
        raise Refused(
            "RULES_FOREIGN_FILE",
            f"{len(plan.foreign)} file(s) in {plan.folder} are not of ccops and stand where its own would go",
            evidence=", ".join(plan.foreign),
            next_step="move them away, or name another folder",
        )


def write_all(folders: Mapping[Path, Mapping[str, str]]) -> tuple[Changes, ...]:
    """Write the files of every folder and remove the stale ones; return what was done.

    All new text is on disk before the first file is replaced, so that a full disk changes nothing. Raises
    UsageError when a folder can't be written, Refused when a file there is somebody else's.
    """
    plans = [compare(folder, texts) for folder, texts in folders.items()]
    for plan in plans:
        check_ours(plan)
    ready: list[tuple[Path, Path]] = []
    try:
        for plan in plans:
            plan.folder.mkdir(parents=True, exist_ok=True)
            for name in (*plan.created, *plan.changed):
                target = plan.folder / name
                ready.append((_beside(target, folders[plan.folder][name]), target))
        for fresh, target in ready:
            fresh.replace(target)
        for plan in plans:
            for name in plan.stale:
                (plan.folder / name).unlink(missing_ok=True)
    except OSError as error:
        _remove(fresh for fresh, _ in ready)
        raise UsageError(
            "RULES_UNWRITABLE",
            f"{error.filename or 'the folder'} can't be written",
            evidence=str(error),
            next_step="name a folder that is yours by --out",
        ) from None
    return tuple(plans)


def _beside(target: Path, text: str) -> Path:
    # Not *.yml: a Prometheus that watches the folder must never read it.
    fresh = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with fresh.open("wb") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        _remove([fresh])
        raise
    return fresh


def _is_ours(path: Path) -> bool:
    """Return whether `path` is a plain file with our stamp; an empty one is what a crash leaves of it."""
    return not path.is_symlink() and (_stamped(path) or _bytes(path) == b"")


def _stamped(path: Path) -> bool:
    return (_bytes(path) or b"").startswith(STAMP.encode())


def _bytes(path: Path) -> bytes | None:
    try:
        return path.read_bytes() if path.is_file() else None  # reading a pipe would never end
    except OSError:
        return None


def _remove(paths: Iterable[Path]) -> None:
    for path in paths:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
