"""Run a command while the counters are watched."""

from __future__ import annotations

import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from ccops.core.errors import UsageError
from ccops.monitor.counting import Growths
from ccops.monitor.scraping import Scraper
from ccops.monitor.wanted import Delta, Judged

_EVERY_S = 0.25
_END_S = 10.0
_SIGNALS = (signal.SIGTERM, signal.SIGHUP)
_STDERR = 2  # what the command prints must not be mixed with a report on stdout


def parse_command(text: str) -> list[str]:
    """Return the words of a command; no shell looks at it. Raises UsageError."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        words, said = [], str(error)
    else:
        said = "it is empty"
    if words:
        return words
    raise UsageError(
        "METRICS_COMMAND_INVALID",
        "--during holds no command",
        evidence=said,
        next_step="--during 'ccops smoke run legacy-ws'",
    )


def run_during(words: Sequence[str], scraper: Scraper, growths: Growths) -> int:
    """Run the command to its end and return its exit code; the counters are read all the while.

    Between two looks a process that dies takes what it had counted with it, so that they are close together.
    Raises UsageError when the command can't be started. On Ctrl-C its end is waited for, a while.
    """
    with _heard():
        return _run(words, scraper, growths)


def _run(words: Sequence[str], scraper: Scraper, growths: Growths) -> int:
    try:
        child = subprocess.Popen(_found(words), stdin=subprocess.DEVNULL, stdout=_STDERR)
    except OSError as error:
        raise UsageError(
            "METRICS_COMMAND_INVALID",
            f"{words[0]} can't be started",
            evidence=f"{type(error).__name__}: {error.strerror}",
            next_step="--during 'ccops smoke run legacy-ws'",
        ) from None
    try:
        while child.poll() is None:
            growths.feed(scraper.try_scrape())
            try:
                child.wait(_EVERY_S)
            except subprocess.TimeoutExpired:
                continue
    except BaseException:
        _end(child)
        raise
    return child.returncode


def _found(words: Sequence[str]) -> list[str]:
    """Let a command say `ccops`, also where the one that runs is not on PATH."""
    if words[0] == "ccops" and shutil.which("ccops") is None:
        return [sys.executable, "-m", "ccops", *words[1:]]
    return list(words)


def settle(deltas: Sequence[Delta], scraper: Scraper, growths: Growths, within_s: float) -> list[Judged]:
    """Return what was seen of `deltas` once all hold, or after `within_s`: what is counted later is late."""
    end = time.monotonic() + within_s
    while True:
        growths.feed(scraper.scrape())
        judged = [delta.judge(growths) for delta in deltas]
        if all(one.holds for one in judged) or time.monotonic() >= end:
            return judged
        time.sleep(min(_EVERY_S, max(0.0, end - time.monotonic())))


def _end(child: subprocess.Popen[bytes]) -> None:
    """Ctrl-C reached the command as well; what does not end by it is ended, and at a second one at once."""
    try:
        with suppress(subprocess.TimeoutExpired):
            child.wait(_END_S)
        if child.poll() is None:
            child.terminate()
            with suppress(subprocess.TimeoutExpired):
                child.wait(_END_S)
    finally:
        if child.poll() is None:
            child.kill()
            child.wait()


@contextmanager
def _heard() -> Iterator[None]:
    """Take SIGTERM and SIGHUP for Ctrl-C, where nobody else does: the command must not outlive us."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    alone = [one for one in _SIGNALS if signal.getsignal(one) is signal.SIG_DFL]
    for number in alone:
        signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number in alone:
            signal.signal(number, signal.SIG_DFL)
