"""Questions about the machine: Python, folders, disk, memory, kernel features, time."""

from __future__ import annotations

import ctypes
import os
import shutil
import socket
import sys
import tempfile
import time
from pathlib import Path

from ccops.core.profile import Profile
from ccops.stack.finding import Finding, Question, fail, good, skip, warn
from ccops.stack.service import HOST

_DISK_FAIL_MB, _DISK_WARN_MB = 300, 1000
_MEMORY_WARN_MB = 800
_FILES_NEEDED = 1024
_PR_GET_PDEATHSIG = 2
_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - where POSIX shared memory lives, nothing of ours


def python(_: Profile) -> Finding:
    """Check the interpreter: the wheels of the servers exist for 64-bit only."""
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.maxsize < 2**32:
        return fail(f"Python {version} is 32-bit", "make the venv with a 64-bit Python")
    return good(f"Python {version} at {sys.executable}")


def platform(_: Profile) -> Finding:
    """Check that the kernel ends children whose supervisor died."""
    if sys.platform != "linux":
        return fail(
            f"{sys.platform}: only Linux is supported", "run ccops on Linux (a VM or a container is fine)"
        )
    signal = ctypes.c_int()
    if ctypes.CDLL(None).prctl(_PR_GET_PDEATHSIG, ctypes.byref(signal), 0, 0, 0) != 0:
        return warn(
            "prctl(PDEATHSIG) is forbidden", "a killed supervisor will leave processes: ccops down ends them"
        )
    return good(f"Linux {os.uname().release} {os.uname().machine}")


def state_folder(profile: Profile) -> Finding:
    """Check that the state folder can be made and written, by trying."""
    folder = profile.state_dir
    place = next(parent for parent in (folder, *folder.parents) if parent.exists())
    try:
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as err:
        return fail(f"{place} can't be written: {err.strerror}", "set CCOPS_HOME to a folder of yours")
    if folder.exists() and folder.stat().st_uid != os.geteuid() and os.geteuid() != 0:
        return fail(f"{folder} belongs to user {folder.stat().st_uid}", "set CCOPS_HOME to a folder of yours")
    return good(str(folder))


def disk(profile: Profile) -> Finding:
    """Check the free space where the data goes."""
    place = next(parent for parent in (profile.state_dir, *profile.state_dir.parents) if parent.exists())
    return disk_at(place)


def disk_at(place: Path) -> Finding:
    """Check the free space at `place`."""
    free = shutil.disk_usage(place).free // 2**20
    if free < _DISK_FAIL_MB:
        return fail(
            f"{free} MB free at {place}", f"free {_DISK_FAIL_MB} MB, or set CCOPS_HOME to another disk"
        )
    if free < _DISK_WARN_MB:
        return warn(f"{free} MB free at {place}", "enough to start; write-ahead logs grow under load")
    return good(f"{free} MB free at {place}")


def memory(_: Profile) -> Finding:
    """Check the memory that is left: the whole stack takes about 650 MB."""
    import psutil

    free = psutil.virtual_memory().available // 2**20
    if free < _MEMORY_WARN_MB:
        return warn(
            f"{free} MB available", f"the stack wants about {_MEMORY_WARN_MB} MB; start fewer services"
        )
    return good(f"{free} MB available")


def open_files(_: Profile) -> Finding:
    """Check how many files a process may open."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < _FILES_NEEDED:
        return warn(f"{soft} open files per process (hard limit {hard})", f"ulimit -n {_FILES_NEEDED}")
    return good(f"{soft} open files per process")


def shared_memory(_: Profile) -> Finding:
    """Check /dev/shm, which PostgreSQL needs."""
    place = _SHARED_MEMORY
    if not os.access(place, os.W_OK):
        return fail(f"{place} can't be written", "mount a tmpfs on /dev/shm (docker run --shm-size=128m)")
    free = shutil.disk_usage(place).free // 2**20
    if free < 32:
        return warn(f"{place} has {free} MB", "give it 64 MB or more (docker run --shm-size=128m)")
    return good(f"{place} has {free} MB")


def loopback(_: Profile) -> Finding:
    """Check that a socket on the loopback address works both ways."""
    try:
        with socket.create_server((HOST, 0)) as server, socket.create_connection(server.getsockname(), 2):
            return good(f"{HOST} accepts connections")
    except OSError as err:
        return fail(f"{HOST} does not work: {err}", "bring the loopback interface up: ip link set lo up")


def clock(_: Profile) -> Finding:
    """Check that the clock is not absurd: tokens and retention are judged by it."""
    year = time.gmtime().tm_year
    if not 2025 <= year <= 2100:
        return fail(f"the clock says year {year}", "set the clock; tokens and Kafka retention depend on it")
    return good(time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()))


def docker(_: Profile) -> Finding:
    """Say whether Docker is there; nothing here needs it."""
    found = shutil.which("docker")
    return good(f"docker at {found} (not needed)") if found else skip("no docker (not needed)")


QUESTIONS: dict[str, Question] = {
    "python": python,
    "platform": platform,
    "state-folder": state_folder,
    "disk": disk,
    "memory": memory,
    "open-files": open_files,
    "shared-memory": shared_memory,
    "loopback": loopback,
    "clock": clock,
    "docker": docker,
}
