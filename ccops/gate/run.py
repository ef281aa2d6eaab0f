"""Run checks as the commands they are: what the gate judges is what a person would see.

Each is a process of its own: one that hangs, crashes or leaks can't colour another's result.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import IO

from ccops.core import evidence
from ccops.core.clock import Clock
from ccops.core.errors import ExitCode
from ccops.core.masking import mask_urls
from ccops.core.places import printable
from ccops.gate.envelope import envelope_in
from ccops.gate.model import Check, Outcome, Verdict, verdict_of

# A rehearsal stops a whole stack before it ends.
_TERM_S = 45.0
_LOOK_S = 0.02


@dataclass(frozen=True, slots=True)
class Ground:
    """What a run of the gate stands on. `root` is the project, `evidence` the folder for what is found."""

    env: str
    root: Path
    evidence: Path
    versions: Mapping[str, str]
    clock: Clock
    program: tuple[str, ...] = (sys.executable, "-m", "ccops")


class Running:
    """The processes under way, so that Ctrl-C ends them and all they started.

    closed   nothing more begins (--fail-fast)
    stopped  what runs is being ended
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pids: set[int] = set()
        self.closed = False
        self.stopped = False

    @contextmanager
    def started(
        self, argv: Sequence[str], env: Mapping[str, str], cwd: Path, out: IO[bytes], errors: IO[bytes]
    ) -> Iterator[subprocess.Popen[bytes]]:
        """Start `argv` in a session of its own; whatever is left of it is ended on the way out."""
        with self._lock:
            child = subprocess.Popen(
                argv, env=dict(env), cwd=cwd, stdin=subprocess.DEVNULL, stdout=out, stderr=errors,
                start_new_session=True,
            )  # fmt: skip
            self._pids.add(child.pid)
            if self.stopped:
                _signal(child.pid, signal.SIGTERM)
        try:
            yield child
        finally:
            with self._lock:
                self._pids.discard(child.pid)
            if child.poll() is None:
                _end(child)

    def stop(self) -> None:
        """End everything that runs: a command cleans up behind itself on SIGINT, or is killed."""
        with self._lock:
            self.closed = self.stopped = True
            for pid in self._pids:
                _signal(pid, signal.SIGINT)
        late = threading.Timer(_TERM_S, self._kill)
        late.daemon = True
        late.start()

    def _kill(self) -> None:
        with self._lock:
            for pid in self._pids:
                _signal(pid, signal.SIGKILL)


def run_all(
    checks: Sequence[Check],
    ground: Ground,
    *,
    jobs: int = 2,
    fail_fast: bool = False,
    told: Callable[[Outcome], None] = lambda _: None,
) -> list[Outcome]:
    """Run `checks`, `jobs` at a time, those marked `alone` one by one behind the others.

    Returns the outcomes in the order of `checks`. With `fail_fast` what has not begun is SKIPPED after the
    first one that is not ok. Raises KeyboardInterrupt after everything was ended.
    """
    running = Running()
    ended: dict[str, Outcome] = {}

    def one(check: Check) -> Outcome:
        if running.closed:
            return Outcome(check, Verdict.SKIPPED, ExitCode.OK, 0.0, "not begun: another check failed")
        return run(check, ground, running)

    def done(outcome: Outcome) -> None:
        ended[outcome.check.name] = outcome
        told(outcome)
        if fail_fast and outcome.verdict in {Verdict.FAILED, Verdict.NOT_RUN}:
            running.closed = True

    together = [check for check in checks if not check.alone]
    with ThreadPoolExecutor(max_workers=max(1, jobs)) as pool:
        try:
            waiting: list[Future[Outcome]] = [pool.submit(one, check) for check in together]
            for future in as_completed(waiting):
                done(future.result())
            for check in (check for check in checks if check.alone):
                done(pool.submit(one, check).result())
        except BaseException:
            running.stop()
            raise
    return [ended[check.name] for check in checks]


def run(check: Check, ground: Ground, running: Running | None = None) -> Outcome:
    """Run one check and keep its evidence."""
    words = words_of(check, ground)
    # Before it runs: what changes meanwhile was not what it looked at.
    inputs = evidence.digests(ground.root, check.inputs)
    started, began = ground.clock.now(), ground.clock.monotonic()
    code, out, said = _call(check, (*ground.program, *words, "-o", "json"), ground, running or Running())
    seconds = ground.clock.monotonic() - began
    envelope = envelope_in(out)
    if code == ExitCode.OK and envelope is None:
        code, said = int(ExitCode.BUG), "the command ended with 0 and printed no result"
    kept = _keep(check, ground, words, code, started, seconds, inputs, envelope)
    issues = envelope.get("issues") if envelope else None
    listed = tuple(one for one in issues if isinstance(one, dict)) if isinstance(issues, list) else ()
    known = ExitCode(code) if code in set(ExitCode) else ExitCode.BUG
    outcome = Outcome(check, verdict_of(known), known, seconds, _summary(listed, said, known), listed, kept)
    if outcome.verdict is Verdict.OK:
        warnings = sum(issue.get("severity") == "warning" for issue in listed)
        return replace(outcome, summary=f"{warnings} warnings" if warnings else "")
    return outcome


def words_of(check: Check, ground: Ground) -> tuple[str, ...]:
    """Return the words after `ccops`: `{env}` filled in, `{scenarios}` as all names of the project's."""
    found: list[str] = []
    for word in check.argv:
        if word == "{scenarios}":
            found += sorted(path.stem for path in (ground.root / "scenarios").glob("*.yaml"))
        else:
            found.append(word.replace("{env}", ground.env))
    return tuple(found)


def _call(check: Check, argv: Sequence[str], ground: Ground, running: Running) -> tuple[int, bytes, str]:
    environ = {**os.environ, "NO_COLOR": "1", "CCOPS_ENV": ground.env}
    environ.pop("CCOPS_OUTPUT", None)
    # Files and no pipes: a pipe stays open as long as any program that the check left behind.
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        try:
            with running.started(argv, environ, ground.root, out, errors) as child:
                _until_end(child, check.timeout_s)
                # What it started and left in its group; until it is reaped the group's number is its own.
                _signal(child.pid, signal.SIGKILL)
                code = child.wait()
        except subprocess.TimeoutExpired:
            return int(ExitCode.UNREACHABLE), b"", f"no result within {check.timeout_s:g} s"
        except OSError as error:
            return int(ExitCode.UNREACHABLE), b"", f"it could not be started: {error.strerror}"
        out.seek(0)
        errors.seek(0)
        if code < 0:
            return int(ExitCode.BUG), out.read(), f"ended by {signal.Signals(-code).name}"
        return code, out.read(), errors.read().decode("utf-8", "replace").strip()


def _until_end(child: subprocess.Popen[bytes], timeout_s: float) -> None:
    """Wait until the program has ended, without reaping it. Raises TimeoutExpired."""
    deadline = time.monotonic() + timeout_s
    while os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is None:
        if time.monotonic() > deadline:
            raise subprocess.TimeoutExpired(child.args, timeout_s)
        time.sleep(_LOOK_S)


def _end(child: subprocess.Popen[bytes]) -> None:
    _signal(child.pid, signal.SIGINT)
    try:
        child.wait(_TERM_S)
    except subprocess.TimeoutExpired:
        _signal(child.pid, signal.SIGKILL)
        child.wait()


def _signal(pid: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(pid, number)


def _summary(issues: Sequence[Mapping[str, object]], said: str, code: ExitCode) -> str:
    errors = [issue for issue in issues if issue.get("severity") == "error"]
    for issue in (*errors, *issues):
        more = f" (+{len(errors) - 1})" if len(errors) > 1 else ""
        return printable(" ".join(f"{issue.get('code')}: {issue.get('message')}{more}".split()))
    return (
        printable(mask_urls(said.splitlines()[-1][:200]))
        if said
        else f"ended with {int(code)} and gave no reason"
    )


def _keep(
    check: Check, ground: Ground, words: Sequence[str], code: int, started: datetime, seconds: float,
    inputs: Mapping[str, str], envelope: dict[str, object] | None,
) -> Path:  # fmt: skip
    return evidence.write(
        ground.evidence,
        evidence.Evidence(
            check.name, ground.env, ("ccops", *map(mask_urls, words)), code, started, int(seconds * 1000),
            inputs, ground.versions, envelope,
        ),
    )  # fmt: skip
