"""Where one environment's stack keeps its files, and how they are written."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from ccops.core.errors import Refused


@dataclass(frozen=True, slots=True)
class StateDir:
    """The folder `<home>/<env>` and the files in it; everything is readable by its owner only."""

    root: Path

    @property
    def state(self) -> Path:
        return self.root / "state.json"

    @property
    def stack_env(self) -> Path:
        return self.root / "stack.env"

    @property
    def secrets(self) -> Path:
        return self.root / "secrets.env"

    @property
    def ports(self) -> Path:
        return self.root / "ports.json"

    @property
    def kafka(self) -> Path:
        return self.root / "kafka-provider.json"

    @property
    def compose(self) -> Path:
        """Return the file that is there while the stack of this environment is on Docker."""
        return self.root / "compose.json"

    @property
    def lock(self) -> Path:
        return self.root / "lock"

    @property
    def up_lock(self) -> Path:
        return self.root / "up.lock"

    @property
    def commands(self) -> Path:
        return self.root / "commands"

    @property
    def rules(self) -> Path:
        """Return the folder whose `*.yml` Prometheus loads; what is there was rendered."""
        return self.conf("rules")

    def data(self, name: str) -> Path:
        """Return the data folder of service `name`."""
        return self.root / "data" / name

    def conf(self, name: str) -> Path:
        """Return the generated configuration file `name`."""
        return self.root / "conf" / name

    def log(self, name: str) -> Path:
        """Return the log file of service `name`."""
        return self.root / "logs" / f"{name}.log"

    def create(self) -> None:
        """Make the folders that must exist before anything is written. Raises Refused where it can't."""
        try:
            for folder in ("data", "conf", "logs", "commands"):
                (self.root / folder).mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as err:
            raise Refused(
                "STATE_FOLDER_UNUSABLE",
                f"the state folder can't be written: {err.strerror}",
                evidence=str(err.filename or self.root),
                next_step="set CCOPS_HOME to a folder of yours, or: ccops doctor --only state-folder",
            ) from err


def write_private(path: Path, text: str) -> None:
    """Write `text` to `path` atomically; only the owner can read it at any moment."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    scratch.replace(path)


def empty(folder: Path) -> None:
    """Make `folder` an empty private one."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, mode=0o700)


def read_json(path: Path) -> dict[str, object]:
    """Return the JSON object in `path`, or `{}` when it is missing or broken."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}
