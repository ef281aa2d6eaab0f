"""Capture paths: `$.user.id`, `$.items[0]['odd name'][-1]`."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping

from ccops.core.errors import UsageError

_STEP = re.compile(
    r"\.(?P<name>[A-Za-z_][A-Za-z0-9_-]*)"
    r"|\[(?P<index>-?[0-9]{1,9})\]"
    r"|\['(?P<single>[^']*)'\]"
    r'|\["(?P<double>[^"]*)"\]'
)


class PathMissing(UsageError):
    """A capture found nothing; that is a failure, never null."""

    def __init__(self, path: str, part: str) -> None:
        super().__init__(
            "CAPTURE_MISSING",
            f"{path} is not in the answer",
            evidence=f"{part} is the first part that is missing",
        )


def is_path(value: object) -> bool:
    """Return whether `value` is meant as a path: `$` alone or followed by `.` or `[`."""
    return isinstance(value, str) and (value == "$" or value.startswith(("$.", "$[")))


@functools.lru_cache(maxsize=1024)
def parse_path(path: str) -> tuple[str | int, ...]:
    """Return the keys and indexes of `path`. Raises ValueError when it is malformed."""
    if not path.startswith("$"):
        raise ValueError("a path begins with $")
    keys: list[str | int] = []
    index = 1
    while index < len(path):
        step = _STEP.match(path, index)
        if step is None:
            raise ValueError(
                f"not a path from {path[index : index + 20]!r} on; write for example $.items[0].id"
            )
        if step["index"] is not None:
            keys.append(int(step["index"]))
        else:
            keys.append(
                next(step[group] for group in ("name", "single", "double") if step[group] is not None)
            )
        index = step.end()
    return tuple(keys)


def extract(path: str, document: object) -> object:
    """Return what stands at `path` in `document`. Raises PathMissing that names the first missing part."""
    current = document
    for key in parse_path(path):
        if isinstance(current, Mapping) and isinstance(key, str) and key in current:
            current = current[key]
            continue
        length = len(current) if isinstance(current, list | tuple) else 0
        if not isinstance(key, int) or not -length <= key < length:
            raise PathMissing(path, f"[{key}]" if isinstance(key, int) else key)
        current = current[key]  # type: ignore[index]
    return current
