"""What is left after the broker went away: politely, and by kill -9."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from ccops.stack.probes import KafkaProbe
from ccops.stack.service import ProbeFailed
from tests.conftest import ROOT
from tests.integration.kafka_conformance.kit import an_hour_ago
from tests.kafka_kit import Broker, fresh, until

_BACK_S = 60.0


def _client(broker: Broker, what: str, *names: str) -> str:
    module = "tests.integration.kafka_conformance.restart_probe"
    argv = [sys.executable, "-m", module, what, broker.bootstrap, *names]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, cwd=ROOT, check=False)
    return done.stdout.strip() or done.stderr[-300:]


def _back(broker: Broker, before: int) -> bool:
    probe = KafkaProbe(int(broker.bootstrap.rpartition(":")[2]))

    def answers() -> bool:
        try:
            return broker.pid() not in (0, before) and bool(probe.ask(2))
        except ProbeFailed:
            return False

    return until(answers, _BACK_S)


@pytest.mark.slow
def test_records_offsets_and_times_survive_a_restart(own_broker: Broker) -> None:
    names, pid = (fresh("kept"), fresh("kept"), str(an_hour_ago())), own_broker.pid()
    assert _client(own_broker, "write", *names) == "0 None"

    done = own_broker.ccops("restart", "kafka")

    assert done.code == 0, done.err
    assert _back(own_broker, pid)
    assert until(lambda: _client(own_broker, "read", *names) == "100 70 42", 10)


@pytest.mark.slow
@pytest.mark.fault
def test_what_was_acknowledged_survives_a_kill_at_once(own_broker: Broker) -> None:
    names, pid = (fresh("kept"), fresh("kept"), str(an_hour_ago())), own_broker.pid()
    assert _client(own_broker, "write", *names) == "0 None"

    os.kill(pid, signal.SIGKILL)

    assert _back(own_broker, pid)
    assert until(lambda: _client(own_broker, "read", *names) == "100 70 42", own_broker.patience(20, 3))
