"""Follow the containers' logs: one reader a container, merged in the order of time, through restarts."""

from __future__ import annotations

import queue
import re
import threading
import time
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from ccops.clients.docker import Container, Docker, LogStream, open_docker
from ccops.core.profile import Profile
from ccops.stack.compose.failures import stack_down
from ccops.stack.compose.logs import Stamped, checked, chosen, last, newest, stamped, wanted
from ccops.stack.logview import Line

# How long a line waits for one that is older and comes from another container.
_HOLD_S = 0.2
# How often to look for containers that came back, are new, or are gone.
_LOOK_S = 1.0
_END_S = 2.0


def follow(
    profile: Profile, services: Iterable[str], lines: int, grep: re.Pattern[str] | None = None
) -> Generator[Line]:
    """Yield the last `lines` matching lines of `services` (none: all), then new ones for ever.

    A container that is restarted, made anew or added is read on without a gap or a repetition. Closing the
    generator ends every reader. Raises Unreachable when there is no container at first, or no engine.
    """
    names = checked(services)
    with open_docker() as docker:
        found = chosen(docker, profile, names)
        if not found:
            raise stack_down(profile)
        before = {name: last(name, one, lines, grep) for name, one in found.items()}
        for item in newest((one for some in before.values() for one in some), lines, grep):
            yield item.line
        readers = _Readers({_id(one): _newest_stamp(before[name]) for name, one in found.items()})
        try:
            yield from _merged(docker, profile, names, readers, grep)
        finally:
            readers.close()


def _merged(
    docker: Docker, profile: Profile, names: tuple[str, ...], readers: _Readers, grep: re.Pattern[str] | None
) -> Iterator[Line]:
    """Yield what the readers read, each line once none older can come any more."""
    waiting: list[tuple[float, Stamped]] = []
    looked = 0.0
    while True:
        if time.monotonic() - looked >= _LOOK_S:
            readers.attend(chosen(docker, profile, names))
            looked = time.monotonic()
        waiting += [(time.monotonic(), item) for item in readers.read(_HOLD_S / 2) if wanted(item, grep)]
        due = [item.at_ns for came, item in waiting if time.monotonic() - came >= _HOLD_S]
        if due:
            until = max(due)
            ready = sorted((one for _, one in waiting if one.at_ns <= until), key=lambda one: one.at_ns)
            waiting = [(came, one) for came, one in waiting if one.at_ns > until]
            yield from (one.line for one in ready)


@dataclass(slots=True)
class _Readers:
    """The readers by container. `since` has the stamp of the last line that is known of each container."""

    since: dict[str, int]
    _lines: queue.SimpleQueue[Stamped] = field(default_factory=queue.SimpleQueue)
    _running: dict[str, _Reader] = field(default_factory=dict)
    _seen: dict[str, str] = field(default_factory=dict)

    def attend(self, containers: Mapping[str, Container]) -> None:
        """Start a reader for each container that has none and may have something new to say."""
        for name, container in containers.items():
            ident, run, alive = _id(container), *_run(container)
            reader = self._running.get(ident)
            if reader is not None and reader.is_alive():
                continue
            if reader is not None:
                self.since[ident] = reader.last_ns
            # One that ended is read once more: what it said last may not have been seen.
            if alive or self._seen.get(ident) != run:
                self._seen[ident] = run
                self._running[ident] = _Reader(name, container, self.since.get(ident, 0), self._lines)
                self._running[ident].start()

    def read(self, timeout_s: float) -> list[Stamped]:
        """Return what was read since the last call; waits up to `timeout_s` for the first line."""
        found: list[Stamped] = []
        with suppress(queue.Empty):
            found.append(self._lines.get(timeout=timeout_s))
            while True:
                found.append(self._lines.get_nowait())
        return found

    def close(self) -> None:
        """End every reader."""
        for reader in self._running.values():
            reader.stop()
        end = time.monotonic() + _END_S
        for reader in self._running.values():
            reader.join(max(0.0, end - time.monotonic()))


class _Reader(threading.Thread):
    """Reads one run of one container; `last_ns` is the stamp of the last line it passed on."""

    def __init__(
        self, service: str, container: Container, since_ns: int, lines: queue.SimpleQueue[Stamped]
    ) -> None:
        super().__init__(name=f"logs-{service}", daemon=True)
        self.last_ns = self._since_ns = since_ns
        self._service, self._container, self._lines = service, container, lines
        self._lock = threading.Lock()
        self._stopped = False
        self._stream: LogStream | None = None

    def run(self) -> None:
        """Read until the container ends or `stop` is called."""
        # The engine takes whole seconds here; what is known of that second is left out below.
        since = max(1, self._since_ns // 10**9)
        rest = b""
        # However the stream breaks, whoever started this looks again, and finds what the reason was.
        with suppress(Exception):
            stream = self._container.logs(stream=True, follow=True, timestamps=True, since=since)
            with self._lock:
                self._stream = stream
                if self._stopped:
                    stream.close()
            for chunk in stream:
                *whole, rest = (rest + chunk).split(b"\n")
                for raw in whole:
                    self._pass_on(raw)
        if rest:
            self._pass_on(rest)

    def stop(self) -> None:
        """Make `run` end soon; callable from another thread."""
        with self._lock, suppress(Exception):  # it may just have ended by itself
            self._stopped = True
            if self._stream is not None:
                self._stream.close()

    def _pass_on(self, raw: bytes) -> None:
        item = stamped(self._service, raw.decode("utf-8", "replace").rstrip("\r"))
        # Not against the line before: stdout and stderr of a container overtake each other.
        if self._stopped or 0 < item.at_ns <= self._since_ns:
            return
        self.last_ns = max(self.last_ns, item.at_ns)
        self._lines.put(item)


def _id(container: Container) -> str:
    return str(container.attrs.get("Id", ""))


def _run(container: Container) -> tuple[str, bool]:
    """Return what is another at every start of the container, and whether it runs now."""
    state = container.attrs.get("State")
    if not isinstance(state, dict):
        return "", False
    return str(state.get("StartedAt")), state.get("Status") == "running"


def _newest_stamp(lines: Iterable[Stamped]) -> int:
    return max((one.at_ns for one in lines), default=0)
