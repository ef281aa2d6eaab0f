"""Rehearse a release's migrations: up with data, a day in a user's life, the way back, up again.

The order of the steps and what they prove; what they run on is a `Stage`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from ccops.core.clock import Clock
from ccops.core.errors import CcopsError, UsageError
from ccops.core.reports.marks import Mark, Severity
from ccops.migrations.graph import Graph


class Stage(Protocol):
    """What the steps run on. A step that fails raises a CcopsError."""

    def prepare(self) -> str:
        """Make the database, empty or from the dump; return the revision it is at, "" for none."""

    def move(self, direction: str, target: str) -> Sequence[str]:
        """Go up or down to `target`; return a line for each revision."""

    def start(self) -> str:
        """Start the rest of the stack with its seed."""

    def journey(self) -> str:
        """Walk the journey."""

    def stop(self) -> str:
        """Stop whoever uses the database."""

    def rows(self) -> Mapping[str, int]:
        """Return how many rows each table has."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step that ended. `lines` say what it did, `failed` why it did not."""

    name: str
    about: str
    seconds: float
    lines: tuple[str, ...] = ()
    failed: str = ""


@dataclass(slots=True)
class Rehearsal:
    """What was rehearsed. `left` are steps that were not begun because one failed before them."""

    start: str
    head: str
    steps: list[Step] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)

    @property
    def failed(self) -> bool:
        """Return whether a step failed or was not begun."""
        return bool(self.left) or any(step.failed for step in self.steps)


@dataclass(frozen=True, slots=True)
class Route:
    """From where to where. `before` are the revisions on the way to the head; `fixed`: somebody named it."""

    start: str
    head: str
    why: str
    before: frozenset[str]
    fixed: bool = False


@dataclass(frozen=True, slots=True)
class _Planned:
    name: str
    about: str
    do: Callable[[], Sequence[str]]


Told = Callable[[Step], None]
_TWICE = ("restart", "journey again")


def route_of(graph: Graph, released: Mapping[str, str], wanted: str) -> Route:
    """Return the route: from `wanted`, else from what is released, else from the head's parent.

    Raises UsageError for a revision that is not on the way to the one head.
    """
    if len(graph.heads) != 1:
        raise _no_start("there is not exactly one head", "ccops alembic check")
    head = graph.heads[0]
    before = frozenset(graph.ancestors(head) - {head})
    if wanted and wanted not in before | {"base"}:
        raise _no_start(f"{wanted} is not on the way to {head}", "ccops alembic rehearse --from REVISION")
    if wanted:
        return Route(wanted, head, "--from", before, fixed=True)
    held = [ident for ident in graph.ordered(set(before)) if ident in released]
    older: set[str] = set()
    for ident in held:
        older |= graph.ancestors(ident) - {ident}
    last, parents = [ident for ident in held if ident not in older], graph.nodes[head].down
    if len(last) == 1 and head not in released:
        return Route(last[0], head, "the last that is released", before)
    if len(parents) == 1 and (head in released or not held):
        return Route(parents[0], head, "the parent of the head", before)
    return Route("base", head, "an empty database", before)


def rehearse(stage: Stage, route: Route, clock: Clock, told: Told, *, twice: bool = False) -> Rehearsal:
    """Run all steps; the first that fails ends it. What a step raises besides CcopsError goes through."""
    done = Rehearsal(route.start, route.head)
    counted: dict[str, Mapping[str, int]] = {}
    steps = _steps(stage, route, done, counted)
    steps = steps if twice else [step for step in steps if step.name not in _TWICE]
    for at, planned in enumerate(steps):
        began = clock.monotonic()
        try:
            lines, failed = tuple(planned.do()), ""
        except CcopsError as error:
            lines, failed = tuple(error.evidence.splitlines()), f"{error.code}: {error.message}"
        about = planned.about.format(start=done.start, head=done.head)
        step = Step(planned.name, about, clock.monotonic() - began, lines, failed)
        done.steps.append(step)
        told(step)
        if failed:
            done.left = [left.name for left in steps[at + 1 :]]
            done.marks.append(_failed(step))
            break
    if {"before", "after"} <= counted.keys():
        done.marks += lost_rows(counted["before"], counted["after"])
    return done


def _steps(
    stage: Stage, route: Route, done: Rehearsal, counted: dict[str, Mapping[str, int]]
) -> list[_Planned]:
    def prepare() -> Sequence[str]:
        at = stage.prepare()
        if not at:
            return stage.move("up", done.start) if done.start != "base" else []
        if at not in route.before or (route.fixed and at != route.start):
            wanted = route.start if route.fixed else f"a revision on the way to {done.head}"
            raise _no_start(f"the dump is at {at}, and not at {wanted}", "ccops alembic rehearse --dump FILE")
        done.start = at
        return [f"the dump is at {at}"]

    def down() -> Sequence[str]:
        counted["before"] = stage.rows()
        return stage.move("down", done.start)

    def again() -> Sequence[str]:
        lines = stage.move("up", done.head)
        counted["after"] = stage.rows()
        return lines

    return [
        _Planned("prepare", "a database at {start}", prepare),
        _Planned("upgrade", "{start} to {head}", lambda: stage.move("up", done.head)),
        _Planned("start", "the stack and its seed", lambda: [stage.start()]),
        _Planned("journey", "a day in a user's life", lambda: [stage.journey()]),
        _Planned("stop", "whoever uses the database", lambda: [stage.stop()]),
        _Planned("downgrade", "{head} to {start}, with the journey's data", down),
        _Planned("upgrade again", "{start} to {head}", again),
        _Planned("restart", "the stack", lambda: [stage.start()]),
        _Planned("journey again", "on what went down and up", lambda: [stage.journey()]),
    ]


def lost_rows(before: Mapping[str, int], after: Mapping[str, int]) -> list[Mark]:
    """Return a finding that lists the tables that the way back cost rows; none when it cost none."""
    lost = {table: rows - after.get(table, 0) for table, rows in before.items() if after.get(table, 0) < rows}
    if not lost:
        return []
    return [
        Mark(
            "REHEARSE_ROWS_LOST", f"the way back costs rows in {len(lost)} tables", Severity.WARNING,
            subject="downgrade", next_step="before a real downgrade, keep a dump of these tables",
            detail="\n".join(f"{table}: {lost[table]} of {before[table]} rows" for table in sorted(lost)),
        )
    ]  # fmt: skip


def _failed(step: Step) -> Mark:
    code = "REHEARSE_FAILED"
    return Mark(code, f"{step.name}: {step.failed}", subject=step.name, detail="\n".join(step.lines))


def _no_start(why: str, step: str) -> UsageError:
    return UsageError("REHEARSE_START", "the rehearsal has nowhere to start", evidence=why, next_step=step)
