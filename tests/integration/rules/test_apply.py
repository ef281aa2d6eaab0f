"""`rules apply` on a real Prometheus: it believes the rules API, and puts back what was not taken."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from ccops.core.errors import CcopsError, Degraded, Refused, Unreachable
from ccops.core.profile import Profile, Project
from ccops.rules.apply import Job, apply, plan
from ccops.rules.folder import locked
from ccops.rules.journal import abandoned
from ccops.rules.loading import Place
from ccops.rules.server import loaded_groups, open_server
from ccops.rules.wanted import Kind
from ccops.rules.writing import STAMP
from tests.conftest import run_ccops
from tests.kafka_kit import until

GROUP = """\
groups:
  - name: mine
    rules:
      - record: up:count
        expr: count(up) or vector(0)
      - alert: Busy
        expr: up:count   >   {limit}
        for: 1h30m
        keep_firing_for: 2m
        labels: {{severity: warning}}
        annotations: {{summary: "{{{{ $value }}}} of them"}}
"""
OLD = STAMP + "dev\n" + GROUP.format(limit=5)
NEW = STAMP + "dev\n" + GROUP.format(limit=7)
FOREIGN = "groups: [{name: theirs, rules: [{record: 'x:y', expr: vector(1)}]}]\n"
# Loaded without a word, and an error at every evaluation.
SICK = STAMP + "dev\ngroups: [{name: mine, rules: [{alert: Busy, expr: 'up[5m]'}]}]\n"
BROKEN = STAMP + "dev\ngroups: [{name: mine, rules: [{alert: Busy, expr: 'sum('}]}]\n"


@dataclass
class Server:
    """A Prometheus that loads `folder`, with a rule set of ours and a file of somebody else."""

    process: subprocess.Popen[bytes]
    url: str
    folder: Path
    home: Path

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)

    def job(self, *texts: str, folder: Path | None = None, tell: Callable[[str], None] = print) -> Job:
        named = {f"{number}.yml": text for number, text in enumerate(texts)}
        profile = Profile("dev", Project(self.home, self.home))
        return Job(profile, named, Place(self.url, folder or self.folder, tell=tell), "why")

    def queries(self) -> dict[str, str]:
        with open_server(self.url) as client:
            return {
                f"{group.name}/{rule.name}": rule.query
                for group in loaded_groups(client)
                for rule in group.rules
            }

    def files(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in sorted(self.folder.glob("*.yml"))}


def started(home: Path, *options: str) -> Server:
    program = shutil.which("prometheus")
    if program is None:
        pytest.skip("no prometheus on PATH: apt-get install prometheus")
    folder = home / "rules"
    folder.mkdir(parents=True)
    (home / "dev").mkdir()
    (folder / "0.yml").write_text(OLD)
    (folder / "theirs.yml").write_text(FOREIGN)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    (home / "prometheus.yml").write_text(
        json.dumps({"global": {"evaluation_interval": "1s"}, "rule_files": [str(folder / "*.yml")]})
    )
    process = subprocess.Popen(
        [
            program,
            f"--config.file={home / 'prometheus.yml'}",
            f"--storage.tsdb.path={home / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
            *(options or ("--web.enable-lifecycle",)),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    made = Server(process, f"http://127.0.0.1:{port}", folder, home)

    def ready() -> bool:
        try:
            return httpx.get(f"{made.url}/-/ready", trust_env=False).status_code == 200
        except httpx.TransportError:
            return False

    assert until(ready)
    return made


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = started(tmp_path_factory.mktemp("prometheus") / "home")
    yield made
    made.kill()


@pytest.fixture
def server(shared: Server) -> Iterator[Server]:
    """The server with the old rules, healthy; every test must leave it with them or newer ones of ours."""
    apply(shared.job(OLD))
    yield shared
    (shared.folder / "1.yml").unlink(missing_ok=True)


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Server]:
    """A server that a test may kill."""
    made = started(tmp_path / "home")
    yield made
    made.kill()


def failed(server: Server, job: Job, kind: type[CcopsError]) -> CcopsError:
    """Apply `job`, which must fail and leave files and loaded rules as they were."""
    return failed_back_to(server.files(), server, job, kind)


def failed_back_to(
    files: dict[str, bytes], server: Server, job: Job, kind: type[CcopsError] = Degraded
) -> CcopsError:
    with pytest.raises(kind) as caught:
        apply(job)
    assert server.files() == files
    return caught.value


def test_a_plan_changes_nothing_and_applying_loads_and_evaluates(server: Server) -> None:
    before = server.files()
    found = plan(server.job(NEW, STAMP + "dev\n" + FOREIGN.replace("theirs", "more")))

    assert [(one.kind, one.name) for one in found.rules] == [
        (Kind.CHANGED, "mine/Busy"),
        (Kind.ADDED, "more"),
    ]
    assert server.files() == before and server.queries()["mine/Busy"] == "up:count > 5"

    done = apply(server.job(NEW))

    assert done.changed and server.queries()["mine/Busy"] == "up:count > 7"
    assert (Path(done.backup) / "0.yml").read_text() == OLD
    assert not apply(server.job(NEW)).changed
    (line,) = [
        entry
        for entry in map(json.loads, (server.home / "dev/rules-applied.jsonl").read_text().splitlines())
        if entry["run"] == Path(done.backup).name
    ]
    assert (line["outcome"], line["reason"]) == ("applied", "why")


def test_the_files_of_others_stay_and_their_groups_are_no_difference(server: Server) -> None:
    assert plan(server.job(OLD)).empty
    apply(server.job(NEW))

    assert (server.folder / "theirs.yml").read_text() == FOREIGN
    assert "theirs/x:y" in server.queries()


def test_a_server_that_answers_200_and_reads_another_folder_is_found_out(
    server: Server, tmp_path: Path
) -> None:
    (tmp_path / "0.yml").write_text(OLD)

    error = failed(server, server.job(NEW, folder=tmp_path), Degraded)

    assert (error.code, error.exit_code) == ("RULES_NOT_LOADED", 5)
    assert f"the server reads: {server.folder}/*.yml; written was {tmp_path}" in error.evidence
    assert "--rules-dir" in error.next_step
    assert [path.name for path in tmp_path.glob("*.yml")] == ["0.yml"]
    assert (tmp_path / "0.yml").read_text() == OLD


@pytest.mark.parametrize(
    ("text", "code", "evidence"),
    [
        pytest.param(SICK, "RULES_UNHEALTHY", "mine/Busy: rule result is not a vector or scalar", id="sick"),
        pytest.param(BROKEN, "RULES_RELOAD_REFUSED", "failed to reload config", id="broken"),
    ],
)
def test_rules_that_fail_when_evaluated_or_loaded_are_rolled_back(
    server: Server, text: str, code: str, evidence: str
) -> None:
    before = server.queries()

    error = failed(server, server.job(text, STAMP + "dev\n" + FOREIGN.replace("theirs", "new")), Degraded)

    assert (error.code, error.exit_code) == (code, 5)
    assert evidence in error.evidence and "the old rules are loaded again" in error.message
    assert server.queries() == before
    assert plan(server.job(OLD)).empty


def test_ctrl_c_in_the_middle_puts_the_old_rules_back(server: Server) -> None:
    def interrupt(line: str) -> None:
        if line.startswith("reloaded"):
            assert server.queries()["mine/Busy"] == "up:count > 7"
            raise KeyboardInterrupt

    files = server.files()
    with pytest.raises(KeyboardInterrupt):
        apply(server.job(NEW, tell=interrupt))

    assert server.files() == files and server.queries()["mine/Busy"] == "up:count > 5"


def killed_at(server: Server, line: str, *texts: str) -> None:
    """Apply in a process that is killed when it says `line`."""
    child = os.fork()
    if not child:

        def die(said: str) -> None:
            if said.startswith(line):
                os.kill(os.getpid(), signal.SIGKILL)

        apply(server.job(*texts, tell=die))
        os._exit(1)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL


def test_a_run_that_was_killed_is_found_and_undone_by_the_next(server: Server) -> None:
    """Also when what it had written is what the next one wants, and can't be loaded."""
    files = server.files()
    killed_at(server, "reloaded", SICK, STAMP + "dev\n" + FOREIGN.replace("theirs", "new"))
    assert server.files() != files
    left = plan(server.job(SICK)).unended
    assert left is not None and abandoned(server.folder) == left

    error = failed_back_to(files, server, server.job(SICK))

    assert error.code == "RULES_UNHEALTHY" and server.queries()["mine/Busy"] == "up:count > 5"
    assert abandoned(server.folder) is None
    lines = (server.home / "dev/rules-applied.jsonl").read_text().splitlines()
    assert [json.loads(line)["outcome"] for line in lines][-2:] == [
        "found unended, rolled back",
        "rolled back",
    ]


def test_what_somebody_changed_after_a_killed_run_is_not_undone(server: Server) -> None:
    killed_at(server, "reloaded", NEW)
    by_hand = NEW.replace("1h30m", "1h")
    (server.folder / "0.yml").write_text(by_hand)
    said: list[str] = []

    assert apply(server.job(by_hand, tell=said.append)).changed

    assert any(line.startswith("changed by somebody since") and "0.yml" in line for line in said)
    assert abandoned(server.folder) is None


def test_while_somebody_applies_nothing_is_abandoned(server: Server) -> None:
    seen: list[object] = []
    apply(server.job(NEW, tell=lambda _: seen.append(abandoned(server.folder))))

    assert seen and set(seen) == {None}


def test_a_file_of_somebody_else_under_our_name_is_refused_by_plan_and_apply(server: Server) -> None:
    (server.folder / "1.yml").write_text(FOREIGN.replace("theirs", "more"))
    job = server.job(OLD, STAMP + "dev\n" + FOREIGN.replace("theirs", "new"))

    with pytest.raises(Refused, match=r"not of ccops"):
        plan(job)
    assert failed(server, job, Refused).code == "RULES_FOREIGN_FILE"


def test_two_at_a_time_are_one_too_many(server: Server) -> None:
    with locked(server.folder):
        error = failed(server, server.job(NEW), Refused)

    assert (error.code, error.exit_code) == ("RULES_APPLY_BUSY", 3)


def test_without_the_lifecycle_api_the_server_says_why(tmp_path: Path) -> None:
    made = started(tmp_path / "home", "--log.level=error")
    try:
        error = failed(made, made.job(NEW), Degraded)
    finally:
        made.kill()

    assert (error.code, error.exit_code) == ("RULES_RELOAD_REFUSED", 5)
    assert "Lifecycle API is not enabled" in error.evidence


def test_a_server_that_is_down_or_dies_on_the_way_leaves_the_old_files(own: Server) -> None:
    def dies(line: str) -> None:
        if line.startswith("old files kept"):
            own.kill()

    error = failed(own, own.job(NEW, tell=dies), Unreachable)
    assert error.exit_code == 4 and "the old rule files were put back" in error.message

    error = failed(own, own.job(NEW), Unreachable)
    assert error.exit_code == 4 and not (own.folder / "1.yml").exists()


def test_a_server_that_dies_while_it_is_rolled_back_is_told_apart(own: Server) -> None:
    def dies(line: str) -> None:
        if line == "old files are back":
            own.kill()

    error = failed(own, own.job(SICK, tell=dies), Degraded)

    assert (error.code, error.exit_code) == ("RULES_ROLLBACK_FAILED", 5)


def test_a_protected_profile_wants_its_name_and_a_reason(tmp_path: Path) -> None:
    env = {"CCOPS_HOME": str(tmp_path)}
    call = ("rules", "apply", "--env", "prod", "--apply")

    missing = run_ccops(*call, env=env)
    unnamed = run_ccops(*call, "--confirm", "prod:rules", env=env)

    assert missing.code == 3 and "next: --confirm prod:rules" in missing.err
    assert unnamed.code == 3 and "RULES_REASON_MISSING" in unnamed.err
