"""The machine form of a run: per part and system the evaluated assertions with their evidence."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from ccops.smoke.events import (
    AssertionDone,
    Event,
    InvariantSampled,
    Noted,
    PartDone,
    RunDone,
    RunStarted,
    Verdict,
)


@dataclass(slots=True)
class _Heard:
    started: RunStarted | None = None
    done: RunDone | None = None
    parts: dict[int, PartDone] = field(default_factory=dict)
    assertions: list[AssertionDone] = field(default_factory=list)
    invariants: list[InvariantSampled] = field(default_factory=list)
    notes: list[Noted] = field(default_factory=list)


class DataReporter:
    """Collects the events of all runs; `data()` is valid at any moment, also after an interrupt."""

    def __init__(self) -> None:
        self._runs: dict[str, _Heard] = defaultdict(_Heard)

    def hear(self, event: Event) -> None:
        """Remember `event`."""
        heard = self._runs[event.scenario]
        if isinstance(event, RunStarted):
            heard.started = event
        elif isinstance(event, RunDone):
            heard.done = event
        elif isinstance(event, PartDone):
            heard.parts[event.number] = event
        elif isinstance(event, AssertionDone):
            heard.assertions.append(event)
        elif isinstance(event, InvariantSampled) and event.final:
            heard.invariants.append(event)
        elif isinstance(event, Noted):
            heard.notes.append(event)

    def data(self) -> dict[str, object]:
        """Return `{"runs": [...]}`."""
        return {"runs": [_run(name, heard) for name, heard in self._runs.items()]}


def assertion(event: AssertionDone) -> dict[str, object]:
    """Return one assertion as JSON."""
    shown: dict[str, object] = {
        "step": event.step,
        "where": event.where,
        "label": event.label,
        "verdict": event.verdict.value,
        "wanted": event.wanted,
        "observed": event.observed,
        "elapsed_ms": event.elapsed_ms,
        "trace_id": event.trace,
        "evidence": event.evidence,
        "place": str(event.place),
    }
    if event.verdict is Verdict.NOT_EVALUATED:
        shown |= {"reason": event.reason, "lost": event.lost}
    if event.verdict is Verdict.FAILED:
        seen = [{"at_ms": s.at_ms, "evidence": s.evidence, "data": s.text} for s in event.sightings]
        shown |= {"seen": seen, "elsewhere": list(event.elsewhere)}
    return shown


def _run(name: str, heard: _Heard) -> dict[str, object]:
    started, done = heard.started, heard.done
    numbers = sorted({one.part for one in heard.assertions if one.part} | set(heard.parts))
    return {
        "scenario": name,
        "run_id": started.run_id if started else "",
        "env": started.env if started else "",
        "targets": dict(started.targets) if started else {},
        "notes": list(started.notes) if started else [],
        "exit_code": int(done.exit_code) if done else None,
        "reason": done.reason if done else "the run did not end",
        "passed": done.passed if done else 0,
        "failed": done.failed if done else 0,
        "not_evaluated": done.not_evaluated if done else 0,
        "elapsed_ms": done.elapsed_ms if done else None,
        "waited_ms": done.waited_ms if done else None,
        "parts": [_part(number, heard) for number in numbers],
        "others": [{"system": one.system, **assertion(one)} for one in heard.assertions if not one.part],
        "invariants": [
            {
                "name": one.name,
                "verdict": one.verdict.value,
                "samples": one.samples,
                "broken": one.broken,
                "observed": one.observed,
                "place": str(one.place),
            }
            for one in heard.invariants
        ],
        "messages": [{"code": one.code, "message": one.message} for one in heard.notes],
    }


def _part(number: int, heard: _Heard) -> dict[str, object]:
    systems: dict[str, list[dict[str, object]]] = defaultdict(list)
    for one in heard.assertions:
        if one.part == number:
            systems[one.system].append(assertion(one))
    done = heard.parts.get(number)
    return {
        "part": number,
        "title": {"en": done.title.en, "ko": done.title.ko} if done else None,
        "verdict": done.verdict.value if done else Verdict.NOT_EVALUATED.value,
        "judged": done.judged if done else False,
        "missing": list(done.missing) if done else [],
        "trace_id": done.trace if done else "",
        "elapsed_ms": done.elapsed_ms if done else None,
        "systems": dict(systems),
    }
