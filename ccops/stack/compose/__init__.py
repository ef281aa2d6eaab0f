"""The same stack on Docker: the compose client starts and removes, the SDK looks and waits."""

from __future__ import annotations

from enum import StrEnum


class Mode(StrEnum):
    """Where the stack runs: as our own processes, or as containers."""

    AUTO = "auto"
    EMBEDDED = "embedded"
    COMPOSE = "compose"
