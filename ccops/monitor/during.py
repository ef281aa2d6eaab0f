"""Run a command while the counters are watched."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence

from ccops.core.errors import UsageError
from ccops.monitor.counting import Growths
from ccops.monitor.scraping import Scraper
from ccops.monitor.wanted import Delta, Judged

_EVERY_S = 0.25
_END_S = 10.0
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
    """Ctrl-C reached the command as well; whoever does not end by it is ended."""
    try:
        child.wait(_END_S)
    except subprocess.TimeoutExpired:
        child.terminate()
        try:
            child.wait(_END_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
