"""Runs in a Python of its own: `python -P export_child.py MODULE:ATTR FOLDER OUT` writes the app's document.

It imports nothing of ccops: the interpreter may be the one of somebody else's project. What the app prints
while it is imported goes nowhere near the document, which has a file of its own.
"""

import importlib
import importlib.metadata
import json
import sys
from pathlib import Path

_VERSIONS = ("fastapi", "pydantic", "starlette", "litestar", "flask")


def main(spec: str, folder: str, out: str) -> None:
    """Write `{"document": ..., "versions": ...}`, or `{"wrong": sentence}` for what people can mend."""
    sys.path.insert(0, folder)
    module, _, attribute = spec.partition(":")
    found: object = importlib.import_module(module)
    for name in attribute.split("."):
        if not hasattr(found, name):
            _write(out, {"wrong": f"{module} has no {attribute}"})
            return
        found = getattr(found, name)
    if not hasattr(found, "openapi") and callable(found):
        found = found()
    openapi = getattr(found, "openapi", None)
    if not callable(openapi):
        _write(out, {"wrong": f"{spec} is a {type(found).__name__} without openapi()"})
        return
    _write(out, {"document": openapi(), "versions": _versions()})


def _versions() -> dict[str, str]:
    found = {}
    for name in _VERSIONS:
        if name in sys.modules:
            found[name] = importlib.metadata.version(name)
    return found


def _write(out: str, value: object) -> None:
    Path(out).write_text(json.dumps(value, allow_nan=False), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
