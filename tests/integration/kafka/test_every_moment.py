"""Killed or interrupted at every single step of a reset: the next call always finds its way. Nightly."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.fakes.alertmanager import alertmanager
from tests.integration.kafka.conftest import Filled
from tests.integration.kafka.kit import Cluster

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
