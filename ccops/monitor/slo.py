"""`ccops slo report`: each objective of the service, judged over a window."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from ccops.core.bundle import contract_folder
from ccops.core.errors import ExitCode, Unreachable, worst
from ccops.core.profile import Profile
from ccops.core.reports.marks import Mark, Severity
from ccops.monitor import wallets
from ccops.monitor.history import History, Window, open_history, parse_since
from ccops.monitor.objectives import JOB, MEASURES, Limits, Outcome, Verdict
from ccops.monitor.verify import url_of
from ccops.rules.project import resolved_of
from ccops.rules.server import open_server

DATABASE = "CCOPS_DATABASE_URL"


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
        """1 when one fails, and when one is inconclusive under --strict; 4 when a store was silent."""
        codes = [ExitCode.OK]
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
    url = url_of(profile)
    with open_server(url, timeout=30.0) as client:
        history = open_history(client, window, JOB)
        outcomes: Sequence[Outcome] = [measure(history, limits) for measure in MEASURES]
        balances = negative_balances(profile, history)
        coverage = history.coverage
    return SloReport(url, window, coverage, (*outcomes[:4], balances, *outcomes[4:]), strict)


def negative_balances(profile: Profile, history: History) -> Outcome:
    """No wallet is below zero now, as PostgreSQL says, nor was within the window, as Prometheus does."""
    peak = history.peak(f'max(economy_negative_balance_users{{job="{JOB}"}})')
    url = profile.get(DATABASE)
    if not url:
        return _balances(history, None, peak, f"{DATABASE} is not set: the service's own count")
    try:
        return _balances(history, wallets.count(url, contract_folder(profile)), peak, "")
    except Unreachable as error:
        return _balances(history, None, peak, error.message, silent=True)


def _balances(
    history: History, found: wallets.Wallets | None, peak: float | None, note: str, *, silent: bool = False
) -> Outcome:
    """Wallets are the samples; without the database the service's gauge is one, if it has been seen."""
    seen = [float(found.negative)] if found else []
    seen += [peak] if peak is not None else []
    samples = found.total if found else int(peak is not None)
    value = max(seen, default=None)
    if value:
        verdict = Verdict.FAIL
    else:
        verdict = Verdict.PASS if value == 0 and samples and not silent else Verdict.INCONCLUSIVE
    if found and not found.negative and peak:
        note = f"none now, {peak:.0f} within the window"
    return Outcome(
        "negative_balances", "Wallets below zero", verdict, value, "<=", 0.0, "", samples, 1,
        f"now and {history.window.text}", "always 0", "postgres" if found else "prometheus", note, silent,
    )  # fmt: skip


def sentence(one: Outcome) -> str:
    """Return an outcome in words."""
    seen = "nothing was measured" if one.value is None else f"{one.value:.4g} {one.unit}".strip()
    limit = f"{one.relation} {one.limit:g} {one.unit}".strip()
    few = f", {one.needed} are needed" if one.samples < one.needed else ""
    return f"{one.title}: {seen}, wanted {limit} ({one.samples} samples{few}, {one.window})"
