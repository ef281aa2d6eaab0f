"""Where ccops works: the project folder, the chosen environment and its targets."""

from __future__ import annotations

import difflib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ccops.core.errors import UsageError

_LINE = re.compile(r"^(?:export\s+)?(?P<key>[A-Za-z_][A-Za-z0-9_]*)=(?P<value>.*)$")
_TARGET = re.compile(r"^CCOPS_\w+_(URL|BOOTSTRAP)$")
_MARKERS = ("scenarios", "env")


@dataclass(frozen=True, slots=True)
class Value:
    """One setting and the place it came from (`env/dev.env:3`, `process`, `stack.env`)."""

    text: str
    origin: str


@dataclass(frozen=True, slots=True)
class Project:
    """The folder with `scenarios/`, `env/` and `rules_templates/`, and the one for state."""

    root: Path
    home: Path

    @property
    def scenarios(self) -> Path:
        return self.root / "scenarios"


@dataclass(frozen=True, slots=True)
class Profile:
    """An environment: its name, its settings with origin, and where its stack keeps state."""

    env: str
    project: Project
    values: Mapping[str, Value] = field(default_factory=dict)

    @property
    def protected(self) -> bool:
        return self.get("CCOPS_PROTECTED", "0") == "1"

    @property
    def stack_kind(self) -> str:
        return self.get("CCOPS_STACK", "external")

    @property
    def ours(self) -> bool:
        """Return whether ccops starts this stack, as processes or on Docker."""
        return self.stack_kind in {"embedded", "compose"}

    @property
    def state_dir(self) -> Path:
        return self.project.home / self.env

    def get(self, key: str, default: str = "") -> str:
        """Return the effective text of `key`, or `default`."""
        value = self.values.get(key)
        return value.text if value else default

    def backend_settings(self) -> dict[str, str]:
        """Return the settings that are meant for the backend (no CCOPS_/ALERT_/SLO_ key)."""
        return {
            key: value.text
            for key, value in self.values.items()
            if not key.startswith(("CCOPS_", "ALERT_", "SLO_")) and value.origin != "process"
        }


def find_project(chosen: Path | None = None) -> Project:
    """Return the project: `chosen`, else a parent of the current folder, else the packaged copy.

    Raises UsageError when `chosen` does not hold `scenarios/` and `env/`.
    """
    if chosen is not None:
        root = chosen.expanduser().resolve()
        if not _is_project(root):
            raise UsageError(
                "PROJECT_NOT_FOUND",
                f"{root} holds no ccops project",
                evidence="a project folder has the folders scenarios/ and env/",
                next_step="name a folder that has them, or leave --project out",
            )
        return Project(root, _home(root))
    here = Path.cwd()
    root = next((folder for folder in (here, *here.parents) if _is_project(folder)), packaged_project())
    return Project(root, _home(root))


def packaged_project() -> Path:
    """Return the copy inside the wheel, or the repository root of an editable install."""
    package = Path(__file__).resolve().parent.parent
    inside = package / "_project"
    return inside if inside.is_dir() else package.parent


def _is_project(folder: Path) -> bool:
    return all((folder / name).is_dir() for name in _MARKERS)


def _home(root: Path) -> Path:
    if chosen := os.environ.get("CCOPS_HOME"):
        return Path(chosen).expanduser().resolve()
    if os.access(root, os.W_OK) and "_project" not in root.parts:
        return root / ".ccops"
    state = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(state) / "ccops"


def parse_env_file(path: Path, label: str) -> dict[str, Value]:
    """Return the KEY=VALUE lines of `path`; values are taken literally, outer quotes removed.

    Raises UsageError that lists every bad line at once.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as err:
        raise UsageError("ENV_FILE_INVALID", f"{label} is not UTF-8", evidence=str(err)) from err
    values: dict[str, Value] = {}
    problems: list[str] = []
    # Only LF ends a line and only blanks are cut: a no-break space behind a number must stay visible.
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.strip(" \t\r")
        if not line or line.startswith("#"):
            continue
        match = _LINE.match(line)
        if match is None:
            # What follows may be a secret with a blank before its `=`.
            begins = re.split(r"[=:\s]", line, maxsplit=1)[0][:30]
            problems.append(f"{label}:{number}: expected KEY=VALUE, {begins!r} begins none")
            continue
        key = match["key"]
        if key in values:
            problems.append(f"{label}:{number}: {key} is set twice (first at {values[key].origin})")
            continue
        values[key] = Value(_unquote(match["value"].strip(" \t")), f"{label}:{number}")
    if problems:
        raise UsageError(
            "ENV_FILE_INVALID",
            f"{label} has {len(problems)} bad line(s)",
            evidence="\n".join(problems),
            next_step=f"edit {path}",
        )
    return values


def _unquote(text: str) -> str:
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "\"'":
        return text[1:-1]
    return text


def load_profile(env: str, project: Project, environ: Mapping[str, str] | None = None) -> Profile:
    """Return the profile `env`: process environment over `stack.env` over `env/NAME.env`.

    The targets of a protected profile are never taken from the process environment, so that a
    variable left over in a shell can't point a dangerous command at another place.
    Raises UsageError for an unknown name, with the nearest known one.
    """
    environ = os.environ if environ is None else environ
    path = project.root / "env" / f"{env}.env"
    known = sorted(file.stem for file in (project.root / "env").glob("*.env"))
    if not re.fullmatch(r"[a-z][a-z0-9-]*", env) or not path.is_file():
        near = difflib.get_close_matches(env, known, n=1)
        raise UsageError(
            "ENV_UNKNOWN",
            f"there is no environment {env!r}",
            evidence=f"{project.root / 'env'} has: {', '.join(known) or 'no *.env file'}",
            next_step=f"--env {near[0]}" if near else f"create {path}",
        )
    values = parse_env_file(path, f"env/{env}.env")
    _check_tool_values(values)
    protected = values.get("CCOPS_PROTECTED", Value("0", "")).text == "1"
    if Profile(env, project, values).ours:
        values |= _stack_values(project.home / env)
    for key, text in environ.items():
        if key.startswith("CCOPS_") and not (protected and (_TARGET.match(key) or key == "CCOPS_PROTECTED")):
            values[key] = Value(text, "process")
    return Profile(env, project, values)


def _check_tool_values(values: Mapping[str, Value]) -> None:
    allowed = {"CCOPS_PROTECTED": ("0", "1"), "CCOPS_STACK": ("embedded", "compose", "external")}
    for key, choices in allowed.items():
        value = values.get(key)
        if value is not None and value.text not in choices:
            raise UsageError(
                "ENV_VALUE_INVALID",
                f"{key} is {value.text!r}",
                evidence=f"{value.origin}: allowed are {', '.join(choices)}",
                next_step=f"edit {value.origin}",
            )


def _stack_values(state_dir: Path) -> dict[str, Value]:
    """Return stack.env, but only while the supervisor that wrote it is alive, or the stack is on Docker."""
    path = state_dir / "stack.env"
    on_docker = (state_dir / "compose.json").is_file()
    if not path.is_file() or not (on_docker or supervisor_of(state_dir) is not None):
        return {}
    return {key: Value(value.text, "stack.env") for key, value in parse_env_file(path, "stack.env").items()}


def supervisor_of(state_dir: Path) -> int | None:
    """Return the pid of the living supervisor that owns `state_dir`, or None.

    Pid and start time must both match `state.json`, so that a recycled pid never counts.
    """
    import psutil

    try:
        state = json.loads((state_dir / "state.json").read_text(encoding="utf-8"))
        pid, started = int(state["supervisor"]["pid"]), float(state["supervisor"]["started"])
        process = psutil.Process(pid)
        alive = abs(process.create_time() - started) < 1.0 and process.status() != psutil.STATUS_ZOMBIE
    except (OSError, ValueError, KeyError, TypeError, psutil.Error):
        return None
    return pid if alive else None
