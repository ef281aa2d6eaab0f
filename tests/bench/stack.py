"""Stacks of our own: each in a home that is removed with everything in it."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from ccops.core.profile import Project, load_profile
from ccops.stack.paths import StateDir
from ccops.stack.state import StackState, read_state
from tests.bench.machine import ROOT, BenchFailed, Timed, ccops, checked


@dataclass(slots=True)
class Home:
    """A temporary CCOPS_HOME and the stack in it. As a context it is stopped and removed, always."""

    path: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="ccops-bench-")))

    def __enter__(self) -> Home:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def ccops(self, *args: str) -> Timed:
        """Run a command against this stack."""
        return ccops(*args, home=self.path)

    def up(self) -> Timed:
        """Start everything. Raises BenchFailed when something is not ready."""
        return checked(self.ccops("up"), "ccops up")

    def down(self) -> Timed:
        """Stop everything, keep the data."""
        return checked(self.ccops("down"), "ccops down")

    def url(self, key: str) -> str:
        """Return one address of the running stack."""
        value = load_profile("dev", Project(ROOT, self.path), {}).get(key)
        if not value:
            raise BenchFailed(f"the stack has no {key}")
        return value

    def state(self) -> StackState:
        """Return what the supervisor wrote last."""
        state = read_state(StateDir(self.path / "dev"))
        if state is None:
            raise BenchFailed("the stack left no state")
        return state

    def close(self) -> None:
        """Stop what may run here and remove the home; a home that can't be stopped is kept for a look."""
        if (self.path / "dev" / "state.json").exists():
            self.down()
        shutil.rmtree(self.path, ignore_errors=True)


@dataclass(slots=True)
class Shared:
    """One stack for all benches that can share it; started by the first that asks."""

    _home: Home | None = None

    def get(self) -> Home:
        """Return the running stack."""
        if self._home is None:
            home = Home()
            try:
                home.up()
            except BaseException:
                home.close()
                raise
            self._home = home
        return self._home

    def close(self) -> None:
        """Stop it if it was started."""
        if self._home is not None:
            home, self._home = self._home, None
            home.close()
