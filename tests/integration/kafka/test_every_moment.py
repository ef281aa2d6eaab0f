"""Killed or interrupted at every single step of a reset: the next call always finds its way. Nightly."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest

from ccops.kafka.broker import Broker
from ccops.kafka.model import Committed, Place, Refusal
from tests.fakes.alertmanager import alertmanager
from tests.freezing import freeze
from tests.integration.kafka.conftest import Filled
from tests.integration.kafka.kit import Cluster, until
from tests.integration.kafka.test_refusals import refused

_ALTER = Broker.alter

PATCH = """
import atexit, os, pathlib, time
from ccops.kafka import audit, journal, snapshot, write
from ccops.kafka.broker import Broker
from ccops.kafka.silence import Silencer
steps = []
def hit(name):
    steps.append(name)
    if len(steps) == {at}:
        os.kill(os.getpid(), {sig})
        time.sleep(0.02)
def wrap(owner, name):
    real = getattr(owner, name)
    def inner(*args, **named):
        hit("before " + name)
        said = real(*args, **named)
        hit("after " + name)
        return said
    setattr(owner, name, inner)
for owner, names in ((snapshot, ["write_durably"]), (journal, ["write_durably", "remove"]),
                     (audit, ["append_durably"]), (write, ["read_back"]), (Silencer, ["begin", "end"]),
                     (Broker, ["alter", "describe", "committed", "find"])):
    for name in names:
        wrap(owner, name)
atexit.register(lambda: pathlib.Path({count!r}).write_text(str(len(steps))))
"""


@pytest.mark.nightly
@pytest.mark.timeout(900)
@pytest.mark.parametrize("sig", [signal.SIGKILL, signal.SIGINT])
def test_every_moment_of_a_reset_is_a_good_one_to_die(
    cluster: Cluster, tmp_path: Path, sig: signal.Signals
) -> None:
    with alertmanager() as silences:
        env = {"CCOPS_ALERTMANAGER_URL": silences.url}

        def run(filled: Filled, at: int) -> int:
            text = PATCH.format(at=at, sig=int(sig), count=str(tmp_path / "count"))
            text = f"os.environ['CCOPS_ALERTMANAGER_URL'] = {silences.url!r}\n" + text
            call = ("kafka", "reset", *filled.names, "--to-earliest", "--apply")
            return cluster.patched(text, *call).returncode

        assert run(Filled(cluster), 0) == 0
        steps = int((tmp_path / "count").read_text(encoding="utf-8"))
        assert steps > 30
        for at in range(1, steps + 1):
            filled = Filled(cluster)
            code = run(filled, at)
            found = cluster.committed(filled.group)
            assert found in (filled.places(10, 10, 10), filled.places(0, 0, 0)), at
            if sig is signal.SIGINT:  # what is interrupted tidies up, or goes on to the end
                assert cluster.runs() == [] and silences.alive() == [], at
                assert code == (0 if found == filled.places(0, 0, 0) else 130), at
            call = ("kafka", "reset", *filled.names, "--to-offset", "5", "--apply")
            done = cluster.ccops(*call, env=env)
            assert done.code == 0, f"{at}: {done.err}"
            assert cluster.committed(filled.group) == filled.places(5, 5, 5), at
            assert cluster.runs() == [] and silences.alive() == [], at
    ends = [one["run_id"] for one in cluster.audit() if one["event"] == "finished"]
    begun = {one["run_id"] for one in cluster.audit() if one["event"] == "started"}
    assert len(ends) == len(set(ends)) and begun <= set(ends)


@pytest.mark.nightly
def test_a_broker_that_stands_still_under_the_write_is_looked_at_again_by_the_next_call(
    cluster: Cluster, filled: Filled, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has the request, and nobody knows whether it will act on it: longer than the read-back waits."""
    awake = threading.Event()

    def paused(self: Broker, group: str, offsets: Mapping[Place, Committed]) -> dict[Place, Refusal]:
        pid = cluster.pid()
        assert pid > 1
        freeze(pid)
        threading.Timer(30, lambda: (os.kill(pid, signal.SIGCONT), awake.set())).start()
        return _ALTER(self, group, offsets)

    monkeypatch.setattr(Broker, "alter", paused)
    call = ("kafka", "reset", *filled.names, "--apply")
    refused(cluster.ccops(*call, "--to-earliest", "--timeout", "2"), "KAFKA_OUTCOME_UNKNOWN", 4)
    monkeypatch.undo()
    assert len(cluster.runs()) == 1 and awake.wait(60)
    # A process of its own: librdkafka 2.16 crashed here once, which must be as good as a kill.
    until(lambda: cluster.patched("", *call, "--to-offset", "5").returncode == 0)
    assert cluster.committed(filled.group) == filled.places(5, 5, 5) and cluster.runs() == []
