"""The backend's contract bundle as the vocabulary that scenarios are held against."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ccops.core.errors import UsageError
from ccops.smoke.findings import Finding
from ccops.smoke.model import Scenario
from ccops.smoke.vocabulary import check_vocabulary


@dataclass(frozen=True, slots=True)
class Bundle:
    """Routes, events and metrics; what is None is not asked."""

    openapi: Mapping[str, object] | None = None
    events: Mapping[str, object] | None = None
    metrics: Mapping[str, object] | None = None

    def check(self, scenario: Scenario) -> list[Finding]:
        """Return what the scenario names and the backend does not have."""
        return check_vocabulary(scenario, self.openapi, self.events, metrics=self.metrics)


def read_bundle(folder: Path) -> Bundle:
    """Return the bundle in `folder`; a file that is not there is not asked.

    Raises UsageError for a folder without any of them, or a file that cannot be read.
    """
    bundle = Bundle(
        openapi=_read(folder / "openapi.json", json.loads),
        events=_read(folder / "events.json", json.loads),
        metrics=_read(folder / "metrics.yml", _yaml),
    )
    if bundle == Bundle():
        raise UsageError(
            "CONTRACT_NOT_FOUND",
            f"{folder} holds no contract bundle",
            evidence="looked for openapi.json, events.json and metrics.yml",
            next_step="set CCOPS_CONTRACT to the folder that has them",
        )
    return bundle


def _yaml(text: str) -> object:
    import yaml

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as err:
        raise ValueError(str(err)) from err


def _read(path: Path, parse: Callable[[str], object]) -> Mapping[str, object] | None:
    if not path.is_file():
        return None
    try:
        found = parse(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as err:
        raise UsageError("CONTRACT_INVALID", f"{path} cannot be read", evidence=str(err)) from err
    if not isinstance(found, Mapping):
        raise UsageError("CONTRACT_INVALID", f"{path} is not a mapping")
    return found
