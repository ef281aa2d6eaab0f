"""What every bench is given, and what it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.bench.figures import Figure
from tests.bench.stack import Shared


@dataclass(frozen=True, slots=True)
class Context:
    """How often to measure, the shared stack, and where progress is told."""

    runs: int
    stack: Shared
    say: Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Bench:
    """One bench by name. `by_default` is false for what is too slow to run unasked."""

    name: str
    run: Callable[[Context], Sequence[Figure]]
    by_default: bool = True
