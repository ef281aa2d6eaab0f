"""`status` of the stack on Docker says rules and targets of how many, as that of the embedded one does."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ccops.core.profile import Profile, Project
from ccops.rules.folder import mounted
from ccops.stack import stacks
from ccops.stack.compose import monitored
from ccops.stack.compose.replicas import write_targets
from ccops.stack.monitoring import Watch
from ccops.stack.paths import StateDir
from ccops.stack.state import Phase, ServiceState, StackState
from tests.conftest import ROOT

ALWAYS = ("worker:8001", "clickhouse:9363", "kafka-exporter:9308", "alertmanager:9093")


class Answers(BaseHTTPRequestHandler):
    """Prometheus and, under /metrics, any target."""

    up: tuple[str, ...] = ()
    rules = 0

    def do_GET(self) -> None:
        data: dict[str, object] = {"groups": [{"rules": [{"name": "r", "health": "ok"}] * self.rules}]}
        if "targets" in self.path:
            one = [{"labels": {"instance": name}, "health": "up", "lastScrape": "x"} for name in self.up]
            data = {"activeTargets": one}
        body = json.dumps({"data": data}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def address() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def profile(tmp_path: Path) -> Profile:
    made = Profile("dev", Project(ROOT, tmp_path))
    rules = StateDir(made.state_dir).rules
    rules.mkdir(parents=True)
    (rules / "a.yml").write_text("groups:\n- rules:\n  - alert: A\n  - record: b\n")
    return made


def _seen(profile: Profile, address: str, *names: str) -> Watch:
    rows = {name: ServiceState(name, Phase.READY, started=1.0) for name in names}
    rows["prometheus"] = ServiceState("prometheus", Phase.READY, started=1.0, address=address)
    seen = stacks.watch(profile, StackState("dev", 0, 1.0, rows))
    assert seen is not None
    return seen


def test_a_single_backend_and_the_others_are_counted_by_their_names_inside(
    profile: Profile, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Answers, "up", ("backend:8000", *ALWAYS[:-1]))
    monkeypatch.setattr(Answers, "rules", 2)

    seen = _seen(profile, address)

    assert (seen.rules_loaded, seen.rules_expected) == (2, 2)
    assert (seen.targets_up, seen.targets_expected, seen.targets_down) == (4, 5, ("alertmanager",))


def test_several_backends_are_as_many_targets_as_up_wrote(
    profile: Profile, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_targets(StateDir(profile.state_dir), ["x_backend_1", "x_backend_2"])
    monkeypatch.setattr(Answers, "up", ("x_backend_1:8000", *ALWAYS))

    seen = _seen(profile, address)

    assert (seen.targets_up, seen.targets_expected, seen.targets_down) == (5, 6, ("backend-2",))


def test_one_that_prometheus_did_not_see_yet_is_asked_where_its_port_is_published(
    profile: Profile, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Answers, "up", ())
    rows = {name: ServiceState(name, Phase.READY, address=address) for name in ("worker", "clickhouse")}
    rows["prometheus"] = ServiceState("prometheus", Phase.READY, address=address)

    seen = monitored.watch(profile, StackState("dev", 0, 1.0, rows))

    # The published port of ClickHouse is not the one of its metrics.
    assert seen is not None
    assert (seen.targets_up, seen.asked) == (1, "directly")
    assert "clickhouse" in seen.targets_down


def test_without_prometheus_there_is_nothing_to_say(profile: Profile) -> None:
    assert monitored.watch(profile, StackState("dev", 0, 1.0, {})) is None


def test_rules_are_looked_for_where_the_container_has_them(profile: Profile) -> None:
    state_dir = StateDir(profile.state_dir)
    assert mounted(profile, state_dir.rules) is None
    state_dir.compose.write_text("{}")
    assert mounted(profile, state_dir.rules) == Path("/etc/prometheus/rules")
    assert mounted(profile, Path("/elsewhere")) is None
