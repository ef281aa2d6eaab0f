"""Objectives: what passes, what fails, and what is too little to say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import httpx
import pytest

from ccops.clients.guard import unreachable
from ccops.core.bundle import packaged_contract
from ccops.core.errors import ExitCode, UsageError
from ccops.core.profile import Profile, Project, Value
from ccops.monitor import facts, slo, stored
from ccops.monitor.facts import Facts
from ccops.monitor.history import History, Window
from ccops.monitor.objectives import (
    Limits,
    Outcome,
    Verdict,
    availability,
    olap_loss,
    read_p95,
    write_p95,
    ws_lag_p95,
)
from ccops.rules.thresholds import Resolved, load_thresholds
from tests.conftest import ROOT

PROD = {
    "SLO_API_AVAILABILITY_PERCENT": "99.5",
    "SLO_MIN_REQUESTS": "100",
    "ALERT_API_READ_P95_MS": "250",
    "ALERT_API_WRITE_P95_MS": "410",
    "ALERT_WS_LAG_P95_MS": "500",
    "ALERT_WS_MIN_EVENTS": "100",
    "ALERT_CH_LOSS_MAX_PERCENT": "0.5",
    "ALERT_CH_MIN_VOLUME": "500",
}
P, F, I = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE  # noqa: E741


def limits() -> Limits:
    known = load_thresholds(ROOT / "rules_templates" / "thresholds.yml")
    values = {name: Decimal(text) for name, text in PROD.items()}
    return Limits(Resolved("prod", known, values, dict.fromkeys(PROD, "env/prod.env:1")))


@dataclass(frozen=True, slots=True)
class Told(History):
    """A history that says what a test tells it: growth by a word that the selector holds."""

    said: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    highest: float | None = 0.0

    def growth(self, selector: str, by: str = "") -> dict[str, float]:
        return next((dict(found) for word, found in self.said.items() if word in selector), {})

    def peak(self, expr: str) -> float | None:
        return self.highest


def told(said: Mapping[str, Mapping[str, float]], highest: float | None = 0.0) -> Told:
    return Told(httpx.Client(), Window(3600, 3600), "job", {}, said=said, highest=highest)


@pytest.mark.parametrize(
    ("total", "errors", "verdict"),
    [(1000, 5, P), (1000, 6, F), (100, 0, P), (99, 0, I), (99, 99, I), (0, 0, I)],
)
def test_availability(total: float, errors: float, verdict: Verdict) -> None:
    history = told({"5.+": {"": errors}, "http_requests_total": {"": total}})
    found = availability(history, limits())
    assert (found.verdict, found.samples) == (verdict, total)
    assert found.threshold == "SLO_API_AVAILABILITY_PERCENT=99.5 (env/prod.env:1)"


@pytest.mark.parametrize(
    ("within", "total", "verdict"), [(95, 100, P), (94, 100, F), (99, 99, I), (0, 0, I), (100, 100, P)]
)
def test_reads_are_judged_by_the_share_within_the_limit(
    within: float, total: float, verdict: Verdict
) -> None:
    growth = {"0.1": 0.0, "0.25": within, "0.5": total, "+Inf": total}
    found = read_p95(told({"request_duration": growth}), limits())
    assert (found.verdict, found.samples, found.limit) == (verdict, total, 250)


@pytest.mark.parametrize(("top", "verdict"), [(0.4, P), (0.75, F)])
def test_writes_are_estimated_where_the_limit_is_no_bound(top: float, verdict: Verdict) -> None:
    found = write_p95(told({"request_duration": {"0.3": 0.0, f"{top}": 200.0, "+Inf": 200.0}}), limits())
    assert found.verdict is verdict
    assert found.note == "estimated within a bucket"


def test_events_are_measured_in_milliseconds() -> None:
    growth = {"250.0": 0.0, "500.0": 200.0, "+Inf": 200.0}
    found = ws_lag_p95(told({"realtime_event_lag_ms": growth}), limits())
    assert found.verdict is P
    assert found.value == pytest.approx(487.5)


@pytest.mark.parametrize(
    ("match", "mismatch", "broken", "verdict"),
    [(3, 0, 0, P), (1, 0, 0, P), (999, 1, 0, I), (0, 1, 0, I), (0, 0, 0, I), (3, 0, 1, F), (0, 0, 1, F)],
)
def test_a_repeated_key_that_was_answered_otherwise_fails_and_a_refused_one_is_no_pass(
    match: float, mismatch: float, broken: int, verdict: Verdict
) -> None:
    history = told({"shop_idempotent": {"match": match, "mismatch": mismatch}})
    found = stored.idempotency(history, Facts(10, 0, broken), "", False)
    assert found.verdict is verdict


@pytest.mark.parametrize(
    ("ratio", "checked", "verdict"),
    [(0, 500, P), (0.005, 1000, P), (0.006, 1000, F), (0, 499, I), (1, 10, I)],
)
def test_loss_rests_on_the_events_that_were_compared(ratio: float, checked: float, verdict: Verdict) -> None:
    def reply(request: httpx.Request) -> httpx.Response:
        value = ratio if "missing_ratio" in request.content.decode() else checked
        row = {"metric": {"table": "events"}, "value": [0, str(value)]}
        return httpx.Response(200, json={"status": "success", "data": {"result": [row]}})

    with httpx.Client(base_url="http://x", transport=httpx.MockTransport(reply)) as client:
        found = olap_loss(History(client, Window(3600, 3600), "job", {}), limits())
    assert (found.verdict, found.samples) == (verdict, checked)


def _profile(**values: str) -> Profile:
    project = Project(ROOT, ROOT / ".ccops")
    return Profile("dev", project, {key: Value(text, "test") for key, text in values.items()})


@pytest.mark.parametrize(
    ("found", "peak", "verdict"),
    [
        (Facts(10, 0), 0.0, P),
        (Facts(10, 0), None, P),
        (Facts(10, 1), 0.0, F),
        (Facts(10, 0), 2.0, F),
        (Facts(0, 0), 0.0, I),
        (None, 0.0, P),
        (None, 1.0, F),
        (None, None, I),
    ],
)
def test_balances_are_asked_of_the_database_and_of_history(
    found: Facts | None, peak: float | None, verdict: Verdict
) -> None:
    outcome = stored.negative_balances(told({}, peak), found, "", False)
    assert (outcome.verdict, "postgres" in outcome.source) == (verdict, found is not None)
    assert outcome.samples == (found.wallets if found else int(peak is not None))


def test_a_silent_database_is_neither_green_nor_a_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(url: str, *_: object) -> Facts:
        raise unreachable("postgres", url, ConnectionError(f"no answer from {url}"))

    monkeypatch.setattr("ccops.monitor.facts.read", silent)
    said = stored.ask(_profile(CCOPS_DATABASE_URL="postgresql://u:hunter22@db.example/none"))
    for outcome in (
        stored.negative_balances(told({}), *said),
        stored.idempotency(told({"shop_idempotent": {"match": 9}}), *said),
    ):
        assert (outcome.verdict, outcome.unreachable) == (I, True)
        assert "hunter22" not in outcome.note
    assert stored.ask(_profile())[2] is False


def _report(
    *verdicts: Verdict, strict: bool = False, unreachable: bool = False, coverage: float = 1.0
) -> slo.SloReport:
    made = tuple(
        Outcome("x", "x", one, 1.0, ">=", 1.0, "", 1, 1, "1h", "", unreachable=unreachable)
        for one in verdicts
    )
    return slo.SloReport("", Window(0, 1), coverage, made, strict)


def test_the_exit_code_is_that_of_the_worst() -> None:
    assert _report(P, P).exit_code is ExitCode.OK
    assert _report(P, I).exit_code is ExitCode.OK
    assert _report(P, I, strict=True).exit_code is ExitCode.NEGATIVE
    assert _report(P, F).exit_code is ExitCode.NEGATIVE
    assert _report(I, unreachable=True).exit_code is ExitCode.UNREACHABLE
    assert _report(I, I).exit_code is ExitCode.NEGATIVE
    assert _report(P, I, coverage=0.0).exit_code is ExitCode.NEGATIVE
    severities = [mark.severity.value for mark in _report(P, I, F).marks()]
    assert severities == ["warning", "error"]


def test_the_queries_are_the_contracts_own(tmp_path: Path) -> None:
    found = facts.queries(packaged_contract())
    assert set(found) == {facts.NEGATIVE, *facts.KEYS}
    assert found[facts.NEGATIVE] == "SELECT user_id, gold FROM wallets WHERE gold < 0"
    assert facts.table_of(found[facts.NEGATIVE]) == "wallets"
    (tmp_path / "invariants.sql").write_text("-- name: other\nSELECT 1 FROM x;\n")
    with pytest.raises(UsageError) as caught:
        facts.queries(tmp_path)
    assert caught.value.code == "CONTRACT_INVALID"
