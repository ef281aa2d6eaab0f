"""Metrics of several processes behind one port: each keeps its numbers in files, any of them answers for all.

A process is known by its number, not by its pid: who takes the place of a dead one goes on with its files, so
no counter ever falls and the folder does not grow. What is true only while a process lives (open sockets)
is left out as soon as its lock is free, however it ended.
"""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest, values
from prometheus_client.multiprocess import MultiProcessCollector

from ccops.backend.core.config import settings

_WITHIN_S = 2.0
_PAUSE_S = 0.02
_held: list[int] = []


class NumberTaken(Exception):
    """Another living process has this number."""


def join(folder: Path, number: int) -> None:
    """Keep this process' metrics in `folder`; to be called before the first metric is declared.

    Raises NumberTaken when a living process keeps its own there under the same number.
    """
    handle = os.open(_lock_of(folder, number), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    end = time.monotonic() + _WITHIN_S
    # A scrape by a sibling holds the lock for a moment to see whether we live.
    while not _locked(handle, fcntl.LOCK_EX):
        if time.monotonic() > end:
            os.close(handle)
            raise NumberTaken(f"process {number} of {folder} is alive")
        time.sleep(_PAUSE_S)
    _held.append(handle)
    for file in folder.glob(f"gauge_live*_{number}.db"):
        file.unlink(missing_ok=True)
    values.ValueClass = values.MultiProcessValue(lambda: number)  # type: ignore[no-untyped-call]


def exposition(folder: Path) -> bytes:
    """Return Prometheus text over all processes that keep their metrics in `folder`."""
    _forget_the_dead(folder)
    registry = CollectorRegistry()
    MultiProcessCollector(registry, str(folder))  # type: ignore[no-untyped-call]
    return generate_latest(registry)


def join_if_shared() -> None:
    """Join when this process has siblings."""
    if settings.prometheus_multiproc_dir:
        join(Path(settings.prometheus_multiproc_dir), settings.process_number)


def _forget_the_dead(folder: Path) -> None:
    for lock in folder.glob("*.lock"):
        number = int(lock.stem)
        live = list(folder.glob(f"gauge_live*_{number}.db"))
        if number != settings.process_number and live and _is_free(lock):
            for file in live:
                file.unlink(missing_ok=True)


def _is_free(lock: Path) -> bool:
    handle = os.open(lock, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return _locked(handle, fcntl.LOCK_SH)
    finally:
        os.close(handle)


def _locked(handle: int, kind: int) -> bool:
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _lock_of(folder: Path, number: int) -> Path:
    return folder / f"{number}.lock"
