"""Races by name: scenarios tagged `race` whose variable `n` says how many come at once."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field

from ccops.core.errors import UsageError
from ccops.core.profile import Project
from ccops.smoke.engine_race import check_size
from ccops.smoke.events import ActDone, Event
from ccops.smoke.validate import catalogue

TAG, SIZE = "race", "n"


@dataclass(frozen=True, slots=True)
class Stampede:
    """What came out of one race step: how often each status, in how many milliseconds altogether."""

    step: str
    outcomes: Mapping[str, int]
    elapsed_ms: float

    @property
    def n(self) -> int:
        """Return how many requests were answered."""
        return sum(self.outcomes.values())

    @property
    def per_s(self) -> float:
        """Return answers per second."""
        return round(self.n / max(self.elapsed_ms, 0.1) * 1000, 1)

    def as_data(self) -> dict[str, object]:
        """Return the machine form."""
        return {
            "step": self.step,
            "n": self.n,
            "outcomes": dict(sorted(self.outcomes.items())),
            "elapsed_ms": self.elapsed_ms,
            "per_s": self.per_s,
        }


@dataclass(slots=True)
class Stampedes:
    """Listens to a run and keeps its race steps."""

    found: list[Stampede] = field(default_factory=list)

    def hear(self, event: Event) -> None:
        """Remember the answer of a race."""
        if isinstance(event, ActDone) and event.outcomes:
            self.found.append(Stampede(event.step, event.outcomes, event.elapsed_ms))


def races(project: Project) -> list[str]:
    """Return the names of the scenarios that can be raced with another size."""
    return [
        one.name
        for one in catalogue(project)
        if one.scenario and TAG in one.scenario.tags and isinstance(one.scenario.vars.get(SIZE), int)
    ]


def race_name(project: Project, name: str) -> str:
    """Return the scenario of the race `name` (`buy` is `buy-race`). Raises UsageError for none."""
    known = races(project)
    for candidate in (name, f"{name}-{TAG}"):
        if candidate in known:
            return candidate
    short = [one.removesuffix(f"-{TAG}") for one in known]
    near = difflib.get_close_matches(name, short, n=1)
    raise UsageError(
        "RACE_UNKNOWN",
        f"there is no race {name!r}",
        evidence=f"scenarios tagged {TAG} with a variable {SIZE}: {', '.join(known) or 'none'}",
        next_step=f"ccops smoke race {near[0]}" if near else "ccops smoke list",
    )


def size_of(n: int) -> dict[str, str]:
    """Return the variable for `--n`. Raises UsageError beyond what a race may be, before anything starts."""
    check_size(n)
    return {SIZE: str(n)}
