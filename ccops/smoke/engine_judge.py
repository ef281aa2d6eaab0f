"""Count verdicts per part and system, and turn them into one exit code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ccops.core.errors import ExitCode, worst
from ccops.smoke.events import AssertionDone, Event, InvariantSampled, PartDone, Verdict
from ccops.smoke.model import Part


@dataclass(slots=True)
class Judge:
    """Listens to a run. A part with a planned system that nothing was asserted of fails."""

    counts: Counter[Verdict] = field(default_factory=Counter)
    codes: set[ExitCode] = field(default_factory=set)
    _parts: dict[int, list[AssertionDone]] = field(default_factory=dict)
    _invariants: int = 0

    def hear(self, event: Event) -> None:
        """Take one event into account."""
        if isinstance(event, AssertionDone):
            self.counts[event.verdict] += 1
            self._parts.setdefault(event.part, []).append(event)
            self._code(event.verdict, event.lost)
        elif isinstance(event, InvariantSampled) and event.final:
            self.counts[event.verdict] += 1
            self._code(event.verdict, lost=True)
        elif isinstance(event, PartDone) and event.judged and event.verdict is Verdict.FAILED:
            self.codes.add(ExitCode.NEGATIVE)

    def part(self, part: Part, started: float, now: float, *, judged: bool, scenario: str) -> PartDone:
        """Return the verdict of `part` over the assertions heard so far."""
        heard = self._parts.get(part.number, [])
        evaluated = [one for one in heard if one.verdict is not Verdict.NOT_EVALUATED]
        systems = Counter(one.system for one in evaluated)
        missing = tuple(name for name in part.systems if not systems[name]) if judged else ()
        return PartDone(
            scenario,
            part.number,
            part.title,
            _verdict(heard, missing),
            {name: systems[name] for name in dict.fromkeys([*part.systems, *systems])},
            missing,
            _trace(heard),
            round((now - started) * 1000, 1),
            judged,
        )

    def nothing(self) -> str:
        """Return in words that nothing was looked at, else an empty text."""
        looked = self.counts[Verdict.PASSED] + self.counts[Verdict.FAILED]
        return "" if looked else "not one assertion was evaluated: nothing was looked at"

    def exit_code(self, extra: Sequence[ExitCode] = ()) -> ExitCode:
        """Return the worst of everything; a run in which nothing was evaluated is negative."""
        codes = {*self.codes, *extra}
        if self.nothing():
            codes.add(ExitCode.NEGATIVE)
        return worst(codes)

    def _code(self, verdict: Verdict, lost: bool) -> None:
        if verdict is Verdict.FAILED:
            self.codes.add(ExitCode.NEGATIVE)
        elif verdict is Verdict.NOT_EVALUATED:
            self.codes.add(ExitCode.UNREACHABLE if lost else ExitCode.NEGATIVE)


def _verdict(heard: Sequence[AssertionDone], missing: Sequence[str]) -> Verdict:
    verdicts = {one.verdict for one in heard}
    if Verdict.FAILED in verdicts or missing or not heard:
        return Verdict.FAILED
    return Verdict.NOT_EVALUATED if Verdict.NOT_EVALUATED in verdicts else Verdict.PASSED


def _trace(heard: Sequence[AssertionDone]) -> str:
    """Return the trace that a reader of this part wants: the failed one, else the one most systems saw."""
    for one in heard:
        if one.verdict is Verdict.FAILED and one.trace:
            return one.trace
    seen: Mapping[str, set[str]] = {one.trace: set() for one in heard if one.trace}
    for one in heard:
        if one.trace:
            seen[one.trace].add(one.system)
    return max(seen, key=lambda trace: len(seen[trace]), default="")
