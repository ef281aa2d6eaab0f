"""Let the child run migrations, and read what it answers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ccops.core.errors import Unreachable, UsageError
from ccops.core.masking import mask_urls
from ccops.migrations.config import AlembicConfig
from ccops.migrations.revision import Revision

_CHILD = Path(__file__).with_name("child.py")
_ALLOWED = (
    "PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TMPDIR",
    "COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Runner:
    """How migrations of a project are run. `settings` are variables its modules need, given on purpose."""

    config: AlembicConfig
    python: str = sys.executable
    settings: Mapping[str, str] | None = None
    timeout_s: float = 300.0


def stairs(
    runner: Runner, url: str, order: Sequence[Revision], check: Sequence[Revision]
) -> Iterator[dict[str, object]]:
    """Yield the answer for each revision of `check`, on a database that is taken up all of `order`."""
    job: dict[str, object] = {
        "job": "stairs",
        "url": _sqlalchemy(url),
        "order": _steps(order),
        "check": _steps(check),
    }
    return _run(runner, job)


def drift(runner: Runner, url: str, metadata: str) -> Iterator[dict[str, object]]:
    """Yield what autogenerate finds between the migrations and `module:name`."""
    return _run(runner, {"job": "drift", "url": _sqlalchemy(url), "metadata": metadata})


def rendered(runner: Runner, check: Sequence[Revision]) -> Iterator[dict[str, object]]:
    """Yield the SQL of each revision, or why it can't be rendered without a database."""
    return _run(runner, {"job": "render", "check": _steps(check)})


def move(
    runner: Runner, url: str, direction: str, target: str, revisions: Sequence[Revision]
) -> Iterator[dict[str, object]]:
    """Take a database `up` or `down` to `target`; yield each revision with its seconds, or what failed."""
    job: dict[str, object] = {"job": "move", "url": _sqlalchemy(url), "direction": direction}
    return _run(runner, job | {"target": target, "check": _steps(revisions)})


def _steps(revisions: Sequence[Revision]) -> list[dict[str, object]]:
    return [{"id": one.id, "down": list(one.down), "path": str(one.path.resolve())} for one in revisions]


def _sqlalchemy(url: str) -> str:
    return url.replace("postgresql://", "postgresql+psycopg://", 1)


def _run(runner: Runner, job: dict[str, object]) -> Iterator[dict[str, object]]:
    """Start the child and yield its answers. Raises UsageError when the project can't be run at all."""
    config = runner.config
    request = job | {
        "config": str(config.path.resolve()),
        "script_location": str(config.script_location.resolve()),
        "sys_path": [str(folder.resolve()) for folder in config.sys_path],
    }
    # The URL goes through stdin: a command line and an environment can be read by others.
    environ = {name: os.environ[name] for name in _ALLOWED if name in os.environ} | dict(
        runner.settings or {}
    )
    environ |= {"PYTHONDONTWRITEBYTECODE": "1", "NO_COLOR": "1"}
    try:
        child = subprocess.Popen(
            [runner.python, str(_CHILD)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, env=environ, cwd=config.path.resolve().parent, start_new_session=True,
        )  # fmt: skip
    except OSError as error:
        raise _broken(f"{runner.python}: {error.strerror}") from None
    try:
        out, said = child.communicate(json.dumps(request).encode(), timeout=runner.timeout_s)
    except subprocess.TimeoutExpired:
        raise Unreachable(
            "ALEMBIC_SCRATCH_TIMEOUT",
            "the migrations did not end in time",
            evidence=f"no answer within {runner.timeout_s:g} s",
            next_step="--timeout SECONDS",
        ) from None
    finally:
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
    try:
        answers = [answer for line in out.splitlines() if isinstance(answer := json.loads(line), dict)]
    except ValueError:
        answers = []  # its own word is the evidence
    if not answers or not ({"done", "broken"} & set(answers[-1])):
        last = said.decode("utf-8", "replace").strip().splitlines()
        raise _broken(mask_urls(last[-1] if last else "the process ended without a word"))
    if "broken" in answers[-1]:
        raise _broken(mask_urls(str(answers[-1]["broken"])))
    return iter(answers[:-1])


def _broken(why: str) -> UsageError:
    return UsageError(
        "ALEMBIC_SCRATCH",
        "the project's migrations can't be run",
        evidence=why,
        next_step="--python with the interpreter that has the project's packages; --set KEY=VALUE",
    )
