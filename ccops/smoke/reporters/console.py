"""What a person watches: a line per step, a line per part, and a block per failed assertion."""

from __future__ import annotations

import os
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ccops.core.errors import ExitCode
from ccops.smoke.events import (
    ActDone,
    AssertionDone,
    Event,
    InvariantSampled,
    Noted,
    PartDone,
    RunDone,
    RunStarted,
    StepDone,
    StepStarted,
    Verdict,
)
from ccops.smoke.model import Text

if TYPE_CHECKING:
    from rich.console import Console

_MARK = {Verdict.PASSED: "✓", Verdict.FAILED: "✗", Verdict.NOT_EVALUATED: "?"}
_STYLE = {Verdict.PASSED: "green", Verdict.FAILED: "bold red", Verdict.NOT_EVALUATED: "yellow"}
_SHOWN_REASONS = 8
_SHOWN_SIGHTINGS = 5
_WIDEST = 200


def titled(text: Text, language: str) -> str:
    """Return the title in the reader's language; English when there is no other."""
    return text.ko if language == "ko" and text.ko else text.en


def padded(text: str, width: int) -> str:
    """Return `text` filled to `width` terminal cells; a Hangul syllable takes two."""
    cells = sum(2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text)
    return text + " " * max(width - cells, 0)


def _marks(seen: Iterable[AssertionDone]) -> str:
    """Return `sql 2✓ feed 3✓ redis 1✗`: what was decided on each system by now."""
    counts = Counter((one.where, one.verdict) for one in seen)
    return "  ".join(f"{where} {count}{_MARK[verdict]}" for (where, verdict), count in counts.items())


def _cut(text: str) -> str:
    return text if len(text) <= _WIDEST else text[: _WIDEST - 1] + "…"


class ConsoleReporter:
    """Listens to a run and writes lines as they become true."""

    def __init__(self, console: Console, language: str | None = None, prefix: bool = False) -> None:
        self._console, self._prefix = console, prefix
        self._language = os.environ.get("CCOPS_LANG", "en") if language is None else language
        self._acts: dict[tuple[str, str], ActDone] = {}
        self._titles: dict[tuple[str, str], Text] = {}
        self._decided: dict[tuple[str, str], list[AssertionDone]] = defaultdict(list)
        self._blank: dict[str, int] = defaultdict(int)

    def hear(self, event: Event) -> None:
        """Write what `event` means to a reader; one who went away (`| head`) does not end the run."""
        try:
            self._hear(event)
        except (BrokenPipeError, SystemExit):  # rich makes the second of the first, and is silent afterwards
            self._console.quiet = True

    def _hear(self, event: Event) -> None:
        if isinstance(event, StepStarted):
            self._titles[event.scenario, event.step] = event.title
        elif isinstance(event, ActDone):
            self._acts[event.scenario, event.step] = event
        elif isinstance(event, RunStarted):
            self._begin(event)
        elif isinstance(event, AssertionDone):
            self._assertion(event)
        elif isinstance(event, StepDone):
            self._step(event)
        elif isinstance(event, PartDone):
            self._part(event)
        elif isinstance(event, InvariantSampled):
            self._invariant(event)
        elif isinstance(event, Noted):
            self._line(f"! {event.message}", "yellow")
        elif isinstance(event, RunDone):
            self._end(event)

    def _begin(self, event: RunStarted) -> None:
        title = titled(event.title, self._language)
        self._line(f"{event.scenario}: {title}   env {event.env}   run {event.run_id}", "bold")
        shown = "  ".join(f"{name} {place}" for name, place in event.targets.items())
        self._line(f"  {shown}", "dim")
        for note in event.notes:
            self._line(f"  {note}", "dim")

    def _assertion(self, event: AssertionDone) -> None:
        self._decided[event.scenario, event.step].append(event)
        if event.verdict is Verdict.FAILED:
            self._failure(event)
        elif event.verdict is Verdict.NOT_EVALUATED:
            self._blank[event.scenario] += 1
            if self._blank[event.scenario] <= _SHOWN_REASONS or event.lost:
                where = f"{event.step} › {event.where}" if event.step else event.where
                self._line(f"  ? {where} not evaluated: {event.reason}", "yellow")

    def _step(self, event: StepDone) -> None:
        act = self._acts.get((event.scenario, event.step))
        seen = self._decided[event.scenario, event.step]
        marks = _marks(one for one in seen if one.where != "http")
        what = act.summary if act else ""
        title = titled(self._titles.get((event.scenario, event.step), Text("")), self._language)
        spent = f"{event.elapsed_ms:7.0f} ms"
        line = f"  {_MARK[event.verdict]} {padded(event.step, 24)} {spent}  {what}   {marks}"
        self._line(f"{line}  {title}".rstrip(), _STYLE[event.verdict] if event.verdict != "passed" else "")

    def _part(self, event: PartDone) -> None:
        title = titled(event.title, self._language)
        if not event.judged:
            self._line(f"- {event.number}  {title}: not judged, only some of its steps ran", "yellow")
            return
        counts = "  ".join(f"{name} {count}" for name, count in event.systems.items())
        head = f"{_MARK[event.verdict]} {event.number}  {padded(title, 44)}  {counts}"
        self._line(f"{head}   {event.elapsed_ms / 1000:.1f} s", _STYLE[event.verdict])
        if event.missing:
            self._line(f"     nothing was evaluated on: {', '.join(event.missing)}", "red")
        if event.trace:
            self._line(f"     ccops smoke trace {event.trace}", "dim")

    def _failure(self, event: AssertionDone) -> None:
        head = f"FAIL {event.scenario} › {event.step or 'end'} › {event.where}: {event.label}"
        self._line(f"{head}    {event.place}", "bold red")
        self._line(f"  wanted  {event.wanted}")
        for number, line in enumerate(event.observed.splitlines() or ["nothing"]):
            self._line(f"  {'got     ' if number == 0 else '        '}{line}")
        latest = sorted(event.sightings, key=lambda one: (not one.matched, -one.at_ms))
        shown = latest[:_SHOWN_SIGHTINGS]
        for one in sorted(shown, key=lambda one: one.at_ms):
            mark = "=" if one.matched else "≠"
            self._line(f"      +{one.at_ms:.0f} ms {mark} {_cut(one.text)}  [{one.evidence}]")
        if len(event.sightings) > len(shown):
            self._line(f"      and {len(event.sightings) - len(shown)} more: --report json=PATH has them")
        if event.elsewhere:
            self._line(f"  same moment elsewhere  (trace {event.trace})")
            for line in event.elsewhere:
                self._line(f"      {_cut(line)}")
        self._line(f"  re-run  ccops smoke run {event.scenario} --to {event.step.split('#')[0]}")

    def _invariant(self, event: InvariantSampled) -> None:
        if event.final and event.verdict is Verdict.PASSED:
            self._line(f"  ✓ invariant {event.name}: {event.samples} samples, always empty", "dim")
            return
        state = f"broken in {event.broken} of {event.samples} samples" if event.broken else "not evaluated"
        self._line(f"  {_MARK[event.verdict]} invariant {event.name} {state}    {event.place}", "bold red")
        self._line(f"      {event.observed}")

    def _end(self, event: RunDone) -> None:
        counts = f"{event.passed} passed · {event.failed} failed · {event.not_evaluated} not evaluated"
        ok = event.exit_code is ExitCode.OK
        if event.reason:
            self._line(f"  stopped: {event.reason}", "yellow")
        word = "OK" if ok else "INTERRUPTED" if event.exit_code is ExitCode.INTERRUPTED else "NOT OK"
        notes = "".join(f"  ({note})" for note in event.notes)
        seconds = event.elapsed_ms / 1000
        self._line(
            f"{word} {event.scenario}: {counts} · {seconds:.1f} s · exit {int(event.exit_code)}{notes}",
            "bold green" if ok else "bold red",
        )

    def _line(self, text: str, style: str = "") -> None:
        self._console.print(text, style=style or None, markup=False, highlight=False, soft_wrap=True)
        self._console.file.flush()  # a CI log is a pipe, and somebody is watching it
