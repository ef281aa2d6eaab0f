"""What every test may use: the CLI as a process, and skips that CI does not accept."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import settings

from ccops.core.profile import Profile, Project, load_profile

ROOT = Path(__file__).resolve().parent.parent

# Fixtures of servers that several folders share; what a folder starts for itself alone is found by its path.
_SERVERS = ("stack", "stores", "kafka_broker")

# How long an example takes says something about the machine, not about the code.
settings.register_profile("ccops", deadline=None)
settings.load_profile("ccops")

# A shell starts what it sends to the background with Ctrl-C ignored, and every child would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@dataclass(frozen=True)
class Ran:
    """How a `ccops` process ended."""

    code: int
    out: str
    err: str


Ccops = Callable[..., Ran]


def run_ccops(
    *args: str,
    env: Mapping[str, str] | None = None,
    timeout: float = 120,
    cwd: Path = ROOT,
    under: Sequence[str] = (),
) -> Ran:
    """Run `ccops ARGS` as a process, as a person would, without the caller's CCOPS_ variables.

    `under` is a program with arguments that runs it.
    """
    clean = {key: value for key, value in os.environ.items() if not key.startswith("CCOPS_")}
    clean |= {"NO_COLOR": "1", "COLUMNS": "120"} | dict(env or {})
    done = subprocess.run(
        [*under, sys.executable, "-m", "ccops", *args],
        capture_output=True,
        text=True,
        timeout=timeout,
        cwd=cwd,
        env=clean,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def ccops() -> Ccops:
    """The command line as a process."""
    return run_ccops


@dataclass(frozen=True)
class Stack:
    """The whole embedded stack of this test session, in a home of its own."""

    home: Path

    @property
    def env(self) -> dict[str, str]:
        return {"CCOPS_HOME": str(self.home)}

    def ccops(self, *args: str, timeout: float = 120) -> Ran:
        return run_ccops(*args, env=self.env, timeout=timeout)

    def profile(self) -> Profile:
        return load_profile("dev", Project(ROOT, self.home), self.env)

    def url(self, key: str) -> str:
        return self.profile().get(key)


@contextmanager
def running_stack(home: Path) -> Iterator[Stack]:
    """Everything `ccops up` starts, under `home`; stopped at the end whatever happened."""
    made = Stack(home)
    up = made.ccops("up")
    try:
        assert up.code == 0, up.out + up.err
        yield made
    finally:
        down = made.ccops("down")
    assert down.code == 0, down.out + down.err


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The stack of this session. What damages data on purpose takes `spoilt_stack` instead."""
    with running_stack(tmp_path_factory.mktemp("stack")) as made:
        yield made


@pytest.fixture(scope="module")
def spoilt_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack that a module may leave with a doubled ledger or lost records."""
    with running_stack(tmp_path_factory.mktemp("spoilt")) as made:
        yield made


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With `-n`, tests that share servers run in one process, one after the other: `--dist loadgroup`."""
    if hasattr(config, "workerinput"):
        for item in items:
            item.add_marker(pytest.mark.xdist_group(_group(item)))


def _group(item: pytest.Item) -> str:
    shared = [name for name in _SERVERS if name in getattr(item, "fixturenames", ())]
    if shared:
        return shared[0]
    parts = item.path.relative_to(ROOT / "tests").parts
    return "/".join(parts[:2] if parts[0] == "integration" else parts)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI a skip is a failure: what could not look is never green."""
    report = yield
    if os.environ.get("CCOPS_NO_SKIP") == "1" and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped in CI: {report.longrepr}"
    return report
