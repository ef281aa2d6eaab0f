"""Hold a scenario to what it says about itself: parts prove their systems, `requires` covers what is used."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ccops.smoke import tables
from ccops.smoke.model import Effect, Scenario, Step
from ccops.smoke.reader import Reader


def walk(steps: Iterable[Step]) -> Iterator[Step]:
    """Yield every step, inner ones after the step that holds them."""
    for step in steps:
        yield step
        yield from walk(step.act.steps)


def all_steps(scenario: Scenario) -> Iterator[Step]:
    """Yield the steps of setup, steps and teardown."""
    yield from walk((*scenario.setup, *scenario.steps, *scenario.teardown))


def system_of(effect: Effect, scenario: Scenario) -> str:
    """Return the system an effect looks at: itself, or the kind of its watch."""
    kinds = {watch.name: watch.kind for watch in scenario.watch}
    return kinds.get(effect.where, effect.where)


def systems_of(step: Step, scenario: Scenario) -> set[str]:
    """Return the systems that `step` itself can assert on."""
    found = {system_of(effect, scenario) for effect in step.effects}
    if step.act.kind == "race":
        found.add("http")
    return found | ({step.act.kind} & set(tables.ALL_SYSTEMS))


def used_systems(scenario: Scenario) -> tuple[str, ...]:
    """Return every system the scenario touches, in the usual order."""
    used = {system for step in all_steps(scenario) for system in systems_of(step, scenario)}
    used |= {watch.kind for watch in scenario.watch} | {invariant.where for invariant in scenario.invariants}
    return tuple(system for system in tables.ALL_SYSTEMS if system in used)


def check_promises(reader: Reader, scenario: Scenario) -> None:
    """Record parts without steps, systems a part promises and never asserts on, and gaps in `requires`."""
    for part in scenario.parts:
        steps = [step for step in walk(scenario.steps) if step.part == part.number]
        if not steps:
            reader.fail(part.place, f"part {part.number} has no step")
            continue
        if any(step.act.kind not in tables.ACT_KINDS for step in steps):
            continue  # a Python act may assert on anything; the run decides
        seen = {system for step in steps for system in systems_of(step, scenario)}
        for system in part.systems:
            if system not in seen:
                message = f"part {part.number} promises {system}, but none of its steps asserts on it"
                reader.fail(part.place, message)
    missing = [
        system for system in used_systems(scenario) if scenario.requires and system not in scenario.requires
    ]
    if missing:
        reader.fail(scenario.place, f"requires leaves out {', '.join(missing)}, which the scenario uses")
