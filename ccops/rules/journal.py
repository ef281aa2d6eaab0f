"""What is being applied to a folder of rules, so that a run that was killed is found by the next call.

The file lies in the folder itself, not with whoever applied: another operator must find it. It holds the old
bytes, and what would take their place as a digest, so that nothing but the run's own files is put back.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ccops.core.clock import SystemClock, iso
from ccops.core.lock import is_taken
from ccops.rules.folder import LOCK, Backup, read, replace

NAME = ".ccops-apply.json"


@dataclass(frozen=True, slots=True)
class Unended:
    """A run that wrote files and never said how it ended. `new` has the digest of each (None: removed)."""

    run: str
    actor: str
    at: str
    backup: Backup
    new: Mapping[str, str | None]

    def restore(self) -> tuple[str, ...]:
        """Put the old files back, and return the names of those that somebody changed since: they stay.

        Raises Degraded when that can't be done.
        """
        here = self.backup.folder
        kept = tuple(
            name
            for name, old in self.backup.files.items()
            if (found := read(here / name)) != old and _digest(found) != self.new.get(name)
        )
        for name in self.backup.files:  # half written, of the process that died
            for path in here.glob(f".{name}.*"):
                path.unlink(missing_ok=True)
        files = {name: old for name, old in self.backup.files.items() if name not in kept}
        Backup(here, files, self.backup.copies).restore()
        return kept


def begin(backup: Backup, texts: Mapping[str, str], run: str, actor: str) -> None:
    """Say on disk what is about to be written. Raises OSError."""
    line = {
        "schema": "ccops.rules.applying/v1",
        "run": run,
        "actor": actor,
        "at": iso(SystemClock().now()),
        "copies": str(backup.copies),
        "old": {name: None if old is None else _text(old) for name, old in backup.files.items()},
        "new": {name: _digest(texts[name].encode() if name in texts else None) for name in backup.files},
    }
    replace(backup.folder / NAME, json.dumps(line, ensure_ascii=True).encode())


def end(folder: Path) -> None:
    """Say that the folder holds what was verified, or what was there before."""
    with contextlib.suppress(OSError):
        (folder / NAME).unlink(missing_ok=True)


def unended(folder: Path) -> Unended | None:
    """Return the run that never ended, or is going on right now; None when there is none."""
    try:
        plain = json.loads((folder / NAME).read_bytes())
        old = {str(name): None if text is None else _data(text) for name, text in plain["old"].items()}
        backup = Backup(folder, old, Path(str(plain["copies"])))
        found = Unended(str(plain["run"]), str(plain["actor"]), str(plain["at"]), backup, dict(plain["new"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return None if any("/" in name or name.startswith(".") for name in old) else found


def abandoned(folder: Path) -> Unended | None:
    """Return the run that was killed; none while somebody is applying to `folder`."""
    return unended(folder) if (folder / NAME).exists() and not is_taken(folder / LOCK) else None


def _digest(data: bytes | None) -> str | None:
    return None if data is None else hashlib.sha256(data).hexdigest()


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _data(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
