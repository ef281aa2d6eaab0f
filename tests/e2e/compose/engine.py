"""A Docker engine of our own: private data, private socket, gone at the end. Needs root on Debian."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PACKAGES = {"dockerd": "docker.io", "docker-compose": "docker-compose", "debootstrap": "debootstrap"}
_START_S = 60.0


class NoEngine(Exception):
    """No engine can run here; the text says why, with the engine's own last words."""


@dataclass(frozen=True, slots=True)
class Engine:
    """A running engine and the folder that is removed with it."""

    root: Path

    @property
    def env(self) -> dict[str, str]:
        """What points a client at it. The old builder: it needs no plug-in and no registry."""
        return {"DOCKER_HOST": f"unix://{self.root}/docker.sock", "DOCKER_BUILDKIT": "0"}

    def docker(self, *words: str, stdin: object = None) -> str:
        """Return what `docker WORDS` writes. Raises CalledProcessError, whose text has both streams."""
        done = subprocess.run(
            ["docker", *words],
            env={**os.environ, **self.env},
            stdin=stdin,  # type: ignore[call-overload]
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"docker {' '.join(words)[:200]}: {done.stdout[-1500:]}{done.stderr[-1500:]}")
        return done.stdout.strip()


@contextmanager
def running() -> Iterator[Engine]:
    """Yield an engine of our own. Raises NoEngine.

    CCOPS_E2E_ENGINE names the folder of one that somebody keeps (docker.sock in it): for writing these tests.
    """
    if kept := os.environ.get("CCOPS_E2E_ENGINE"):
        yield Engine(Path(kept))
        return
    if os.geteuid() != 0:
        raise NoEngine("only root can start a Docker engine")
    _install()
    # Short: the path of a socket has 107 bytes at most.
    root = Path(tempfile.mkdtemp(prefix="ccops-dk-", dir="/tmp"))
    engine = Engine(root)
    with (root / "dockerd.log").open("wb") as log:
        daemon = subprocess.Popen(
            [
                *("dockerd", "--data-root", str(root / "data"), "--exec-root", str(root / "exec")),
                *("-H", f"unix://{root}/docker.sock", "--pidfile", str(root / "pid")),
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        _wait(engine, daemon)
        yield engine
    finally:
        daemon.terminate()
        try:
            daemon.wait(60)
        except subprocess.TimeoutExpired:
            daemon.kill()
            daemon.wait()
        _unmount(root)
        shutil.rmtree(root, ignore_errors=True)


def _install() -> None:
    missing = [package for program, package in PACKAGES.items() if shutil.which(program) is None]
    if not missing:
        return
    if shutil.which("apt-get") is None:
        raise NoEngine(f"not installed, and there is no apt-get: {', '.join(missing)}")
    env: Mapping[str, str] = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    for words in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", *missing]):
        done = subprocess.run(["apt-get", *words], env=env, capture_output=True, text=True, check=False)
        if done.returncode:
            raise NoEngine(f"apt-get {words[0]}: {done.stderr[-500:]}")


def _wait(engine: Engine, daemon: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + _START_S
    while True:
        try:
            engine.docker("version")
        except RuntimeError as err:
            if daemon.poll() is not None or time.monotonic() > end:
                log = (engine.root / "dockerd.log").read_text("utf-8", "replace")
                raise NoEngine(f"{str(err)[-200:]}\ndockerd said:\n{log[-2500:]}") from None
        else:
            return
        time.sleep(0.5)


def _unmount(root: Path) -> None:
    """Undo what a daemon that was killed leaves mounted; the deepest first."""
    mounts = [line.split()[1] for line in Path("/proc/mounts").read_text("utf-8").splitlines()]
    for path in sorted((path for path in mounts if path.startswith(f"{root}/")), key=len, reverse=True):
        subprocess.run(["umount", "-l", path], capture_output=True, check=False)
