"""The journey's wall time, and how much of it is the engine's own.

Three looks at the engine, because none of them alone would do:

1. Its own account: `RunDone.elapsed_ms - RunDone.waited_ms` over the number of `StepDone`. The engine clocks
   every await of an act, an observer or an effect as waiting; the rest is rendering, checks, captures, plans,
   reports, and also the invariants' last samples: an upper bound of what runs while nothing is awaited.
2. From outside, without trusting that account: in a step that has no effects nothing is awaited besides the
   act, so `StepDone.elapsed_ms - ActDone.elapsed_ms` is all overhead. (Not for `ws` acts: before a drop they
   wait for what is pending on that feed.)
3. CPU time of the whole process over its steps: contains what runs while other things are awaited
   (matchers in effects that poll), the clients' work and the start of the interpreter.
"""

from __future__ import annotations

import json
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.bench.figures import Figure, figure
from tests.bench.machine import BenchFailed
from tests.bench.plan import Context
from tests.bench.stack import Home

Event = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Journey:
    """One run: seconds of the process, CPU seconds, and the three views of its events."""

    wall_s: float
    cpu_s: float
    steps: int
    own_ms: float
    bare_ms: tuple[float, ...]
    verdict: str
    code: int


def walk(home: Home) -> Journey:
    """Run the journey once and read its event stream."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "events.ndjson"
        done = home.ccops("smoke", "journey", "--report", f"ndjson={path}")
        events = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    end = next((one for one in events if one["event"] == "RunDone"), None)
    if end is None:
        raise BenchFailed(f"the journey did not end: {done.err.strip()[-300:]}")
    verdict = f"{end['passed']} passed, {end['failed']} failed, {end['not_evaluated']} not evaluated"
    return Journey(
        done.seconds, done.cpu_s, steps_of(events), own_ms(end), tuple(bare_steps(events)), verdict, done.code
    )


def steps_of(events: Iterable[Event]) -> int:
    """Return how many steps were walked, every iteration of a repeat counted."""
    return sum(one["event"] == "StepDone" for one in events)


def own_ms(end: Event) -> float:
    """Return what the engine itself calls neither act nor wait."""
    return _number(end, "elapsed_ms") - _number(end, "waited_ms")


def bare_steps(events: Iterable[Event]) -> list[float]:
    """Return step minus act time of every step but `ws` ones whose assertions all check the act's answer.

    Such a check carries the act's own elapsed time; an effect carries the later moment of its sighting.
    """
    acts: dict[str, float] = {}
    effects: dict[str, int] = defaultdict(int)
    ends: dict[str, float] = {}
    late: list[tuple[str, float]] = []
    for one in events:
        step = str(one.get("step", ""))
        if one["event"] == "ActDone":
            acts[step] = _number(one, "elapsed_ms")
            effects[step] += one["kind"] == "ws"
        elif one["event"] == "StepDone":
            ends[step] = _number(one, "elapsed_ms")
        elif one["event"] == "AssertionDone":
            late.append((step, _number(one, "elapsed_ms")))
    for step, elapsed in late:
        effects[step] += elapsed != acts.get(step)
    return [ends[step] - acts[step] for step in ends if step in acts and not effects[step]]


def bench(context: Context) -> list[Figure]:
    """Walk the journey several times on one stack."""
    home = context.stack.get()
    runs: list[Journey] = []
    for number in range(context.runs):
        runs.append(walk(home))
        last = runs[-1]
        context.say(f"journey {number + 1}: {last.wall_s:.1f} s, exit {last.code}, {last.verdict}")
    red = [run for run in runs if run.code != 0]
    doubt = f"{len(red)} of {len(runs)} runs were not green ({red[0].verdict})" if red else ""
    steps = f"{runs[0].steps} steps a run"
    bare = [value for run in runs for value in run.bare_ms]
    own = [run.own_ms / run.steps for run in runs]
    cpu = [1000 * run.cpu_s / run.steps for run in runs]
    return [
        figure("journey, wall", "s", [run.wall_s for run in runs], "whole process", target=12, doubt=doubt),
        figure("engine, a step", "ms", own, f"elapsed - waited, {steps}", target=5, doubt=doubt),
        figure("engine, steps without effects", "ms", bare, "step - act, of all runs"),
        figure("client CPU, a step", "ms", cpu, f"user + system of the process, {steps}"),
    ]


def _number(event: Event, key: str) -> float:
    value = event[key]
    assert isinstance(value, int | float)
    return float(value)
