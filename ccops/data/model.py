"""What a look at a store found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from ccops.core.errors import ExitCode, worst

MAX_SAMPLES = 5
_WIDEST = 200
# A contract of another backend may select anything; these columns never reach a report.
_HIDDEN = ("password", "secret", "token", "_enc", "phone", "birth", "receipt", "seed", "hash")


class Verdict(StrEnum):
    """How one check ended. Only HOLDS is green."""

    HOLDS = "holds"
    BROKEN = "broken"
    NOT_EVALUATED = "not evaluated"


@dataclass(frozen=True, slots=True)
class Offence:
    """One thing that is not as declared: a stable code, the object's name, and a sentence."""

    code: str
    name: str
    text: str
    info: bool = False  # worth knowing, breaks nothing


@dataclass(frozen=True, slots=True)
class Check:
    """One check: what it holds, and what it found. `rows` counts all offenders, `samples` shows a few."""

    name: str
    rule: str
    verdict: Verdict
    rows: int = 0
    samples: tuple[Mapping[str, object], ...] = ()
    offences: tuple[Offence, ...] = ()
    duration_ms: float = 0.0
    reason: str = ""  # why nothing could be said

    def as_data(self) -> dict[str, object]:
        """Return the machine form."""
        return {
            "name": self.name,
            "rule": self.rule,
            "verdict": self.verdict.value,
            "rows": self.rows,
            "samples": [dict(sample) for sample in self.samples],
            "offences": [
                {
                    "code": one.code,
                    "name": one.name,
                    "text": one.text,
                    "severity": "info" if one.info else "error",
                }
                for one in self.offences
            ],
            "duration_ms": self.duration_ms,
            "reason": self.reason,
        }


def exit_code(checks: Iterable[Check]) -> ExitCode:
    """Return 0 only when something was looked at and all of it holds; 4 when one could not look."""
    codes = {Verdict.BROKEN: ExitCode.NEGATIVE, Verdict.NOT_EVALUATED: ExitCode.UNREACHABLE}
    found = [codes.get(check.verdict, ExitCode.OK) for check in checks]
    return worst(found) if found else ExitCode.NEGATIVE


def judged(offences: Iterable[Offence]) -> Verdict:
    """Return BROKEN when one of `offences` is more than information."""
    return Verdict.BROKEN if any(not one.info for one in offences) else Verdict.HOLDS


def sample(row: Mapping[str, object]) -> dict[str, object]:
    """Return an offending row fit for a report: without secrets, no value longer than 200 characters."""
    return {name: _shown(name, value) for name, value in row.items()}


def _shown(name: str, value: object) -> object:
    if value is not None and any(part in name.lower() for part in _HIDDEN):
        return "***"
    text = value if isinstance(value, str) else str(value)
    if len(text) > _WIDEST:
        return text[:_WIDEST] + "…"
    return value
