"""A scenario as people read it, without running it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ccops.smoke.durations import format_duration
from ccops.smoke.model import CountRule, Effect, Scenario, Step, Text
from ccops.smoke.promises import system_of, used_systems
from ccops.smoke.tables import ACTS, WS_VERBS, http_target


def in_language(text: Text, lang: str) -> str:
    """Return the Korean text for `ko` if there is one, else the English one."""
    return text.ko if lang == "ko" and text.ko else text.en


def outline(scenario: Scenario, lang: str = "en") -> list[str]:
    """Return the scenario as lines: parts, steps, and what each asserts on which system."""
    title = in_language(scenario.title, lang)
    lines = [f"{scenario.name}: {title}" if title else scenario.name]
    lines.append(f"  needs {', '.join(used_systems(scenario)) or 'nothing'}" + _changes(scenario))
    lines += [f"  watch {watch.name}: {watch.kind} {_target(watch.target)}" for watch in scenario.watch]
    every = [(item.name, item.where, item.every_s) for item in scenario.invariants]
    lines += [f"  always {name}: {where}, {_every(every_s)}" for name, where, every_s in every]
    parts = {part.number: part for part in scenario.parts}
    current = 0
    for name, steps in (("setup", scenario.setup), ("", scenario.steps), ("teardown", scenario.teardown)):
        if name and steps:
            lines.append(f"  {name}")
        for step in steps:
            if step.part != current and step.part in parts:
                part, current = parts[step.part], step.part
                lines.append(f"  {part.number}. {in_language(part.title, lang)} [{', '.join(part.systems)}]")
            lines += _step(step, scenario, lang, "    ")
    return lines


def _changes(scenario: Scenario) -> str:
    return ", changes data" if scenario.mutates else ", changes nothing"


def _target(target: object) -> str:
    return ", ".join(str(item) for item in target) if isinstance(target, list | tuple) else str(target)


def _every(every_s: float) -> str:
    return f"every {format_duration(every_s)} and at the end" if every_s else "at the end"


def _step(step: Step, scenario: Scenario, lang: str, indent: str) -> Iterator[str]:
    title = in_language(step.title, lang)
    yield f"{indent}{step.id}: {act_text(step)}" + (f"  ({title})" if title else "")
    if step.expect and step.expect.status is not None:
        yield f"{indent}  http answers {step.expect.status}"
    if step.expect and step.expect.outcomes:
        counted = ", ".join(f"{count} x {status}" for status, count in step.expect.outcomes.items())
        yield f"{indent}  http answers {counted}"
    for effect in step.effects:
        yield f"{indent}  {system_of(effect, scenario)} {effect_text(effect)}"
    for inner in step.act.steps:
        yield from _step(inner, scenario, lang, indent + "  ")


def act_text(step: Step) -> str:
    """Return the act of a step in a few words: `POST /api/shop/buy`, `repeat 3`."""
    kind, args = step.act.kind, step.act.args
    if kind == "http":
        method, path = http_target(args)
        return f"{method} {path}"
    if kind == "sleep" and isinstance(args, float):
        return f"sleep {format_duration(args)}"
    if not isinstance(args, dict):
        return kind
    if kind == "ws":
        return "ws " + ", ".join(f"{verb} {args[verb]}" for verb in WS_VERBS if verb in args)
    words = [
        str(value)
        for key, value in args.items()
        if key in ACTS.get(kind, {}) and isinstance(value, str | int)
    ]
    return " ".join([kind, *words]) if words else f"{kind} {', '.join(args)}".rstrip()


def effect_text(effect: Effect) -> str:
    """Return what an effect asserts in a few words: `exactly 1 within 500ms: label`."""
    rule = (
        "never" if effect.rule is CountRule.NEVER else f"{effect.rule.value.replace('_', ' ')} {effect.count}"
    )
    settle = f", settled {format_duration(effect.settle_s)}" if effect.settle_s else ""
    about = effect.label or _about(effect)
    where = f" on {effect.where}" if not effect.source else ""
    return f"{rule}{where} within {format_duration(effect.within_s)}{settle}" + (
        f": {about}" if about else ""
    )


def _about(effect: Effect) -> str:
    named = effect.source.get("key") or effect.source.get("metric")
    if isinstance(named, str):
        return named
    match = effect.match if isinstance(effect.match, dict) else {}
    return str(match["type"]) if isinstance(match.get("type"), str) else ""


def as_data(scenario: Scenario) -> dict[str, object]:
    """Return the scenario for machine output."""
    return {
        "name": scenario.name,
        "title": {"en": scenario.title.en, "ko": scenario.title.ko},
        "file": str(scenario.place),
        "tags": list(scenario.tags),
        "requires": list(scenario.requires),
        "mutates": scenario.mutates,
        "parts": [
            {
                "part": part.number,
                "title": {"en": part.title.en, "ko": part.title.ko},
                "systems": list(part.systems),
            }
            for part in scenario.parts
        ],
        "watch": [
            {"name": watch.name, "kind": watch.kind, "target": watch.target} for watch in scenario.watch
        ],
        "setup": _steps_data(scenario.setup, scenario),
        "steps": _steps_data(scenario.steps, scenario),
        "teardown": _steps_data(scenario.teardown, scenario),
        "invariants": [item.name for item in scenario.invariants],
    }


def _steps_data(steps: Iterable[Step], scenario: Scenario) -> list[dict[str, object]]:
    return [
        {
            "id": step.id,
            "part": step.part,
            "act": act_text(step),
            "file": str(step.place),
            "effects": [
                {"system": system_of(effect, scenario), "where": effect.where, "asserts": effect_text(effect)}
                for effect in step.effects
            ],
            "steps": _steps_data(step.act.steps, scenario),
        }
        for step in steps
    ]
