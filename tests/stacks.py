"""A stack of a test's own: a project folder, what loads its profile, and the services while a block runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ccops.core.profile import Profile, Project, load_profile
from ccops.stack import engine

Load = Callable[[], Profile]
_SETTINGS = {
    "CCOPS_STACK": "embedded",
    "CCOPS_PROTECTED": "0",
    "APP_ENV": "dev",
    "UNLIMITED_INVITE_CODE": "5858",
    "ARGON2_PROFILE": "test",
}


def project(root: Path, **settings: str) -> Load:
    """Make a project in `root` with these settings besides the usual ones; return what loads its profile."""
    for name in ("env", "scenarios"):
        (root / name).mkdir()
    lines = (f"{name}={value}\n" for name, value in (_SETTINGS | settings).items())
    (root / "env" / "dev.env").write_text("".join(lines), encoding="utf-8")

    def load() -> Profile:
        # No environment variable on the way: threads of one test may call this at the same moment, and
        # whatever CCOPS_ variables the caller has must not redirect a test.
        return load_profile("dev", Project(root, root / "home"), {"CCOPS_HOME": str(root / "home")})

    return load


@contextmanager
def stack(root: Path, *services: str, backend_workers: int | None = None, **settings: str) -> Iterator[Load]:
    """Run these services, and what they need, until the block ends."""
    load = project(root, **settings)
    engine.up(load(), services, backend_workers=backend_workers)
    try:
        yield load
    finally:
        engine.down(load())
