"""What a command asks of the supervisor; travels as JSON on stdin or in a private file."""

from __future__ import annotations

import json
import os
import re
import secrets
import signal
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum

from ccops.core.errors import UsageError
from ccops.stack.paths import StateDir, write_private

_KEY = re.compile(r"[A-Z_][A-Z0-9_]*")


class Action(StrEnum):
    """The three things that can be asked; stopping everything is a SIGTERM."""

    START = "start"
    STOP = "stop"
    RESTART = "restart"


@dataclass(frozen=True, slots=True)
class Choices:
    """What the profile and the caller decide about the services."""

    env: str
    settings: Mapping[str, str] = field(default_factory=dict, repr=False)
    protected: bool = False
    seed: str = "demo"
    kafka_provider: str = "noida"
    root_mode: str = "auto"


@dataclass(frozen=True, slots=True)
class Request:
    """One request; `id` finds its answer in state.json."""

    action: Action
    services: tuple[str, ...]
    choices: Choices
    overrides: Mapping[str, str] = field(default_factory=dict, repr=False)
    id: str = field(default_factory=lambda: f"{time.time_ns():020d}-{secrets.token_hex(4)}")

    def to_json(self) -> str:
        """Return the request as text."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Request:
        """Return the request that `to_json` wrote."""
        plain = json.loads(text)
        return cls(
            action=Action(plain["action"]),
            services=tuple(plain["services"]),
            choices=Choices(**plain["choices"]),
            overrides=dict(plain["overrides"]),
            id=plain["id"],
        )


def parse_settings(pairs: Iterable[str]) -> dict[str, str]:
    """Return KEY=VALUE texts as a mapping. Raises UsageError that names every bad one."""
    found: dict[str, str] = {}
    bad: list[str] = []
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals or not _KEY.fullmatch(key):
            bad.append(f"--set {key}{equals}{'...' if text else ''}: expected KEY=VALUE, KEY in capitals")
        elif key in found:
            bad.append(f"--set {key} is given twice")
        else:
            found[key] = text
    if bad:
        raise UsageError(
            "SETTING_INVALID",
            f"{len(bad)} setting(s) can't be used",
            evidence="\n".join(bad),
            next_step="ccops restart SERVICE --set KEY=VALUE",
        )
    return found


def submit(state_dir: StateDir, supervisor: int, request: Request) -> None:
    """Hand `request` to the running supervisor; the file holds settings, so only its owner can read it."""
    write_private(state_dir.commands / f"{request.id}.json", request.to_json())
    os.kill(supervisor, signal.SIGUSR1)
