"""The stack's life on real servers: up, down, faults. Each test has its own home and ports."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import psutil
import psycopg
import pytest
import redis

from ccops.core.errors import Refused, Unreachable
from ccops.stack import engine
from ccops.stack.paths import StateDir
from ccops.stack.state import Phase, alive
from tests.freezing import frozen

if TYPE_CHECKING:
    from tests.integration.stack.conftest import Bench

Until = Callable[..., bool]


def test_data_survives_down_and_up_and_both_answer_real_clients(bench: Bench) -> None:
    engine.up(bench.profile(), ("postgres", "redis"))
    profile = bench.profile()
    with psycopg.connect(profile.get("CCOPS_DATABASE_URL"), autocommit=True) as db:
        db.execute("CREATE TABLE kept (n int)")
        db.execute("INSERT INTO kept VALUES (7)")
    with redis.Redis.from_url(profile.get("CCOPS_REDIS_URL")) as cache:
        cache.set("kept", "7")

    stopped = engine.down(bench.profile())

    assert stopped == ("postgres", "redis")
    assert bench.processes() == []
    assert engine.state(bench.profile()) is None

    again = engine.up(bench.profile(), ("postgres", "redis"))

    assert again.ready
    with psycopg.connect(bench.profile().get("CCOPS_DATABASE_URL")) as db:
        assert db.execute("SELECT n FROM kept").fetchone() == (7,)
    with redis.Redis.from_url(profile.get("CCOPS_REDIS_URL")) as cache:
        assert cache.get("kept") == b"7"


def test_passwords_are_needed_and_appear_in_no_command_line(bench: Bench) -> None:
    engine.up(bench.profile(), ("postgres", "redis"))
    state_dir = StateDir(bench.profile().state_dir)
    secrets = dict(line.split("=", 1) for line in state_dir.secrets.read_text().splitlines())
    port = engine.state(bench.profile()).services["postgres"].address.rpartition(":")[2]

    lines = [" ".join(process.cmdline()) for process in bench.processes()]

    assert lines
    assert not [line for line in lines if any(secret in line for secret in secrets.values())]
    assert state_dir.secrets.stat().st_mode & 0o077 == 0
    assert state_dir.stack_env.stat().st_mode & 0o077 == 0
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(f"postgresql://ccops:wrong@127.0.0.1:{port}/casino")
    with pytest.raises(redis.AuthenticationError):
        redis.Redis.from_url(bench.profile().get("CCOPS_REDIS_URL").replace("//:", "//:wrong")).ping()


def test_up_twice_changes_nothing_and_says_so(bench: Bench) -> None:
    first = bench.cli("up", "redis")
    pid = engine.pid_of(bench.profile(), "redis")

    second = bench.cli("up", "redis")

    assert (first.returncode, second.returncode) == (0, 0)
    assert "redis          ready" in first.stdout
    assert "already up: nothing to do" in second.stdout
    assert engine.pid_of(bench.profile(), "redis") == pid


def test_status_answers_for_a_healthy_a_sick_and_a_stopped_stack(bench: Bench) -> None:
    assert bench.cli("status").returncode == 4
    bench.cli("up", "redis")

    healthy = bench.cli("status", "-o", "json")

    row = json.loads(healthy.stdout)["data"]["services"][0]
    assert healthy.returncode == 0
    assert (row["name"], row["state"], row["answer"]) == ("redis", "ready", "PONG")
    assert row["pid"] == engine.pid_of(bench.profile(), "redis")

    with frozen(row["pid"]):
        sick = bench.cli("status")

    assert sick.returncode == 1
    assert "unhealthy" in sick.stdout
    assert bench.cli("down").returncode == 0
    assert "already down" in bench.cli("down").stdout


def test_env_file_holds_passwords_only_on_request(bench: Bench) -> None:
    bench.cli("up", "redis")

    text = bench.cli("status", "--env-file").stdout
    url = bench.profile().get("CCOPS_REDIS_URL")

    assert f"CCOPS_REDIS_URL={url}\n" in text
    password = url.split(":")[2].partition("@")[0]
    assert password not in bench.cli("status", "-o", "json").stdout
    assert json.loads(bench.cli("status", "--env-file", "-o", "json").stdout)["CCOPS_REDIS_URL"] == url

    lines = json.loads(bench.cli("logs", "redis", "--tail", "2", "-o", "json").stdout)["data"]["lines"]
    assert [line["service"] for line in lines] == ["redis", "redis"]


def test_a_taken_fixed_port_names_its_owner_and_starts_nothing(bench: Bench) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        bench.settings(f"CCOPS_PORT_REDIS={port}")

        with pytest.raises(Refused) as refusal:
            engine.up(bench.profile(), ("postgres", "redis"))

    assert refusal.value.code == "PORT_TAKEN"
    assert f"pid {os.getpid()} (" in refusal.value.evidence
    assert psutil.Process().cmdline()[0] in refusal.value.evidence
    assert bench.processes() == []


def test_a_kept_port_that_was_taken_meanwhile_is_replaced(bench: Bench) -> None:
    engine.up(bench.profile(), ("redis",))
    port = int(engine.state(bench.profile()).services["redis"].address.rpartition(":")[2])
    engine.down(bench.profile())
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", port))
        taken.listen()

        moved = engine.up(bench.profile(), ("redis",))

    assert moved.services["redis"].address != f"127.0.0.1:{port}"


def test_killing_the_supervisor_leaves_no_process_behind(bench: Bench, until: Until) -> None:
    before = engine.up(bench.profile(), ("postgres", "redis", "kafka", "clickhouse"))
    assert len(bench.processes()) >= 10  # PostgreSQL alone has six

    os.kill(before.pid, signal.SIGKILL)

    assert until(lambda: bench.processes() == [], 20.0)
    assert engine.state(bench.profile()) is None
    assert "CCOPS_REDIS_URL" not in bench.profile().values
    after = engine.up(bench.profile(), ("postgres", "redis", "kafka", "clickhouse"))
    assert {n: s.address for n, s in after.services.items()} == {
        n: s.address for n, s in before.services.items()
    }


@pytest.mark.parametrize("name", ["postgres", "redis", "kafka", "clickhouse"])
def test_a_killed_service_comes_back_on_its_port(bench: Bench, until: Until, name: str) -> None:
    before = engine.up(bench.profile(), (name,)).services[name]

    os.kill(before.pid, signal.SIGKILL)

    def back() -> bool:
        now = engine.state(bench.profile())
        return (
            now is not None and now.services[name].phase is Phase.READY and now.services[name].restarts == 1
        )

    assert until(back)
    after = engine.state(bench.profile()).services[name]
    assert after.pid != before.pid
    assert after.address == before.address


def test_wipe_asks_for_the_name_and_is_never_done_to_a_protected_profile(bench: Bench) -> None:
    engine.up(bench.profile(), ("redis",))
    pid = engine.pid_of(bench.profile(), "redis")

    unconfirmed = bench.cli("down", "--wipe")
    bench.settings("CCOPS_PROTECTED=1")
    text = (bench.root / "env" / "dev.env").read_text().replace("CCOPS_PROTECTED=0\n", "")
    (bench.root / "env" / "dev.env").write_text(text)
    protected = bench.cli("down", "--wipe", "--confirm", "dev")

    assert (unconfirmed.returncode, protected.returncode) == (3, 3)
    assert "--wipe --confirm dev" in unconfirmed.stderr
    assert "protected" in protected.stderr
    assert engine.pid_of(bench.profile(), "redis") == pid

    bench.settings()
    done = bench.cli("down", "--wipe", "--confirm", "dev")

    assert done.returncode == 0
    assert not bench.profile().state_dir.exists()
    assert bench.processes() == []


def test_a_failed_service_shows_probe_answer_log_and_next_command(bench: Bench) -> None:
    engine.up(bench.profile(), ("postgres",))
    engine.down(bench.profile())
    state_dir = StateDir(bench.profile().state_dir)
    with (state_dir.data("postgres") / "postgresql.conf").open("a") as conf:
        conf.write("nonsense = 1\n")

    failed = bench.cli("up", "migrate")

    assert failed.returncode == 4
    assert "postgres       FAILED" in failed.stdout
    assert "probe   psql ccops@127.0.0.1" in failed.stderr
    assert "answer  " in failed.stderr
    assert 'unrecognized configuration parameter "nonsense"' in failed.stderr
    assert "needs postgres, which failed" in failed.stderr
    assert "next: ccops logs postgres" in failed.stderr


def test_data_of_another_major_version_is_refused(bench: Bench) -> None:
    folder = StateDir(bench.profile().state_dir).data("postgres")
    folder.mkdir(parents=True)
    (folder / "PG_VERSION").write_text("15\n")

    with pytest.raises(Refused, match="belongs to PostgreSQL 15, installed is 18"):
        engine.up(bench.profile(), ("postgres",))


def test_interrupting_up_stops_what_it_started(bench: Bench, until: Until) -> None:
    running = bench.spawn("up", "postgres", "redis")
    assert until(lambda: engine.state(bench.profile()) is not None)

    running.process.send_signal(signal.SIGINT)
    done = running.wait_text()

    assert done.returncode == 130
    assert bench.processes() == []


def test_a_second_interrupt_does_not_stop_the_clean_up_of_the_first(bench: Bench, until: Until) -> None:
    running = bench.spawn("up", "postgres", "redis", "-o", "json")
    assert until(lambda: engine.pid_of(bench.profile(), "postgres"))

    for _ in range(5):
        running.process.send_signal(signal.SIGINT)
        time.sleep(0.01)
    done = running.wait_text()

    assert bench.processes() == []
    assert done.returncode == 130
    assert json.loads(done.stdout)["issues"][0]["code"] == "INTERRUPTED"


def test_interrupting_a_second_up_leaves_the_first_ones_services_alone(bench: Bench, until: Until) -> None:
    engine.up(bench.profile(), ("redis",))
    pid = engine.pid_of(bench.profile(), "redis")
    running = bench.spawn("up", "postgres")
    assert until(lambda: "postgres" in engine.state(bench.profile()).services)

    running.process.send_signal(signal.SIGINT)
    done = running.wait_text()

    assert done.returncode == 130
    assert engine.pid_of(bench.profile(), "redis") == pid
    assert engine.pid_of(bench.profile(), "postgres") is None


def test_two_ups_at_once_end_with_one_stack(bench: Bench) -> None:
    runs = [bench.spawn("up", "redis") for _ in range(3)]

    done = [run.wait_text() for run in runs]

    assert [run.returncode for run in done] == [0, 0, 0], done
    assert sum("already up" in run.stdout for run in done) == 2
    servers = [process for process in bench.processes() if "valkey" in " ".join(process.cmdline())]
    assert len(servers) == 1


def test_a_stale_state_file_with_recycled_pids_harms_no_stranger(bench: Bench) -> None:
    stranger = subprocess.Popen(["sleep", "60"])
    engine.up(bench.profile(), ("redis",))
    state_dir = StateDir(bench.profile().state_dir)
    old = json.loads(state_dir.state.read_text())
    engine.down(bench.profile())
    for process in (old["supervisor"], old["services"]["redis"]):
        process |= {"pid": stranger.pid, "started": process["started"] - 3600}
    state_dir.state.write_text(json.dumps(old))

    stopped = engine.down(bench.profile())
    state_dir.state.write_text(json.dumps(old))
    engine.up(bench.profile(), ("redis",))

    assert stopped == ()
    assert stranger.poll() is None
    stranger.kill()
    stranger.wait()


def test_a_lost_state_file_is_written_again(bench: Bench, until: Until) -> None:
    before = engine.up(bench.profile(), ("redis",))

    StateDir(bench.profile().state_dir).state.unlink()

    assert until(lambda: engine.state(bench.profile()) is not None, 20.0)
    assert engine.state(bench.profile()).pid == before.pid


def test_removing_the_state_folder_by_hand_ends_the_stack(bench: Bench, until: Until) -> None:
    before = engine.up(bench.profile(), ("redis", "postgres"))

    bench.home.rename(bench.root / "gone")
    shutil.rmtree(bench.root / "gone", ignore_errors=True)

    assert until(lambda: not alive(before.pid, before.started), 10.0)
    assert not [item for item in before.services.values() if alive(item.pid, item.started)]
    assert not bench.home.exists()


def test_down_of_one_service_leaves_the_others_and_up_brings_it_back(bench: Bench) -> None:
    engine.up(bench.profile(), ("redis", "kafka"))
    kafka = engine.pid_of(bench.profile(), "kafka")

    assert engine.down(bench.profile(), ("redis",)) == ("redis",)

    assert engine.pid_of(bench.profile(), "redis") is None
    assert engine.pid_of(bench.profile(), "kafka") == kafka
    assert engine.up(bench.profile(), ("redis",)).services["redis"].phase is Phase.READY


def test_restart_gives_settings_to_that_service_until_its_next_restart(bench: Bench) -> None:
    engine.up(bench.profile(), ("clickhouse",))

    changed = engine.restart(bench.profile(), "clickhouse", set={"LOG_LEVEL": "debug"})

    pid = changed.services["clickhouse"].pid
    assert psutil.Process(pid).environ()["LOG_LEVEL"] == "debug"
    assert changed.services["clickhouse"].overrides == ("LOG_LEVEL",)
    plain = engine.restart(bench.profile(), "clickhouse")
    assert "LOG_LEVEL" not in psutil.Process(plain.services["clickhouse"].pid).environ()
    with pytest.raises(Refused, match="redis reads no settings"):
        engine.restart(bench.profile(), "redis", set={"A": "1"})


def test_children_get_nothing_of_the_callers_environment(bench: Bench) -> None:
    bench.monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary")
    engine.up(bench.profile(), ("redis", "clickhouse"))

    seen = [process.environ() for process in bench.processes()]

    assert len(seen) >= 3
    assert not [env for env in seen if "AWS_SECRET_ACCESS_KEY" in env]


def test_without_prometheus_the_stack_is_up_and_says_absent(bench: Bench) -> None:
    bench.monkeypatch.setenv("PATH", "/nowhere")
    bench.monkeypatch.setattr("ccops.stack.engine.with_needs", lambda _: ("redis", "prometheus"))

    state = engine.up(bench.profile())

    assert state.ready
    assert state.services["prometheus"].phase is Phase.ABSENT
    assert state.services["prometheus"].detail.startswith("apt-get install")
    assert "CCOPS_PROMETHEUS_URL" not in bench.profile().values
    with pytest.raises(Refused) as refusal:
        engine.up(bench.profile(), ("prometheus",))
    assert refusal.value.code == "SERVICE_ABSENT"


def test_restart_of_a_stack_that_is_down_says_up(bench: Bench) -> None:
    with pytest.raises(Unreachable) as error:
        engine.restart(bench.profile(), "redis")

    assert error.value.next_step == "ccops up redis"


@pytest.mark.skipif(os.geteuid() != 0, reason="dropping a uid needs root")
def test_postgres_runs_as_nobody_where_namespaces_are_forbidden(bench: Bench, until: Until) -> None:
    assert bench.root.stat().st_mode & 0o007 == 0  # nobody could not even enter this folder
    bench.settings("CCOPS_ROOT_MODE=uid")

    before = engine.up(bench.profile(), ("postgres",))

    assert psutil.Process(before.services["postgres"].pid).uids().effective == 65534
    os.kill(before.pid, signal.SIGKILL)
    assert until(lambda: bench.processes() == [], 20.0)
    bench.settings("CCOPS_ROOT_MODE=userns")
    back = engine.up(bench.profile(), ("postgres",))
    assert back.ready
    assert StateDir(bench.profile().state_dir).data("postgres").stat().st_uid == 0
