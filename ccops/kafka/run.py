"""Who runs what, where: the few things that every changing command needs."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from ccops.core.actor import actor
from ccops.core.clock import Clock, SystemClock
from ccops.core.errors import UsageError
from ccops.core.profile import Profile
from ccops.kafka import audit
from ccops.kafka.broker import Broker
from ccops.kafka.silence import KEY as ALERTMANAGER
from ccops.kafka.snapshot import Who
from ccops.kafka.target import folder_of
from ccops.kafka.times import parse_duration

_THRESHOLD_KEY, _THRESHOLD = "ALERT_KAFKA_LAG_MAX", 1000
LEASE = timedelta(minutes=15)
LONGEST_LEASE = timedelta(hours=2)


@dataclass(frozen=True, slots=True)
class Options:
    """How a write is accompanied. `lease` is how long a silence lasts when nobody ends it."""

    silence: bool = True
    lease: timedelta = LEASE
    wait_s: float = 0.0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Context:
    """One command on one cluster; `tell` hears one line a step."""

    profile: Profile
    broker: Broker
    options: Options = field(default_factory=Options)
    clock: Clock = field(default_factory=SystemClock)
    tell: Callable[[str], None] = lambda line: None

    @property
    def folder(self) -> Path:
        """Return where snapshots, runs and the audit log are."""
        return folder_of(self.profile)

    @property
    def alertmanager(self) -> str:
        """Return the address of Alertmanager, empty when none is to be asked."""
        return self.profile.get(ALERTMANAGER) if self.options.silence else ""

    @property
    def threshold(self) -> int:
        """Return the lag above which the alert would ring."""
        text = self.profile.get(_THRESHOLD_KEY)
        return int(text) if text.isdecimal() else _THRESHOLD

    def who(self, verb: str) -> Who:
        """Return a new run of `verb` with a name that sorts by time."""
        reason = self.options.reason.encode(errors="backslashreplace").decode().replace("\0", "")
        return Who(run_id(verb, self.clock.now()), actor(), reason.strip())

    def audit(self, entry: audit.Entry) -> None:
        """Append `entry` to the log file."""
        audit.record(self.folder / "audit.jsonl", entry)


def lease_of(text: str) -> timedelta:
    """Return how long a silence lasts. Raises UsageError for more than two hours: it could be forgotten."""
    lease = parse_duration(text)
    if lease > LONGEST_LEASE:
        raise UsageError(
            "KAFKA_SILENCE_TOO_LONG",
            f"a silence of {text} is too long",
            evidence="two hours at most: what nobody ends must not hide an outage",
            next_step="--silence 2h, or silence the alert by hand",
        )
    return lease


def run_id(verb: str, now: datetime) -> str:
    """Return `verb-20261123T025200Z-ab12cd`."""
    return f"{verb}-{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
