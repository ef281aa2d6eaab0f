"""The compose client: found, and called for what only it can do (create, remove)."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from ccops.core.errors import CcopsError, Refused, Unreachable
from ccops.core.masking import mask_urls
from ccops.stack.logfiles import tail

INSTALL_LINE = "apt-get install -y --no-install-recommends docker-compose"
_ASK_S = 20.0
_LAST_WORDS_S = 10.0
_GRACE_S = 5.0
_LINES = 15
_IMAGE = re.compile(
    r"pull access denied|manifest.*(unknown|not found)|no such image|failed to resolve reference"
    r"|registry.*(timeout|no such host|connection refused)|dial tcp: lookup",
    re.IGNORECASE,
)
_PORT = re.compile(r"port is already allocated|address already in use", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ComposeClient:
    """`docker compose` (v2) or `docker-compose` (v1), and what it says its version is."""

    argv: tuple[str, ...]
    version: str

    @contextmanager
    def started(
        self, words: Sequence[str], variables: Mapping[str, str], log: Path
    ) -> Iterator[subprocess.Popen[bytes]]:
        """Run the client with `words` beside the caller; what it says goes to `log`, which is begun anew.

        It has ended when the caller goes on: a caller that is content gives it time for its last words, one
        that failed ends it, because a client that is left alone would go on to create containers.
        """
        log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with log.open("wb") as file:
            process = subprocess.Popen(
                [*self.argv, *words],
                env={**os.environ, **variables, "DOCKER_CLI_HINTS": "false"},
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                # Ctrl-C is ours to handle: half of an `up` is cleaned up with `down`.
                start_new_session=True,
            )
        try:
            yield process
            with suppress(subprocess.TimeoutExpired):
                process.wait(_LAST_WORDS_S)
        finally:
            _end(process)

    def run(self, words: Sequence[str], variables: Mapping[str, str], log: Path, timeout_s: float) -> None:
        """Run the client to its end. Raises what `failure` makes of a code that is not 0."""
        with self.started(words, variables, log) as process:
            try:
                code = process.wait(timeout_s)
            except subprocess.TimeoutExpired:
                raise failure(log, f"no end within {timeout_s:.0f} s") from None
        if code:
            raise failure(log, f"exit {code}")


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the client and what it started: v2 is a plugin, a child of the `docker` that we called."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is not None:
            return
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE_S)


def find() -> ComposeClient:
    """Return the client, v2 before v1. Raises Refused when there is neither."""
    tried: list[str] = []
    for argv in (("docker", "compose"), ("docker-compose",)):
        words = [*argv, "version", "--short"]
        if shutil.which(argv[0]) is None:
            tried.append(f"{' '.join(argv)}: {argv[0]} is not on PATH")
            continue
        try:
            done = subprocess.run(
                words, capture_output=True, text=True, timeout=_ASK_S, check=False, stdin=subprocess.DEVNULL
            )
        except (OSError, subprocess.TimeoutExpired) as err:
            tried.append(f"{' '.join(argv)}: {type(err).__name__}")
            continue
        if done.returncode == 0 and done.stdout.strip():
            return ComposeClient(argv, done.stdout.strip().splitlines()[-1])
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()
        tried.append(f"{' '.join(argv)}: {said[0] if said else f'exit {done.returncode}'}")
    raise Refused(
        "COMPOSE_CLIENT_MISSING",
        "there is no compose client on this machine",
        evidence="\n".join(tried),
        next_step=f"{INSTALL_LINE}    or without Docker: ccops up --mode embedded",
    )


def failure(log: Path, ended: str, missing: Mapping[str, str] = MappingProxyType({})) -> CcopsError:
    """Return the error for a client that ended badly; its last lines are the evidence.

    `missing` are the images that are not here, by service: of one that can't be fetched v2 says `redis Error`
    and nothing more.
    """
    lines = tail(log, _LINES)
    text = "\n".join(lines)
    nowhere = {
        name for service, name in missing.items() if re.search(rf"^\W*{service} Error\b", text, re.MULTILINE)
    }
    said = mask_urls("\n".join([ended, *lines, *(f"{name} is not here" for name in sorted(nowhere))]))
    if _PORT.search(text):
        return Refused(
            "PORT_TAKEN",
            "a port that the stack publishes is taken",
            evidence=said,
            next_step="stop what listens there, or set CCOPS_PORT_<SERVICE> in env/NAME.env",
        )
    if nowhere or _IMAGE.search(text):
        return Unreachable(
            "IMAGE_MISSING",
            "an image is not on this machine and could not be fetched",
            evidence=said,
            next_step="docker load -i IMAGES.tar, or name images you have with CCOPS_IMAGE_<SERVICE>",
        )
    return Unreachable(
        "COMPOSE_FAILED",
        "the compose client could not do it",
        evidence=said,
        next_step=f"its whole output: {log}",
    )
