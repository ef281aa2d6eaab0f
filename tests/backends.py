"""More backend processes on the stores of a running stack, behind a gate that can be shut."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from ccops.core.profile import Profile
from tests.web import web

_SERVE = "import sys; {patch}\nfrom ccops.backend import serve; sys.exit(serve.main())"
_WORK = "import sys; {patch}\nfrom ccops.backend import worker; sys.exit(worker.main(['--roles', {roles!r}]))"
_numbers = itertools.count(1)


def free_port() -> int:
    """Return a port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def secrets_of(profile: Profile) -> dict[str, str]:
    """Return the generated keys of a stack: of tokens, webhooks and personal data."""
    lines = (profile.state_dir / "secrets.env").read_text(encoding="utf-8").splitlines()
    found = dict(line.split("=", 1) for line in lines if "=" in line)
    return {name: found[name] for name in ("JWT_KEYS", "WEBHOOK_SECRETS", "PII_KEYS")}


@dataclass
class Process:
    """A backend or worker process of a test."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path
    ready: str = "/health/ready"

    def kill(self) -> None:
        """Kill -9."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)


def start(profile: Profile, folder: Path, *, patch: str = "", roles: str = "", **settings: str) -> Process:
    """Start a backend on the stores of `profile` without waiting; `patch` is Python that runs in it first.

    With `roles` it is a worker that has these roles.
    """
    port, number = free_port(), next(_numbers)
    env = secrets_of(profile) | {
        "PATH": os.environ["PATH"],
        "APP_ENV": profile.env,
        **profile.backend_settings(),
        "DATABASE_URL": profile.get("CCOPS_DATABASE_URL"),
        "REDIS_URL": profile.get("CCOPS_REDIS_URL"),
        "WORKER_HTTP_PORT" if roles else "HTTP_PORT": str(port),
        **settings,
    }
    log = folder / f"backend-{number}.log"
    with log.open("wb") as out:
        argv = [sys.executable, "-c", (_WORK if roles else _SERVE).format(patch=patch, roles=roles)]
        process = subprocess.Popen(argv, env=env, stdout=out, stderr=subprocess.STDOUT)
    return Process(f"http://127.0.0.1:{port}", process, log, "/health" if roles else "/health/ready")


def wait_ready(one: Process, seconds: float = 30.0) -> None:
    """Wait until the backend and its stores answer; fail with its log when it ends before."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert one.process.poll() is None, one.log.read_text(encoding="utf-8", errors="replace")[-3000:]
        with contextlib.suppress(httpx.HTTPError):
            if web.get(f"{one.url}{one.ready}", timeout=2).status_code == 200:
                return
        time.sleep(0.05)
    raise AssertionError(f"not ready after {seconds:g} s: {one.log.read_text(errors='replace')[-3000:]}")


def stop(one: Process) -> None:
    """Stop a backend; one that was killed is stopped already."""
    if one.process.poll() is None:
        one.process.terminate()
    try:
        one.process.wait(12)
    except subprocess.TimeoutExpired:
        one.process.kill()
        one.process.wait(5)
        raise


@contextmanager
def running(
    profile: Profile, folder: Path, *, patch: str = "", roles: str = "", **settings: str
) -> Iterator[Process]:
    """Run a backend (a worker with `roles`) of one's own until the block ends."""
    one = start(profile, folder, patch=patch, roles=roles, **settings)
    try:
        wait_ready(one)
        yield one
    finally:
        stop(one)


class Gate:
    """A TCP proxy to one server; `shut` ends every connection and refuses new ones."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._target = (parts.hostname or "127.0.0.1", parts.port or 0)
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._server: asyncio.Server | None = None
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._call(self._open())
        assert self._server is not None
        port = self._server.sockets[0].getsockname()[1]
        self.url = url.replace(f"{parts.hostname}:{parts.port}", f"127.0.0.1:{port}")

    def shut(self) -> None:
        self._call(self._shut())

    def close(self) -> None:
        self.shut()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    def _call(self, job: object) -> None:
        asyncio.run_coroutine_threadsafe(job, self._loop).result(5)  # type: ignore[arg-type]

    async def _open(self) -> None:
        self._server = await asyncio.start_server(self._one, "127.0.0.1", 0)

    async def _shut(self) -> None:
        if self._server is not None:
            self._server.close()
        for writer in list(self._writers):
            writer.transport.abort()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(*self._target)
        self._writers |= {writer, back}
        await asyncio.gather(self._pump(reader, back), self._pump(there, writer))
        self._writers -= {writer, back}

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()
