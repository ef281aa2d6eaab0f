"""What the engine says while it runs: one stream of typed events that every reporter listens to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from ccops.core.errors import ExitCode
from ccops.smoke.model import Place, Text


class Verdict(StrEnum):
    """Three-valued on purpose: what could not be looked at is never counted as fine."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_EVALUATED = "not_evaluated"


@dataclass(frozen=True, slots=True)
class Event:
    """Base of all events; `scenario` tells parallel runs apart."""

    scenario: str


@dataclass(frozen=True, slots=True)
class RunStarted(Event):
    """`targets` maps each system to the host:port it is looked at."""

    run_id: str
    title: Text
    env: str
    targets: Mapping[str, str]
    parts: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StepStarted(Event):
    step: str
    part: int
    title: Text
    trace: str
    place: Place


@dataclass(frozen=True, slots=True)
class ActDone(Event):
    """The act of a step has its answer; `summary` is `POST /api/shop/buy -> 200`."""

    step: str
    part: int
    kind: str
    summary: str
    elapsed_ms: float
    trace: str
    evidence: str
    outcomes: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sighting:
    """One thing an observer saw, `at_ms` after the send of the act."""

    at_ms: float
    text: str
    evidence: str
    matched: bool


@dataclass(frozen=True, slots=True)
class AssertionDone(Event):
    """One decided assertion. `reason` says why it was not evaluated; `lost`: a target or watcher was gone."""

    part: int
    step: str
    system: str
    where: str
    label: str
    place: Place
    wanted: str
    observed: str
    verdict: Verdict
    elapsed_ms: float
    trace: str
    evidence: str
    reason: str = ""
    lost: bool = False
    sightings: tuple[Sighting, ...] = ()
    elsewhere: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StepDone(Event):
    """The step's act and blocking effects are through; deferred ones may still be decided later."""

    step: str
    part: int
    verdict: Verdict
    elapsed_ms: float


@dataclass(frozen=True, slots=True)
class PartDone(Event):
    """A numbered part with the count of evaluated assertions per planned system; `missing` have none."""

    number: int
    title: Text
    verdict: Verdict
    systems: Mapping[str, int]
    missing: tuple[str, ...]
    trace: str
    elapsed_ms: float
    judged: bool = True


@dataclass(frozen=True, slots=True)
class InvariantSampled(Event):
    """An invariant broke, could not be read, or (at the end) its total of samples."""

    name: str
    place: Place
    samples: int
    broken: int
    verdict: Verdict
    observed: str
    final: bool


@dataclass(frozen=True, slots=True)
class Noted(Event):
    """Something a reader should know that is no assertion: a lost watcher, a failed teardown step."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class RunDone(Event):
    """The end. `waited_ms` is the part of `elapsed_ms` spent in acts and waits, not in the engine."""

    exit_code: ExitCode
    passed: int
    failed: int
    not_evaluated: int
    elapsed_ms: float
    reason: str = ""
    waited_ms: float = 0.0
    notes: tuple[str, ...] = ()


Listener = Callable[[Event], None]


class Stream:
    """Hand every event to every listener, in order."""

    def __init__(self, *listeners: Listener) -> None:
        self._listeners = list(listeners)

    def add(self, listener: Listener) -> None:
        """Let `listener` hear the events from now on."""
        self._listeners.append(listener)

    def emit(self, event: Event) -> None:
        """Tell all listeners about `event`."""
        for listener in self._listeners:
            listener(event)
