"""Reports into files: `--report junit=PATH`, `json=PATH`, `ndjson=PATH`; `-` is the standard output."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Protocol, TextIO
from xml.etree.ElementTree import Element

from ccops.core.clock import Clock, SystemClock, iso
from ccops.core.reports import files, junit
from ccops.smoke.events import AssertionDone, Event, InvariantSampled, RunDone, RunStarted, Verdict
from ccops.smoke.model import Place
from ccops.smoke.reporters.data import DataReporter

KINDS = ("junit", "json", "ndjson")


class Reporter(Protocol):
    """Hears events and writes a file; `close` must leave a well-formed one, whenever it is called."""

    def hear(self, event: Event) -> None:
        """Take one event."""
        ...

    def close(self) -> None:
        """Finish the file."""
        ...


def reporter(spec: str) -> Reporter:
    """Return the reporter for `KIND=PATH`. Raises UsageError for what can't be written."""
    kind, path = files.parts_of(spec, KINDS)
    made: dict[str, type[JunitReporter] | type[JsonReporter] | type[NdjsonReporter]] = {
        "junit": JunitReporter,
        "json": JsonReporter,
        "ndjson": NdjsonReporter,
    }
    return made[kind](path)


def check_specs(specs: Sequence[str], *, stdout_taken: bool) -> None:
    """Raise UsageError for reports that can't be written, before anything is started for them."""
    files.check_specs(specs, KINDS, stdout_taken=stdout_taken)


class JsonReporter(DataReporter):
    """The same object that `-o json` has under `data`."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path

    def close(self) -> None:
        """Write the file."""
        files.write_text(self._path, json.dumps(self.data(), ensure_ascii=False, indent=2) + "\n")


class NdjsonReporter:
    """One JSON object per event, as it happens."""

    def __init__(self, path: str, clock: Clock | None = None) -> None:
        self._clock, self._path = clock or SystemClock(), path
        self._broken: OSError | None = None
        own = None if path == "-" else Path(path).open("w", encoding="utf-8")  # noqa: SIM115 - until close()
        self._stream: TextIO = own or sys.stdout

    def hear(self, event: Event) -> None:
        """Write one line. A full disk or a reader that went away ends the report, never the run."""
        if self._broken is not None:
            return
        line = {"event": type(event).__name__, "at": iso(self._clock.now()), **_fields(event)}
        try:
            self._stream.write(json.dumps(line, ensure_ascii=False) + "\n")
            self._stream.flush()
        except OSError as error:
            self._broken = error

    def close(self) -> None:
        """Close the file. Raises Degraded when not everything could be written."""
        if self._stream is not sys.stdout:
            with contextlib.suppress(OSError):
                self._stream.close()
        if self._broken is not None:
            raise files.lost(self._path, self._broken)


class JunitReporter:
    """A suite per scenario, a case per assertion and invariant."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._suites: dict[str, Element] = {}
        self._open: set[str] = set()

    def hear(self, event: Event) -> None:
        """Add what `event` says to its suite."""
        if isinstance(event, RunStarted):
            self._open.add(event.scenario)
            self._suite(event.scenario)
        elif isinstance(event, AssertionDone):
            self._assertion(event)
        elif isinstance(event, InvariantSampled) and event.final:
            case = self._case(event.scenario, "invariants", event.name, 0.0)
            if event.verdict is not Verdict.PASSED:
                tag = "failure" if event.verdict is Verdict.FAILED else "error"
                junit.say(case, tag, event.observed, f"{event.place}\n{event.observed}")
        elif isinstance(event, RunDone):
            self._open.discard(event.scenario)
            self._suite(event.scenario).set("time", f"{event.elapsed_ms / 1000:.3f}")
            if event.reason:
                junit.say(
                    self._case(event.scenario, "run", "complete", 0.0), "error", event.reason, event.reason
                )

    def close(self) -> None:
        """Write the file; a run that did not end is an error in its suite."""
        for name in self._open:
            text = "the run did not end"
            junit.say(self._case(name, "run", "complete", 0.0), "error", text, text)
        files.write_text(self._path, junit.document("ccops smoke", self._suites.values()))

    def _assertion(self, event: AssertionDone) -> None:
        group = f"part{event.part}" if event.part else "run"
        name = f"{event.step or 'end'} {event.where}: {event.label}"
        case = self._case(event.scenario, group, name, max(event.elapsed_ms, 0) / 1000)
        if event.verdict is Verdict.FAILED:
            body = f"{event.place}\nwanted {event.wanted}\ngot {event.observed}\ntrace {event.trace}"
            junit.say(case, "failure", event.observed.splitlines()[0] if event.observed else "nothing", body)
        elif event.verdict is Verdict.NOT_EVALUATED:
            junit.say(
                case, "error" if event.lost else "skipped", f"not evaluated: {event.reason}", str(event.place)
            )

    def _suite(self, name: str) -> Element:
        if name not in self._suites:
            self._suites[name] = Element("testsuite", name=junit.clean(name))
        return self._suites[name]

    def _case(self, scenario: str, group: str, name: str, seconds: float) -> Element:
        return junit.case(self._suite(scenario), f"{scenario}.{group}", name, seconds)


def _fields(event: Event) -> dict[str, object]:
    return {one.name: _plain(getattr(event, one.name)) for one in fields(event)}


def _plain(value: object) -> object:
    if isinstance(value, Place):
        return str(value)
    if isinstance(value, Enum):
        return value.value
    if is_dataclass(value) and not isinstance(value, type):
        return {one.name: _plain(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(one) for one in value]
    return value
