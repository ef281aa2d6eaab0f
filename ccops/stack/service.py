"""What a service of the stack is: data, from which the supervisor knows everything it does."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

HOST = "127.0.0.1"


class ProbeFailed(Exception):
    """The service did not give the answer that means ready; the text is what it said."""


class Probe(Protocol):
    """A question at application level that only a ready service answers."""

    @property
    def question(self) -> str:
        """Return the question as a person would ask it, without secrets."""
        ...

    def ask(self, timeout_s: float) -> str:
        """Return the answer. Raises ProbeFailed."""
        ...


@dataclass(frozen=True, slots=True)
class Step:
    """One command that prepares a data folder."""

    argv: tuple[str, ...]
    stdin: str = ""


@dataclass(frozen=True, slots=True)
class Prepare:
    """Build `target` once: run `steps` against `scratch`, then rename, so half of it never counts."""

    target: Path
    scratch: Path
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Service:
    """One process of the stack.

    `files` are written (0600) before every start. `bounce` names services that must be restarted before
    this one comes back after a crash. `absent` says why it can't run here, with the line that installs it.
    One of several processes listens on a socket that the supervisor opened for all: `listen` is its port,
    `listen_key` the variable that says which descriptor it is; when it is opened, the folders `emptied` are.
    """

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    ports: tuple[int, ...] = ()
    needs: tuple[str, ...] = ()
    ready: Probe | None = None
    stop_signal: int = signal.SIGTERM
    death_signal: int = 0
    stop_timeout_s: float = 10.0
    ready_timeout_s: float = 30.0
    one_shot: bool = False
    files: Mapping[Path, str] = field(default_factory=dict, repr=False)
    folders: tuple[Path, ...] = ()
    prepare: Prepare | None = None
    not_root: Path | None = None
    bounce: tuple[str, ...] = ()
    listen: int = 0
    listen_key: str = ""
    emptied: tuple[Path, ...] = ()
    note: str = ""
    absent: str = ""

    @property
    def address(self) -> str:
        """Return `host:port` of the main port, or nothing for a service without one."""
        return f"{HOST}:{self.ports[0]}" if self.ports else ""

    @property
    def orphan_signal(self) -> int:
        """Return the signal the kernel sends when the supervisor dies."""
        return self.death_signal or self.stop_signal


@dataclass(frozen=True, slots=True)
class Site:
    """What the builders need to know about this machine and environment."""

    env: str
    root: Path
    ports: Mapping[str, int]
    secrets: Mapping[str, str] = field(repr=False)
    settings: Mapping[str, str] = field(default_factory=dict, repr=False)
    protected: bool = False
    seed: str = "demo"
    kafka_provider: str = "noida"
    root_mode: str = "auto"
