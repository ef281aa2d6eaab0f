"""Check the words of scenarios against the backend's contract bundle: files, never the backend itself."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from ccops.core.bundle import packaged_contract
from ccops.core.errors import UsageError
from ccops.smoke.findings import Finding
from ccops.smoke.model import Scenario
from ccops.smoke.validate import check_vocabulary

_FILES = ("openapi.json", "events.json", "metrics.yml")


def vocabulary_findings(scenario: Scenario, folder: Path | None = None) -> list[Finding]:
    """Return routes, events, metrics and topics that `scenario` names and the contract does not have.

    A file that is missing is not asked. Raises UsageError for a folder that has none of them, and for a
    file that can't be read: words that nobody looked up are not valid.
    """
    folder = folder or packaged_contract()
    if not any((folder / name).is_file() for name in _FILES):
        raise UsageError(
            "CONTRACT_NOT_FOUND",
            f"{folder} holds no contract bundle",
            evidence=f"looked for {', '.join(_FILES)}",
            next_step="name a folder that has them, or leave --contract and CCOPS_CONTRACT out",
        )
    metrics = _yaml(folder / "metrics.yml")
    return check_vocabulary(
        scenario,
        _json(folder / "openapi.json"),
        _json(folder / "events.json"),
        metrics=list(metrics) if metrics is not None else None,
    )


def _json(path: Path) -> Mapping[str, object] | None:
    return _read(path, json.loads)


def _yaml(path: Path) -> Mapping[str, object] | None:
    import yaml

    return _read(path, yaml.safe_load)


def _read(path: Path, parse: Callable[[str], object]) -> Mapping[str, object] | None:
    if not path.is_file():
        return None
    try:
        found = parse(path.read_text(encoding="utf-8"))
    except Exception as error:  # noqa: BLE001 - two parsers with errors of their own, and the file system's
        said = " ".join(str(error).split())[:200]
        raise _broken(path, f"{type(error).__name__}: {said}") from None
    if not isinstance(found, Mapping):
        raise _broken(path, f"expected a mapping, got {type(found).__name__}")
    return found


def _broken(path: Path, why: str) -> UsageError:
    return UsageError(
        "CONTRACT_INVALID",
        f"{path} can't be read as a contract",
        evidence=why,
        next_step="write it again: python -m ccops.backend.export, or your backend's own export",
    )
