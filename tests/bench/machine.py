"""Processes and the machine: clean environments, wall clocks, memory, and how busy others keep the cores."""

from __future__ import annotations

import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psutil

ROOT = Path(__file__).resolve().parents[2]
CCOPS = Path(sys.executable).with_name("ccops")
_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "USER", "LOGNAME", "TMPDIR")


class BenchFailed(Exception):
    """A bench could not measure: what could not be looked at is no figure."""


class BenchSkipped(Exception):
    """A bench can't run on this machine, which is nobody's fault; the text says why."""


@dataclass(frozen=True, slots=True)
class Timed:
    """How a process ended, its wall and CPU seconds, and when its first line of output came."""

    code: int
    out: str
    err: str
    seconds: float
    cpu_s: float
    first_line_s: float


def clean_env(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return a plain shell's environment: no CCOPS_ leftovers, and Python may keep its bytecode."""
    kept = {key: os.environ[key] for key in _KEPT if key in os.environ}
    return {**kept, "NO_COLOR": "1", "COLUMNS": "120", **(extra or {})}


def timed(argv: Sequence[str], env: Mapping[str, str], timeout_s: float = 300) -> Timed:
    """Run `argv` to its end, from before the fork to after the exit."""
    used = _children_cpu_s()
    began = time.perf_counter()
    # Errors go to a file: two pipes and a first line read on its own would lose what came with it.
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8") as errors,
        subprocess.Popen(
            argv,
            env=dict(env),
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as process,
    ):
        assert process.stdout is not None
        watchdog = threading.Timer(timeout_s, process.kill)
        watchdog.start()
        try:
            first = process.stdout.readline()
            first_s = time.perf_counter() - began
            rest = process.stdout.read()
            process.wait()
        except BaseException:
            process.kill()
            raise
        finally:
            watchdog.cancel()
        seconds = time.perf_counter() - began
        errors.seek(0)
        said = errors.read()
    return Timed(process.returncode, first + rest, said, seconds, _children_cpu_s() - used, first_s)


def _children_cpu_s() -> float:
    """Return the CPU seconds of all ended children: a clock that a busy machine does not stretch."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def ccops(*args: str, home: Path, timeout_s: float = 300) -> Timed:
    """Run the `ccops` command as a person would."""
    return timed([str(CCOPS), *args], clean_env({"CCOPS_HOME": str(home)}), timeout_s)


def checked(done: Timed, what: str) -> Timed:
    """Return `done`. Raises BenchFailed with its last words when it did not exit 0."""
    if done.code != 0:
        words = (done.err.strip() or done.out.strip())[-600:]
        raise BenchFailed(f"{what} exited {done.code}: {words}")
    return done


def python_pass_s(times: int = 5) -> float:
    """Return the median seconds of `python -c pass`: how fast this machine is at this moment."""
    argv = [sys.executable, "-c", "pass"]
    return statistics.median(timed(argv, clean_env()).seconds for _ in range(times))


def owner_of(address: str) -> int:
    """Return the pid that listens on the port of `address`: the program itself, not a wrapper."""
    port = port_of(address)
    for connection in psutil.net_connections("tcp"):
        if connection.status == psutil.CONN_LISTEN and connection.laddr[1:] == (port,) and connection.pid:
            return int(connection.pid)
    raise BenchFailed(f"nobody listens on port {port}")


def port_of(address: str) -> int:
    """Return the port of a URL or of `host:port`."""
    port = urlsplit(address if "://" in address else f"tcp://{address}").port
    if port is None:
        raise BenchFailed("an address without a port")
    return port


@dataclass(frozen=True, slots=True)
class Memory:
    """Of one or more processes in MB (10^6 bytes). `whole` counts files as if nobody else had them mapped."""

    pss: float = 0.0
    whole: float = 0.0

    def __add__(self, other: Memory) -> Memory:
        return Memory(self.pss + other.pss, self.whole + other.whole)


def memory_of(pid: int) -> Memory:
    """Return the proportional set size of `pid` and its upper bound; nothing when it is gone."""
    try:
        rollup = _kilobytes(Path(f"/proc/{pid}/smaps_rollup"))
        files = _kilobytes(Path(f"/proc/{pid}/status")).get("RssFile", 0)
    except (FileNotFoundError, ProcessLookupError):
        return Memory()
    except PermissionError as err:
        raise BenchFailed(f"the memory of pid {pid} can't be read by this user") from err
    own = rollup["Pss"] - rollup["Pss_File"]
    return Memory(rollup["Pss"] * 1024 / 1e6, (own + files) * 1024 / 1e6)


def _kilobytes(path: Path) -> dict[str, int]:
    lines = (line.split() for line in path.read_text(encoding="utf-8").splitlines())
    return {words[0].rstrip(":"): int(words[1]) for words in lines if words[-1:] == ["kB"]}


def tree_cpu_s(pid: int) -> float:
    """Return the CPU seconds that `pid`, its living descendants and their ended children used so far."""
    root = psutil.Process(pid)
    total = 0.0
    for process in (root, *root.children(recursive=True)):
        try:
            used = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += used.user + used.system + used.children_user + used.children_system
    return total


def other_stacks(mine: int) -> int:
    """Return how many supervisors besides `mine` run here: they share pages and cores with ours."""
    count = 0
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or ()
        count += process.pid != mine and "ccops.stack.supervise" in words
    return count


def description() -> dict[str, object]:
    """Return what the figures were measured on, without names and dates."""
    return {
        "cores": os.cpu_count() or 0,
        "memory_gb": round(psutil.virtual_memory().total / 1e9),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "prometheus": any((Path(one) / "prometheus").is_file() for one in os.get_exec_path()),
    }
