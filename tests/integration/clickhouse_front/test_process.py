"""The process: start, refusals, stop, and what survives a kill."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import clickhouse_connect
import psutil
import pytest
from clickhouse_connect.driver.exceptions import DatabaseError

ROOT = Path(__file__).resolve().parents[3]
Start = Callable[..., Any]


def ended(front: Any) -> tuple[int, str]:
    """Exit code and last line of a front that did not come up."""
    _, err = front.process.communicate(timeout=20)
    return front.process.returncode, err.strip().splitlines()[-1]


def test_an_acknowledged_insert_survives_kill_9(start: Start, tmp_path: Path) -> None:
    front = start(tmp_path / "data")
    with clickhouse_connect.get_client(dsn=front.url) as client:
        client.command("CREATE TABLE t (a UInt32) ENGINE = MergeTree ORDER BY a")
        for first in range(0, 2000, 100):
            client.insert("t", [[n] for n in range(first, first + 100)], column_names=["a"])
        front.process.kill()
    front.process.wait(10)
    (front.data / "incoming" / "left-behind").write_bytes(b"x")
    again = start(tmp_path / "data")
    with clickhouse_connect.get_client(dsn=again.url) as client:
        assert client.query("SELECT count(), uniqExact(a) FROM t").result_rows == [(2000, 2000)]
    assert list((again.data / "incoming").iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_within_a_second(start: Start, tmp_path: Path, number: int) -> None:
    front = start(tmp_path / "data")
    client = clickhouse_connect.get_client(dsn=front.url)  # an idle keep-alive connection stays open
    since = time.monotonic()
    assert front.end(number) == 0
    assert time.monotonic() - since < 1.0
    client.close_connections()


def test_a_query_under_way_finishes_before_the_stop(start: Start, tmp_path: Path) -> None:
    front = start(tmp_path / "data")
    client = clickhouse_connect.get_client(dsn=front.url)
    answers: list[object] = []
    asking = threading.Thread(target=lambda: answers.append(client.command("SELECT sleep(2.5) + 7")))
    asking.start()
    time.sleep(1.0)
    assert front.end() == 0
    asking.join()
    assert answers == [7]


def test_a_query_longer_than_the_grace_does_not_hold_the_stop(start: Start, tmp_path: Path) -> None:
    front = start(tmp_path / "data", "--grace", "0.3")
    client = clickhouse_connect.get_client(dsn=front.url, query_retries=0)
    failures: list[Exception] = []

    def ask() -> None:
        try:
            client.query("SELECT count() FROM numbers(1000000000000)")
        except DatabaseError as error:
            failures.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    time.sleep(0.4)
    since = time.monotonic()
    assert front.end() == 0
    assert time.monotonic() - since < 10
    asking.join(10)
    assert len(failures) == 1


def test_a_directory_in_use_is_refused_with_the_holders_pid(
    start: Start, launch: Start, tmp_path: Path
) -> None:
    first = start(tmp_path / "data")
    code, line = ended(launch(tmp_path / "data"))
    assert code == 3
    assert line.startswith("error CLICKHOUSE_DATA_LOCKED: ")
    assert f"process {first.process.pid}" in line
    assert first.process.poll() is None


def test_a_directory_opened_by_another_engine_is_refused(launch: Start, start: Start, tmp_path: Path) -> None:
    front = start(tmp_path / "data")
    assert front.end() == 0
    path = str(tmp_path / "data" / "db")
    script = f"import chdb; c = chdb.connect({path!r}); print('open', flush=True); input()"
    holder = subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "open\n"
        code, line = ended(launch(tmp_path / "data"))
    finally:
        holder.communicate("\n", timeout=20)
    assert code == 3
    assert line.startswith("error CLICKHOUSE_ENGINE_REFUSED: ")


def test_a_taken_port_is_refused(launch: Start, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        code, line = ended(launch(tmp_path / "data", "--port", str(taken.getsockname()[1])))
    assert code == 3
    assert line.startswith("error CLICKHOUSE_PORT_TAKEN: ")


@pytest.mark.parametrize(
    ("extra", "code", "name"),
    [
        (("--host", "0.0.0.0"), 3, "CLICKHOUSE_HOST_NOT_LOOPBACK"),
        (("--host", "example.org"), 2, "CLICKHOUSE_HOST"),
        (("--password-file", "/nonexistent"), 2, "CLICKHOUSE_PASSWORD_FILE"),
        (("--data", "/proc/nope"), 3, "CLICKHOUSE_DATA_UNUSABLE"),
        (("--data", "/tmp/what?x=1"), 2, "CLICKHOUSE_DATA_PATH"),
    ],
)
def test_a_wrong_start_is_one_line(
    launch: Start, tmp_path: Path, extra: tuple[str, ...], code: int, name: str
) -> None:
    got, line = ended(launch(tmp_path / "data", *extra))
    assert got == code
    assert line.startswith(f"error {name}: ")


def test_a_missing_engine_is_one_line_and_the_way_to_get_it(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("x\n")
    arguments = ["--data", str(tmp_path / "data"), "--port", "0", "--password-file", str(secret)]
    done = subprocess.run(
        [sys.executable, "-S", "-m", "ccops.stack.clickhouse_front", *arguments],  # -S: no site-packages
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=20,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error CHDB_MISSING: ")
    assert "pip install 'ccops[embedded]'" in done.stderr
    assert done.stderr.count("\n") == 1


def test_the_process_is_small_and_starts_fast(start: Start, tmp_path: Path) -> None:
    start(tmp_path / "warm").end()
    since = time.monotonic()
    front = start(tmp_path / "warm")
    took = time.monotonic() - since
    mapped = {Path(entry.path).name for entry in psutil.Process(front.process.pid).memory_maps()}
    assert not any("arrow" in name or "multiarray" in name for name in mapped)
    assert took < 3.0, "0.3-0.5 s on two free cores"
