"""Readiness at application level: a real answer of the real protocol, with as little code as that takes."""

from __future__ import annotations

import http.client
import socket
import struct
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field

from ccops.stack.service import HOST, ProbeFailed


@dataclass(frozen=True, slots=True)
class SqlProbe:
    """`SELECT 1` through psql, as the user and into the database that everybody else uses."""

    psql: str
    port: int
    user: str
    database: str
    password: str = field(repr=False)

    @property
    def question(self) -> str:
        return f"psql {self.user}@{HOST}:{self.port}/{self.database}: SELECT 1"

    def ask(self, timeout_s: float) -> str:
        argv = [self.psql, "-XAtw", "-h", HOST, "-p", str(self.port), "-U", self.user, "-d", self.database]
        env = {"PGPASSWORD": self.password, "PGCONNECT_TIMEOUT": "2", "PGSSLMODE": "disable"}
        try:
            done = subprocess.run(
                [*argv, "-c", "SELECT 1"],
                env=env,
                capture_output=True,
                text=True,
                timeout=timeout_s,
                check=False,
                stdin=subprocess.DEVNULL,
            )
        except (OSError, subprocess.TimeoutExpired) as err:
            raise ProbeFailed(_short(err)) from err
        if done.returncode != 0 or done.stdout.strip() != "1":
            raise ProbeFailed(
                (done.stderr.strip() or done.stdout.strip() or f"exit {done.returncode}")[-300:]
            )
        return "1"


@dataclass(frozen=True, slots=True)
class PingProbe:
    """AUTH and PING in the Redis protocol."""

    port: int
    password: str = field(repr=False)

    @property
    def question(self) -> str:
        return f"redis {HOST}:{self.port}: AUTH, PING"

    def ask(self, timeout_s: float) -> str:
        try:
            with socket.create_connection((HOST, self.port), timeout=timeout_s) as link:
                link.sendall(_resp("AUTH", self.password) + _resp("PING"))
                with link.makefile("rb") as answers:
                    auth, pong = answers.readline().decode().strip(), answers.readline().decode().strip()
        except OSError as err:
            raise ProbeFailed(_short(err)) from err
        if auth != "+OK" or pong != "+PONG":
            raise ProbeFailed(f"AUTH -> {auth}, PING -> {pong}")
        return "PONG"


@dataclass(frozen=True, slots=True)
class HttpProbe:
    """GET of a health path; ready means 200."""

    port: int
    path: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def question(self) -> str:
        return f"GET http://{HOST}:{self.port}{self.path}"

    def ask(self, timeout_s: float) -> str:
        link = http.client.HTTPConnection(HOST, self.port, timeout=timeout_s)
        try:
            link.request("GET", self.path, headers=dict(self.headers))
            answer = link.getresponse()
            body = answer.read(400).decode("utf-8", "replace").strip()
        except (OSError, http.client.HTTPException) as err:
            raise ProbeFailed(_short(err)) from err
        finally:
            link.close()
        if answer.status != 200:
            raise ProbeFailed(f"{answer.status} {body}")
        return f"200 {body[:60]}".strip()


@dataclass(frozen=True, slots=True)
class KafkaProbe:
    """A Metadata request (version 1, no topics): a broker that answers lists at least itself."""

    port: int

    @property
    def question(self) -> str:
        return f"kafka {HOST}:{self.port}: Metadata"

    def ask(self, timeout_s: float) -> str:
        client = b"ccops-probe"
        body = struct.pack(">hhih", 3, 1, 1, len(client)) + client + struct.pack(">i", 0)
        try:
            with socket.create_connection((HOST, self.port), timeout=timeout_s) as link:
                link.sendall(struct.pack(">i", len(body)) + body)
                with link.makefile("rb") as answers:
                    head = answers.read(12)
        except OSError as err:
            raise ProbeFailed(_short(err)) from err
        if len(head) < 12:
            raise ProbeFailed(f"the connection was closed after {len(head)} bytes")
        _, correlation, brokers = struct.unpack(">iii", head)
        if correlation != 1 or brokers < 1:
            raise ProbeFailed(f"correlation {correlation}, {brokers} broker(s)")
        return f"{brokers} broker(s)"


def _resp(*words: str) -> bytes:
    parts = [f"*{len(words)}\r\n", *(f"${len(word.encode())}\r\n{word}\r\n" for word in words)]
    return "".join(parts).encode()


def _short(err: BaseException) -> str:
    if isinstance(err, subprocess.TimeoutExpired):
        return f"no answer within {err.timeout:.0f} s"
    return f"{type(err).__name__}: {err}"
