"""What a server says to dashboards and rules, told by a transport of our own."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest

from ccops.core.errors import ExitCode, Unreachable
from ccops.core.profile import Profile, Project, Value, load_profile
from ccops.monitor import status as status_module
from ccops.monitor import verify as verify_module
from ccops.monitor.live import ask, ask_all
from ccops.monitor.status import status
from ccops.monitor.usage import usage
from ccops.monitor.verify import verify
from ccops.rules.project import rule_set
from tests.conftest import ROOT

NOW = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
JOBS = ("cc-webapp-backend", "kafka-exporter")


def profile(**values: str) -> Profile:
    made = load_profile("dev", Project(ROOT, ROOT / ".ccops"), {})
    more = {"CCOPS_PROMETHEUS_URL": "http://prometheus", **values}
    return Profile("dev", made.project, {**made.values, **{k: Value(v, "test") for k, v in more.items()}})


def _target(job: str, health: str = "up") -> dict[str, object]:
    return {"labels": {"job": job, "instance": f"{job}:1"}, "health": health, "lastError": "refused"}


class Server:
    """Answers as Prometheus does; a test changes what it says."""

    def __init__(self) -> None:
        names = [name for _, name in rule_set(profile()).rendered.inventory.groups]
        self.groups: list[dict[str, Any]] = [{"name": name, "rules": []} for name in names]
        self.targets = [_target(job) for job in JOBS]
        self.alerts: list[dict[str, object]] = []
        self.answer: Callable[[str], object] = lambda _: _vector(1)

    def reply(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/api/v1/query":
            said = self.answer(parse_qs(request.content.decode())["query"][0])
            if isinstance(said, httpx.Response):
                return said
            return httpx.Response(200, json={"status": "success", "data": said})
        data = {
            "/api/v1/rules": {"groups": self.groups},
            "/api/v1/targets": {"activeTargets": self.targets},
            "/api/v1/alerts": {"alerts": self.alerts},
        }[request.url.path]
        return httpx.Response(200, json={"status": "success", "data": data})

    @contextmanager
    def open(self, url: str, **_: object) -> Any:
        with httpx.Client(base_url=url, transport=httpx.MockTransport(self.reply)) as client:
            yield client


def _vector(*values: float) -> dict[str, object]:
    rows = [{"metric": {}, "value": [0, str(value)]} for value in values]
    return {"resultType": "vector", "result": rows}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    made = Server()
    monkeypatch.setattr(verify_module, "open_server", made.open)
    monkeypatch.setattr(status_module, "open_server", made.open)
    return made


def codes(server: Server) -> list[str]:
    return [mark.code for mark in verify(profile()).marks]


def test_what_is_all_there_has_no_finding(server: Server) -> None:
    found = verify(profile())
    assert (found.marks, found.failed) == ((), False)
    assert {one.word for one in found.answers} == {"ok"}


def test_an_empty_answer_is_a_finding_at_the_panel_and_a_declared_one_is_not(server: Server) -> None:
    server.answer = lambda query: _vector() if query in {"ALERTS", "sum by (job) (up)"} else _vector(1)
    found = verify(profile())
    assert [(mark.code, mark.file) for mark in found.marks] == [
        ("PANEL_EMPTY", "rules_templates/dashboards/alerts.json.j2")
    ]
    words = {one.panel: one.word for one in found.answers}
    assert words["Firing and pending"] == "empty (declared)"
    assert words["Targets that answer"] == "empty"


def test_a_ratio_without_traffic_is_no_finding(server: Server) -> None:
    server.answer = lambda _: _vector(float("nan"))
    found = verify(profile())
    assert found.marks == ()
    assert {one.word for one in found.answers} == {"no traffic"}


def test_a_refused_query_shows_the_servers_sentence(server: Server) -> None:
    refusal = httpx.Response(422, json={"status": "error", "error": "many-to-many matching"})
    server.answer = lambda query: refusal if query == "ALERTS" else _vector(1)
    found = verify(profile()).marks
    assert [(mark.code, mark.detail) for mark in found] == [("PANEL_REFUSED", "many-to-many matching")]


def _break(server: Server, what: str) -> None:
    if what == "down":
        server.targets.append(_target("clickhouse", "down"))
    elif what == "missing":
        server.targets.pop()
    elif what == "not loaded":
        server.groups.pop()
    else:
        server.groups[0]["rules"] = [{"name": "r", "type": "alerting", "query": "x", "health": "err"}]


@pytest.mark.parametrize(
    ("what", "code"),
    [
        ("down", "TARGET_DOWN"),
        ("missing", "TARGET_MISSING"),
        ("not loaded", "GROUP_NOT_LOADED"),
        ("broken rule", "RULE_UNHEALTHY"),
    ],
)
def test_targets_and_groups_are_looked_at(server: Server, what: str, code: str) -> None:
    _break(server, what)
    assert codes(server) == [code]


def test_a_group_of_others_is_no_finding(server: Server) -> None:
    server.groups.append({"name": "theirs", "rules": []})
    assert codes(server) == []


def test_a_server_that_is_no_prometheus_is_unreachable(server: Server) -> None:
    server.answer = lambda _: httpx.Response(200, text="<html>")
    with pytest.raises(Unreachable) as caught:
        verify(profile())
    assert caught.value.code == "PROMETHEUS_ANSWER_UNKNOWN"


def test_nobody_says_where_prometheus_is() -> None:
    with pytest.raises(Unreachable) as caught:
        verify(profile(CCOPS_PROMETHEUS_URL=""))
    assert caught.value.code == "PROMETHEUS_MISSING"


def test_answers_keep_the_order_of_the_questions(server: Server) -> None:
    server.answer = lambda query: _vector(float(query))
    with server.open("http://x") as client:
        assert [one.value for one in ask_all(client, [str(n) for n in range(20)])] == list(range(20))
        server.answer = lambda _: {"resultType": "scalar", "result": [0, "3"]}
        assert ask(client, "3").value == 3


class Clock:
    def now(self) -> datetime:
        return NOW

    def monotonic(self) -> float:
        return 0.0


def _alert(name: str, state: str, **labels: str) -> dict[str, object]:
    return {
        "labels": {"alertname": name, **labels},
        "state": state,
        "activeAt": (NOW - timedelta(seconds=90)).isoformat().replace("+00:00", ".123456789Z"),
    }


def _silence(matchers: Mapping[str, str], *, regex: bool = False) -> dict[str, object]:
    rows = [{"name": k, "value": v, "isRegex": regex, "isEqual": True} for k, v in matchers.items()]
    return {
        "id": "s1", "createdBy": "ccops/me", "comment": "", "matchers": rows, "status": {"state": "active"},
        "startsAt": "2026-11-23T05:50:00Z", "endsAt": "2026-11-23T06:10:00Z",
    }  # fmt: skip


def _with_silences(monkeypatch: pytest.MonkeyPatch, rows: Sequence[object]) -> None:
    @contextmanager
    def open_fake(url: str) -> Any:
        def reply(_: httpx.Request) -> httpx.Response:
            return httpx.Response(200, text=json.dumps(rows))

        with httpx.Client(base_url=url, transport=httpx.MockTransport(reply)) as client:
            yield client

    monkeypatch.setattr(status_module, "open_alertmanager", open_fake)


@pytest.mark.parametrize(
    ("alerts", "silences", "code"),
    [
        ([], [], ExitCode.OK),
        ([("A", "pending")], [], ExitCode.OK),
        ([("A", "firing")], [], ExitCode.NEGATIVE),
        ([("A", "firing")], [{"alertname": "A"}], ExitCode.OK),
        ([("A", "firing")], [{"alertname": "B"}], ExitCode.NEGATIVE),
        ([("A", "firing"), ("B", "firing")], [{"alertname": "A"}], ExitCode.NEGATIVE),
        ([("A", "inactive")], [], ExitCode.OK),
    ],
)
def test_an_alert_is_loud_unless_a_silence_mutes_exactly_it(
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
    alerts: list[tuple[str, str]],
    silences: list[dict[str, str]],
    code: ExitCode,
) -> None:
    server.alerts = [_alert(name, state) for name, state in alerts]
    _with_silences(monkeypatch, [_silence(one) for one in silences])
    found = status(profile(CCOPS_ALERTMANAGER_URL="http://alertmanager"), Clock())
    assert found.exit_code is code
    assert [one.ends_at - NOW for one in found.silences] == [timedelta(minutes=10)] * len(silences)
    assert len(found.alerts) == sum(state != "inactive" for _, state in alerts)


def test_a_target_that_is_down_is_not_well(server: Server) -> None:
    assert status(profile(), Clock()).exit_code is ExitCode.OK
    assert "CCOPS_ALERTMANAGER_URL is not set" in status(profile(), Clock()).no_alertmanager
    server.targets.append(_target("clickhouse", "down"))
    assert status(profile(), Clock()).exit_code is ExitCode.NEGATIVE
    server.targets.clear()
    assert status(profile(), Clock()).exit_code is ExitCode.NEGATIVE


def test_who_looks_at_a_metric_is_known_and_parts_of_a_histogram_count_for_it() -> None:
    found = usage(profile())
    lag = found["realtime_event_lag_ms"]
    assert ("ccops-realtime" in lag.panels, "WsEventLagP95High" in lag.rules, bool(lag.objectives)) == (
        True,
    ) * 3
    assert "ccops-overview" in found["http_requests_total"].panels
    lonely = {name for name, one in found.items() if one.unused}
    assert "promo_redeem_total" in lonely
    assert "purchase_pending" not in lonely
