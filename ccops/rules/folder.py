"""The folder that a server loads rules from: kept aside, written as a whole, put back byte for byte."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ccops.core.errors import Degraded, Refused, UsageError
from ccops.core.lock import take
from ccops.core.profile import Profile
from ccops.rules.writing import Changes, compare, write_all

KEY = "CCOPS_RULES_DIR"
LOCK = ".ccops-apply.lock"
# Where docker-compose.yml mounts the folder.
_IN_CONTAINER = Path("/etc/prometheus/rules")
_KEPT = 10


def folder_of(profile: Profile, chosen: Path | None = None) -> Path:
    """Return where the rules of `profile` lie. Raises UsageError when nobody says where."""
    from ccops.stack.paths import StateDir

    if chosen is not None:
        return chosen.expanduser().resolve()
    if text := profile.get(KEY):
        return (profile.project.root / Path(text).expanduser()).resolve()
    if profile.ours:
        return StateDir(profile.state_dir).rules.resolve()
    raise UsageError(
        "RULES_FOLDER_UNKNOWN",
        f"nothing says where the Prometheus of {profile.env} reads its rules",
        evidence=f"CCOPS_STACK={profile.stack_kind}, and {KEY} is not set",
        next_step=f"--rules-dir DIR, or {KEY}=DIR in env/{profile.env}.env",
    )


def mounted(profile: Profile, folder: Path) -> Path | None:
    """Return what Prometheus of our stack on Docker calls `folder`; None where it calls it as we do."""
    from ccops.stack import stacks
    from ccops.stack.paths import StateDir

    own = StateDir(profile.state_dir).rules.resolve()
    return _IN_CONTAINER if stacks.on_docker(profile) and folder == own else None


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder for one writer. Raises Refused while another one holds it, and where it can't be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = take(folder / LOCK)
    except BlockingIOError:
        raise Refused(
            "RULES_APPLY_BUSY",
            "somebody else is applying rules to this folder",
            evidence=str(folder),
            next_step="wait for them, then look at the plan again",
        ) from None
    except OSError as error:
        raise Refused(
            "RULES_UNWRITABLE",
            f"{folder} can't be written",
            evidence=str(error),
            next_step="apply where Prometheus runs, as somebody who may write there",
        ) from None
    try:
        yield
    finally:
        os.close(handle)


@dataclass(frozen=True, slots=True)
class Backup:
    """The bytes of every file that a write touches (None: it was not there), also on disk in `copies`."""

    folder: Path
    files: Mapping[str, bytes | None]
    copies: Path

    def restore(self) -> None:
        """Put everything back byte for byte. Raises Degraded when the folder is not as it was."""
        for name, data in self.files.items():
            path = self.folder / name
            with contextlib.suppress(OSError):
                if data is None:
                    path.unlink(missing_ok=True)
                else:
                    replace(path, data)
        wrong = [name for name, data in self.files.items() if read(self.folder / name) != data]
        if wrong:
            raise Degraded(
                "RULES_ROLLBACK_FAILED",
                f"{len(wrong)} file(s) could not be put back",
                evidence=f"{self.folder}: {', '.join(wrong)}",
                next_step=f"copy them from {self.copies}, then: curl -X POST PROMETHEUS/-/reload",
            )


def keep(folder: Path, texts: Mapping[str, str], copies: Path) -> Backup:
    """Keep what writing `texts` to `folder` would touch, on disk in `copies` before anything is changed."""
    plan = compare(folder, texts)
    names = (*plan.created, *plan.changed, *plan.stale)
    backup = Backup(folder, {name: read(folder / name) for name in names}, copies)
    try:
        copies.mkdir(parents=True, exist_ok=True, mode=0o700)
        for name, data in backup.files.items():
            if data is not None:
                replace(copies / name, data)
        _prune(copies.parent)
    except OSError as error:
        raise Refused(
            "RULES_UNWRITABLE",
            "the rules could not be kept aside, so nothing was changed",
            evidence=str(error),
            next_step="make room, or set CCOPS_HOME to a folder of yours",
        ) from None
    return backup


def write(folder: Path, texts: Mapping[str, str], backup: Backup) -> Changes:
    """Write `texts`, all or nothing. Raises UsageError when that can't be done, with the old files back."""
    try:
        (done,) = write_all({folder: texts})
    except UsageError:
        backup.restore()
        raise
    return done


def replace(path: Path, data: bytes) -> None:
    """Write `data` to `path` in one step, on disk when this returns. Raises OSError."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    with fresh.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def read(path: Path) -> bytes | None:
    """Return the bytes of a file, None when there is none."""
    try:
        return path.read_bytes()
    except OSError:
        return None


def _prune(folder: Path) -> None:
    for old in sorted(path for path in folder.iterdir() if path.is_dir())[:-_KEPT]:
        for path in old.iterdir():
            path.unlink()
        old.rmdir()
