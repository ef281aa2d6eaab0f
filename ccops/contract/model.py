"""The words every part of the contract gate speaks: findings, witnesses, policy, result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import IntEnum, StrEnum

from ccops.core.errors import ExitCode


class Level(IntEnum):
    """How bad a change is for somebody who calls the service."""

    INFO = 0
    WARN = 1
    ERR = 2


class Verdict(StrEnum):
    """What the relation said: safe by proof, broken by example, or undecided with a reason."""

    PROVED = "PROVED"
    REFUTED = "REFUTED"
    UNKNOWN = "UNKNOWN"


class Direction(StrEnum):
    """Who writes the payload: a client (REQUEST), the service (RESPONSE), or neither."""

    REQUEST = "request"
    RESPONSE = "response"
    NONE = "none"


class Side(StrEnum):
    """Which of the two documents a pointer leads into."""

    OLD = "old"
    NEW = "new"


@dataclass(frozen=True, slots=True)
class Witness:
    """One payload that shows the break. Made only after both validities were checked by jsonschema.

    Request: `old_valid` and not `new_valid` (clients may send it, the service now refuses it).
    Response: `new_valid` and not `old_valid` (the service may send it, old clients can't read it).
    """

    value: object
    old_valid: bool
    new_valid: bool
    note: str
    wire: str = ""  # as it travels: a query string, a header line, a curl line


@dataclass(frozen=True, slots=True)
class Consumer:
    """Something that is known to use the contract: a scenario step that calls and reads.

    `operation` is "POST /api/shop/buy" (template or concrete path), "ws PATH receive|send TYPE" or
    "kafka TOPIC"; `path` is what it reads or sends there ("$.balance"), empty for the call as a whole.
    `direction` says which: RESPONSE for what it reads, REQUEST for what it sends.
    """

    operation: str
    path: str
    file: str
    line: int
    direction: Direction = Direction.RESPONSE


@dataclass(frozen=True, slots=True)
class Approval:
    """A break somebody answered for. It holds until `expires`, inclusive."""

    fingerprint: str
    owner: str
    reason: str
    expires: date


@dataclass(frozen=True, slots=True)
class StaleApproval:
    """An approval that did nothing: expired, or no finding has its fingerprint any more."""

    approval: Approval
    why: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One difference, named. `fingerprint` is semantic: rewording a message keeps it."""

    code: str
    alias: str  # oasdiff's id for the same thing, or ""
    level: Level
    verdict: Verdict
    direction: Direction
    operation: str  # "POST /api/shop/buy", "ws /api/realtime/sync send reward_granted", "kafka TOPIC"
    pointer: str  # JSON pointer into the document that `side` names
    side: Side
    old: object
    new: object
    message: str
    reason: str  # why this level: the proof, the witness in words, or why nothing could be decided
    fingerprint: str
    witness: Witness | None = None
    source: str = ""  # file of `side`
    path: str = ""  # where in the payload, as a JSON path ("$.items[*].price"), "" outside payloads
    also: tuple[str, ...] = ()  # further operations hit by the same change of a shared schema
    consumers: tuple[Consumer, ...] = ()
    approval: Approval | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """How findings are judged. Everything that could change between two runs is injected."""

    today: date
    consumers: tuple[Consumer, ...] = ()
    approvals: tuple[Approval, ...] = ()
    fail_on: Level = Level.ERR
    closed_clients: Level = Level.INFO  # a property added to a response: what strict clients would say
    sunset_days: int = 0  # how long a deprecated operation must have been announced
    witness_ms: float = 50.0  # search time for one finding; beyond it the verdict is UNKNOWN
    overrides: Mapping[str, Level] = field(default_factory=dict)  # code or alias -> level


@dataclass(frozen=True, slots=True)
class Compared:
    """How much was looked at. All zero means the run proved nothing."""

    operations: int = 0
    schemas: int = 0
    pairs: int = 0


@dataclass(frozen=True, slots=True)
class DiffResult:
    """Everything a renderer needs. `findings` holds approved ones too (`approval` is set)."""

    findings: tuple[Finding, ...]
    compared: Compared
    stale: tuple[StaleApproval, ...] = ()
    timeouts: int = 0  # findings left UNKNOWN because the witness search ran out of time
    identical: bool = False
    fail_on: Level = Level.ERR
    notes: tuple[str, ...] = ()

    @property
    def open(self) -> tuple[Finding, ...]:
        """Return the findings nobody has answered for."""
        return tuple(one for one in self.findings if one.approval is None)

    @property
    def unknown(self) -> int:
        """Return how many findings could not be decided."""
        return sum(one.verdict is Verdict.UNKNOWN for one in self.findings)

    def count(self, level: Level) -> int:
        """Return how many open findings have `level`."""
        return sum(one.level is level for one in self.open)

    @property
    def nothing_compared(self) -> bool:
        """Return whether there was nothing on both sides to compare, nor anything found."""
        return self.compared.operations == 0

    @property
    def exit_code(self) -> ExitCode:
        """Return 0 only for a comparison that happened and found nothing at or above `fail_on`."""
        if self.nothing_compared or any(one.level >= self.fail_on for one in self.open):
            return ExitCode.NEGATIVE
        return ExitCode.OK
