"""Runs that have begun and not ended, and the lock that lets one be at work at a time."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from ccops.core.errors import Refused
from ccops.core.lock import take
from ccops.kafka.files import json_files, remove, unwritable, write_durably
from ccops.kafka.snapshot import Who

PREPARED = "prepared"
WRITING = "writing"


@dataclass(frozen=True, slots=True)
class Entry:
    """A run on disk: until `phase` is writing nothing was changed in the cluster."""

    path: Path
    who: Who
    action: str
    group: str
    cluster: str
    snapshot: Path
    phase: str = PREPARED
    silenced: bool = False


def write(entry: Entry) -> Entry:
    """Put `entry` on disk and return it. Raises Refused when it can't be written."""
    body = {
        "schema": "ccops.kafka.run/v1",
        "run_id": entry.who.run_id,
        "actor": entry.who.actor,
        "reason": entry.who.reason,
        "action": entry.action,
        "group": entry.group,
        "cluster": entry.cluster,
        "snapshot": str(entry.snapshot),
        "phase": entry.phase,
        "silenced": entry.silenced,
    }
    write_durably(entry.path, json.dumps(body, indent=1))
    return entry


def writing(entry: Entry) -> Entry:
    """Put on disk that the write is about to be sent."""
    return write(replace(entry, phase=WRITING))


def close(entry: Entry) -> None:
    """Forget the run: its end is in the audit log."""
    remove(entry.path)


def unfinished(folder: Path) -> list[Entry]:
    """Return the runs that have not ended, oldest first; under the lock they are dead."""
    found: list[Entry] = []
    for path in json_files(folder / "runs"):
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            who = Who(str(data["run_id"]), str(data["actor"]), str(data["reason"]))
            snapshot = Path(str(data["snapshot"]))
            names = (str(data["action"]), str(data["group"]), str(data["cluster"]))
            found.append(Entry(path, who, *names, snapshot, str(data["phase"]), data["silenced"] is True))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise Refused(
                "KAFKA_RUN_UNREADABLE",
                f"{path} should hold an interrupted run and can't be read",
                evidence=f"{type(error).__name__}: {error}",
                next_step="look at kafka/audit.jsonl and the snapshot, then remove the file",
            ) from None
    return found


@contextmanager
def locked(folder: Path, who: Who, name: str = "lock") -> Iterator[None]:
    """Hold the lock of `folder`. Raises Refused when another operator holds it; the kernel frees it."""
    path = folder / name
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = take(path)
    except BlockingIOError:
        holder = path.read_text(encoding="utf-8", errors="replace")[:400].strip()
        raise Refused(
            "KAFKA_LOCKED",
            "another operator is moving offsets here",
            evidence=holder or "they have not written their name yet",
            next_step="wait for them, then plan again: the offsets will have moved",
        ) from None
    except OSError as error:
        raise unwritable(path, error) from None
    try:
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{who.run_id} by {who.actor}, pid {os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(handle)
