"""Revisions that are released must not change: their digests are kept beside the project.

`released.lock` holds `revision sha256` a line, sorted, so that two branches that release different revisions
merge without conflict. Line ends and a byte order mark are no change: git itself may rewrite them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from ccops.core.atomic import write_whole
from ccops.core.errors import UsageError
from ccops.migrations.config import AlembicConfig
from ccops.migrations.files import read_file
from ccops.migrations.revision import Revision

_HEAD = "# Digests of released migrations, written by: ccops alembic release --apply\n"


def lock_path(config: AlembicConfig) -> Path:
    """Return where the digests are kept."""
    return config.script_location / "released.lock"


def digest(source: bytes) -> str:
    """Return the digest of a migration's text, whatever its line ends."""
    plain = source.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n")
    return hashlib.sha256(plain).hexdigest()


def read_lock(path: Path) -> Mapping[str, str]:
    """Return digest by revision; {} when nothing was released yet. Raises UsageError for a broken file."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise _broken(path, f"{path}: {error}") from None
    return lock_in(text, path)


def lock_in(text: str, path: Path) -> Mapping[str, str]:
    """Return digest by revision of a lock's text. Raises UsageError for a broken one."""
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if not words or line.startswith("#"):
            continue
        if len(words) != 2 or len(words[1]) != 64 or found.get(words[0], words[1]) != words[1]:
            why = f"{line[:80]!r} is not REVISION SHA256, or names a revision twice"
            raise _broken(path, f"{path}:{number}: {why}")
        found[words[0]] = words[1]
    return found


def _broken(path: Path, why: str) -> UsageError:
    return UsageError(
        "ALEMBIC_LOCK_INVALID",
        "the digests of released migrations can't be read",
        evidence=why,
        next_step=f"git checkout -- {path}",
    )


def new_lock(old: Mapping[str, str], revisions: Iterable[Revision]) -> str:
    """Return the text of a lock that holds `revisions` as they are now, besides what it held before."""
    found = dict(old) | {revision.id: digest(read_file(revision.path)) for revision in revisions}
    return _HEAD + "".join(f"{ident} {found[ident]}\n" for ident in sorted(found))


def write_lock(path: Path, text: str) -> None:
    """Write the lock whole or not at all."""
    write_whole(path, text, mode=0o644)
