"""Get the OpenAPI document of an app, and write documents so that equal ones are equal bytes.

An app is imported in a process of its own, with a time limit and an environment that is a list of allowed
names: what a shell happens to hold must not change the document, and an import must not reach what the
shell could. `PYTHONHASHSEED` is fixed, since a set in a model would otherwise order an enum anew each time.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ccops.contract.load import parse
from ccops.core.errors import UsageError
from ccops.core.masking import Masker

BUNDLED_APP = "ccops.backend.main:create_app"
MAX_BYTES = 64 * 2**20
_CHILD = Path(__file__).with_name("export_child.py")
_SPEC = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")
_ALLOWED = (
    "PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TMPDIR",
    "COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class App:
    """`module:attribute` of an app or of a function that makes one, and how it may be imported.

    folder    where the module is looked up first
    python    the interpreter; another project's app lives in another environment
    settings  variables the app needs, given on purpose
    """

    spec: str = BUNDLED_APP
    folder: Path = field(default_factory=Path.cwd)
    python: str = sys.executable
    settings: Mapping[str, str] = field(default_factory=dict)
    timeout_s: float = 30.0


@dataclass(frozen=True, slots=True)
class Exported:
    """The document and the versions of what made it, which are no part of it."""

    document: Mapping[str, object]
    versions: Mapping[str, str]


def export_app(app: App) -> Exported:
    """Return the app's document. Raises UsageError when it can't be imported or takes too long."""
    if not _SPEC.fullmatch(app.spec):
        raise UsageError(
            "APP_INVALID",
            f"--app {app.spec!r} is not MODULE:ATTRIBUTE",
            evidence="an app, or a function without arguments that returns one",
            next_step=f"--app {BUNDLED_APP}",
        )
    with tempfile.TemporaryDirectory(prefix="ccops-export-") as place:
        folder = Path(place)
        _run(app, folder)
        return _read(app, folder)


def render(document: Mapping[str, object]) -> str:
    """Return `document` as text: keys sorted, two spaces, ends with a new line."""
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def clean_env(settings: Mapping[str, str]) -> dict[str, str]:
    """Return the variables the app's process gets."""
    kept = {name: os.environ[name] for name in _ALLOWED if name in os.environ}
    fixed = {"PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUTF8": "1"}
    return {"PATH": os.defpath, **kept, **fixed, **settings}


def _run(app: App, folder: Path) -> None:
    # Files and not pipes: a grandchild that keeps a pipe open must not keep us.
    with (folder / "said").open("wb") as said:
        try:
            process = subprocess.Popen(
                [app.python, "-P", str(_CHILD), app.spec, str(app.folder.resolve()), str(folder / "out")],
                env=clean_env(app.settings),
                cwd=app.folder,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                start_new_session=True,
            )
        except OSError as error:
            raise _failed(app, f"{type(error).__name__}: {error}") from None
        try:
            ended = _ended(process, app.timeout_s)
        finally:
            code = _end(process)
        if not ended:
            raise UsageError(
                "EXPORT_TIMEOUT",
                f"{app.spec} was not ready within {app.timeout_s:g} s",
                evidence=_tail(app, folder),
                next_step="an app must not connect or wait while it is imported; --timeout allows more",
            )
    if code != 0:
        raise _failed(app, _tail(app, folder))


def _ended(process: subprocess.Popen[bytes], timeout_s: float) -> bool:
    """Return whether the process ended in time. It is not reaped: its id must stay its own until `_end`."""
    until = time.monotonic() + timeout_s
    while os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


def _end(process: subprocess.Popen[bytes]) -> int:
    """Kill the process and what it left behind: the group is its own, so that nobody else can be hit."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    return process.wait()


def _read(app: App, folder: Path) -> Exported:
    out = folder / "out"
    if not out.is_file() or out.stat().st_size > MAX_BYTES:
        why = f"it wrote more than {MAX_BYTES} bytes" if out.is_file() else "it ended without a document"
        raise _failed(app, f"{why}\n{_tail(app, folder)}")
    told = parse(out.read_bytes(), f"app {app.spec}")
    assert isinstance(told, dict)
    if "wrong" in told:
        raise _failed(app, str(told["wrong"]))
    document = told["document"]
    if not isinstance(document, dict) or not isinstance(document.get("openapi"), str):
        raise _failed(app, "what openapi() returned is no OpenAPI document")
    return Exported(document, told["versions"])


def _tail(app: App, folder: Path) -> str:
    """Return the last lines the process wrote, which are the ones that say why, without what --set gave."""
    with (folder / "said").open("rb") as said:
        said.seek(max(0, said.seek(0, os.SEEK_END) - 4000))
        text = said.read().decode("utf-8", "replace")
    last = "\n".join(text.strip().splitlines()[-6:])
    return Masker(app.settings.values()).text(last) or "it said nothing"


def _failed(app: App, why: str) -> UsageError:
    return UsageError(
        "EXPORT_FAILED",
        f"{app.spec} gives no OpenAPI document",
        evidence=why,
        next_step=f"{app.python} -c 'import {app.spec.partition(':')[0]}'    from {app.folder}",
    )
