"""The environment our own Python processes get: an allow-list, never the caller's."""

from __future__ import annotations

import os

_ALLOWED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG")


def base_env() -> dict[str, str]:
    """Return what a Python program needs from the machine."""
    kept = {key: os.environ[key] for key in _ALLOWED if key in os.environ}
    return {"PATH": os.defpath, **kept, "PYTHONUNBUFFERED": "1"}
