"""The contract bundle of a backend: files it exports about itself, read without asking the backend."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from ccops.core.errors import UsageError
from ccops.core.profile import Profile


def packaged_contract() -> Path:
    """Return the folder of the bundled backend's contract."""
    return Path(__file__).resolve().parent.parent / "backend" / "contract"


def contract_folder(profile: Profile) -> Path:
    """Return the folder that `CCOPS_CONTRACT` names (from the project's root on), else the bundled one."""
    chosen = profile.get("CCOPS_CONTRACT")
    return profile.project.root / Path(chosen).expanduser() if chosen else packaged_contract()


def read_text(folder: Path, name: str) -> str:
    """Return the text of one file. Raises UsageError when it is missing: what nobody declared can't hold."""
    try:
        return (folder / name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            "CONTRACT_NOT_FOUND",
            f"{folder} has no readable {name}",
            evidence=f"{type(error).__name__}: {error}",
            next_step="set CCOPS_CONTRACT to the folder of your backend's contract, or leave it out",
        ) from None


def read_json(folder: Path, name: str) -> Mapping[str, object]:
    """Return one JSON file of the bundle. Raises UsageError when it is missing or no mapping."""
    return _parsed(folder, name, json.loads)


def read_yaml(folder: Path, name: str) -> Mapping[str, object]:
    """Return one YAML file of the bundle. Raises UsageError when it is missing or no mapping."""
    import yaml

    return _parsed(folder, name, yaml.safe_load)


def invalid(folder: Path, name: str, why: str) -> UsageError:
    """Return the error for a file of the bundle that can't be used."""
    return UsageError(
        "CONTRACT_INVALID",
        f"{folder / name} can't be read as a contract",
        evidence=why,
        next_step="write it again: python -m ccops.backend.export, or your backend's own export",
    )


def mapping(value: object) -> Mapping[str, object]:
    """Return `value` when it is a mapping, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def _parsed(folder: Path, name: str, parse: Callable[[str], object]) -> Mapping[str, object]:
    text = read_text(folder, name)
    try:
        found = parse(text)
    except Exception as error:  # noqa: BLE001 - two parsers with errors of their own
        said = " ".join(str(error).split())[:200]
        raise invalid(folder, name, f"{type(error).__name__}: {said}") from None
    if not isinstance(found, Mapping):
        raise invalid(folder, name, f"expected a mapping, got {type(found).__name__}")
    return found
