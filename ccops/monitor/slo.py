"""`ccops slo report`: each objective of the service, judged over a window."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from ccops.core.errors import ExitCode, worst
from ccops.core.profile import Profile
from ccops.core.reports.marks import Mark, Severity
from ccops.monitor.history import Window, open_history, parse_since
from ccops.monitor.objectives import JOB, MEASURES, Limits, Outcome, Verdict
from ccops.monitor.stored import ask, idempotency, negative_balances
from ccops.rules.places import prometheus_of
from ccops.rules.project import resolved_of
from ccops.rules.server import open_server


@dataclass(frozen=True, slots=True)
class SloReport:
    """All objectives. `coverage` is the share of the window that Prometheus has scraped the service in."""

    url: str
    window: Window
    coverage: float
    outcomes: tuple[Outcome, ...]
    strict: bool = False

    @property
    def exit_code(self) -> ExitCode:
        """1 when one fails, and when one is inconclusive under --strict; 4 when a store was silent.

        1 also when nothing was judged, or Prometheus has not seen the service at all: that is never green.
        """
        judged = any(one.verdict is not Verdict.INCONCLUSIVE for one in self.outcomes)
        codes = [ExitCode.OK if judged and self.coverage else ExitCode.NEGATIVE]
        for one in self.outcomes:
            if one.unreachable:
                codes.append(ExitCode.UNREACHABLE)
            elif one.verdict is Verdict.FAIL or (self.strict and one.verdict is Verdict.INCONCLUSIVE):
                codes.append(ExitCode.NEGATIVE)
        return worst(codes)

    def marks(self) -> tuple[Mark, ...]:
        """Return what did not pass, for reports."""
        return tuple(
            Mark(
                "SLO_FAIL" if one.verdict is Verdict.FAIL else "SLO_INCONCLUSIVE",
                sentence(one),
                Severity.ERROR if self.strict or one.verdict is Verdict.FAIL else Severity.WARNING,
                subject=one.name,
                detail=one.threshold,
            )
            for one in self.outcomes
            if one.verdict is not Verdict.PASS
        )


def report(
    profile: Profile,
    since: str,
    now: datetime,
    *,
    strict: bool = False,
    sets: Mapping[str, str] | None = None,
) -> SloReport:
    """Judge the objectives of `profile` from `since` until `now`.

    Raises UsageError for a window or threshold that can't be used, Unreachable when Prometheus is silent.
    """
    window = parse_since(since, now)
    limits = Limits(resolved_of(profile, sets))
    url = prometheus_of(profile)
    with open_server(url, timeout=30.0) as client:
        history = open_history(client, window, JOB)
        found, note, silent = ask(profile)
        outcomes = (
            *(measure(history, limits) for measure in MEASURES),
            negative_balances(history, found, note, silent),
            idempotency(history, found, note, silent),
        )
        coverage = history.coverage
    return SloReport(url, window, coverage, outcomes, strict)


def sentence(one: Outcome) -> str:
    """Return an outcome in words."""
    seen = "nothing was measured" if one.value is None else f"{one.value:.4g} {one.unit}".strip()
    limit = f"{one.relation} {one.limit:g} {one.unit}".strip()
    few = f", {one.needed} are needed" if one.samples < one.needed else ""
    return f"{one.title}: {seen}, wanted {limit} ({one.samples} samples{few}, {one.window})"
