"""What the tests on a real engine share: the command line, the swarm, and two who meet over two replicas."""

from __future__ import annotations

import json
import os
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from websockets.sync.client import connect

from ccops.core.profile import parse_env_file
from tests.conftest import ROOT, Ran, run_ccops
from tests.e2e.compose.engine import Engine
from tests.web import http_client

STACK = "ccops"
_PASSWORD = "correct horse battery"
_OUTSIDE = {
    "CCOPS_STACK": "external",
    "CCOPS_BACKEND_URL": "http://backend:8000",
    "CCOPS_WORKER_URL": "http://worker:8001",
    "CCOPS_PROMETHEUS_URL": "http://prometheus:9090",
    "CCOPS_ALERTMANAGER_URL": "http://alertmanager:9093",
}
_STORES = (
    "DATABASE_URL",
    "REDIS_URL",
    "KAFKA_BOOTSTRAP",
    "CLICKHOUSE_URL",
    "ADMIN_SITE_ID",
    "ADMIN_PASSWORD",
)


class OnDocker:
    """The command line, pointed at the engine and at its images."""

    def __init__(self, engine: Engine, names: dict[str, str], home: Path) -> None:
        self.engine, self.home, self.names = engine, home, names
        self.env = {**engine.env, **names, "CCOPS_HOME": str(home)}

    def ccops(self, *words: str) -> Ran:
        return run_ccops(*words, env=self.env, timeout=400)

    def done(self, *words: str) -> str:
        ran = self.ccops(*words)
        assert ran.code == 0, ran.out[-3000:] + ran.err
        return ran.out

    def rows(self) -> dict[str, dict[str, object]]:
        plain = json.loads(self.ccops("status", "-o", "json").out)
        return {row["name"]: row for row in plain["data"]["services"]}

    def containers(self) -> list[str]:
        return self.engine.docker("ps", "-aq").split()

    def of_service(self, name: str, number: int = 1) -> str:
        """Return the id of the running container `number` of service `name`."""
        labels = (f"service={name}", f"container-number={number}")
        words = [word for label in labels for word in ("--filter", f"label=com.docker.compose.{label}")]
        return self.engine.docker("ps", "-q", *words)

    def stack_env(self) -> dict[str, str]:
        values = parse_env_file(self.home / "dev" / "stack.env", "stack.env")
        return {key: value.text for key, value in values.items()}

    def secrets(self) -> list[str]:
        values = parse_env_file(self.home / "dev" / "secrets.env", "secrets.env").values()
        return [value.text.removeprefix("k1:") for value in values]

    def journey(self) -> None:
        said = self.done("smoke", "journey").strip().splitlines()[-1]
        print(said)
        assert "0 failed · 0 not evaluated" in said


def meets(here: str, there: str) -> str:
    """Return the event that a screen at backend `here` was told after an act at backend `there`."""
    name = f"e2e{uuid.uuid4().hex[:12]}"
    who = {"site_id": name, "password": _PASSWORD}
    with http_client(here) as http:
        person = {"invite_code": "5858", "nickname": name, "birth_date": "1990-01-01", **who}
        assert http.post("/api/auth/signup", json=person).status_code == 201
        token = http.post("/api/auth/login", json=who).json()["access_token"]
    url = here.replace("http", "ws", 1) + "/api/realtime/sync"
    with (
        connect(url, subprotocols=["cc.v1", f"bearer.{token}"], proxy=None) as feed,
        http_client(there, headers={"Authorization": f"Bearer {token}"}) as http,
    ):
        while json.loads(feed.recv(10))["type"] != "backfill_complete":
            pass
        answer = http.post("/api/actions", json={"action_type": "CROSSING", "context": {}})
        assert answer.status_code == 201, answer.text
        wanted = str(answer.json()["event_id"])
        while (frame := json.loads(feed.recv(10))).get("event_id") != wanted:
            pass
        return str(frame["event_id"])


def until(done: Callable[[], object], seconds: float, what: Callable[[], str]) -> None:
    """Wait until `done`; fail with what `what` says then."""
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, what()
        time.sleep(1)


class Swarm:
    """A stack that `docker stack deploy` made of an exported file."""

    def __init__(self, docker: OnDocker) -> None:
        self._docker, self._engine = docker, docker.engine

    def deploy(self, file: Path) -> None:
        folder = self._docker.home / "dev" / "compose" / "secrets"
        env = {**os.environ, **self._docker.env, "CCOPS_SECRETS_DIR": str(folder), "CCOPS_SEED": "demo"}
        # Nobody has these images in a registry.
        words = ["docker", "stack", "deploy", "--resolve-image", "never", "-c", str(file), STACK]
        done = subprocess.run(words, env=env, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert "Ignoring" not in done.stderr, done.stderr  # a key that swarm does not have

    def settled(self) -> bool:
        """Return whether every service has its tasks, and the migration has ended well."""
        lines = self._engine.docker("service", "ls", "--format", "{{.Name}} {{.Replicas}}").splitlines()
        counts = {line.split()[0]: line.split()[1] for line in lines}
        counts.pop(f"{STACK}_migrate", None)
        migrated = "Complete" in self._engine.docker("service", "ps", f"{STACK}_migrate")
        return migrated and all(text.partition("/")[0] == text.partition("/")[2] for text in counts.values())

    def said(self) -> str:
        rows = "{{.Name}} {{.CurrentState}} {{.Error}}"
        return self._engine.docker("stack", "ps", STACK, "--no-trunc", "--format", rows)

    def inside(self, *words: str) -> str:
        """Run our image in a container on the swarm's network, where it reaches the services by name."""
        secrets = parse_env_file(self._docker.home / "dev" / "compose" / "secrets" / "app.env", "app.env")
        known = {f"CCOPS_{key}": secrets[key].text for key in _STORES}
        known["CCOPS_WEBHOOK_SECRET"] = secrets["WEBHOOK_SECRETS"].text.split(",")[0]
        file = self._docker.home / "inside.env"
        file.write_text("".join(f"{key}={text}\n" for key, text in (known | _OUTSIDE).items()))
        image = self._docker.names["CCOPS_IMAGE"]
        where = ("--network", f"{STACK}_ccnet", "--env-file", str(file))
        return self._engine.docker("run", "--rm", *where, image, *words)


@contextmanager
def swarm(docker: OnDocker) -> Iterator[Swarm]:
    """Make the engine a swarm of one node that may hold data; afterwards it is none."""
    engine = docker.engine
    engine.docker("swarm", "init", "--advertise-addr", "127.0.0.1")
    try:
        engine.docker("node", "update", "--label-add", "ccops.data=true", engine.docker("node", "ls", "-q"))
        yield Swarm(docker)
        engine.docker("stack", "rm", STACK)
        until(lambda: not engine.docker("service", "ls", "-q"), 60, lambda: "services are left")
    finally:
        engine.docker("swarm", "leave", "--force")
        until(lambda: not docker.containers(), 90, lambda: engine.docker("ps", "-a"))
        for volume in engine.docker("volume", "ls", "-q").split():
            engine.docker("volume", "rm", "-f", volume)
