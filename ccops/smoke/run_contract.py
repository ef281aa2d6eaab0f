"""Check the words of scenarios against the backend's contract bundle: files, never the backend itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from ccops.smoke.findings import Finding
from ccops.smoke.model import Scenario
from ccops.smoke.validate import check_vocabulary

# What our own watcher says about a feed's numbering.
_WATCHER_TYPES = ("watch_gap", "watch_duplicate", "watch_not_json", "watch_not_an_object")


def packaged_contract() -> Path:
    """Return the folder of the bundled backend's contract."""
    return Path(__file__).resolve().parent.parent / "backend" / "contract"


def vocabulary_findings(scenario: Scenario, folder: Path | None = None) -> list[Finding]:
    """Return routes, events, metrics and topics that `scenario` names and the contract does not have.

    A file that is missing is not asked.
    """
    folder = folder or packaged_contract()
    events = _json(folder / "events.json")
    metrics, topics = _yaml(folder / "metrics.yml"), _yaml(folder / "topics.yml")
    return check_vocabulary(
        scenario,
        _json(folder / "openapi.json"),
        _events(events) if events is not None else None,
        metrics=list(metrics) if metrics is not None else None,
        topics=list(topics) if topics is not None else None,
    )


def _events(bundle: Mapping[str, object]) -> dict[str, object]:
    kafka, ws = bundle.get("kafka"), bundle.get("websocket")
    topics = kafka.get("topics") if isinstance(kafka, Mapping) else None
    types = [name for names in topics.values() for name in names] if isinstance(topics, Mapping) else []
    frames = ws.get("types") if isinstance(ws, Mapping) else None
    names = list(frames) if isinstance(frames, Mapping | list) else []
    return {"kafka": sorted(set(types)), "ws": [*map(str, names), *_WATCHER_TYPES]}


def _json(path: Path) -> Mapping[str, object] | None:
    if not path.is_file():
        return None
    found = json.loads(path.read_text(encoding="utf-8"))
    return found if isinstance(found, Mapping) else None


def _yaml(path: Path) -> Mapping[str, object] | None:
    if not path.is_file():
        return None
    import yaml

    found = yaml.safe_load(path.read_text(encoding="utf-8"))
    return found if isinstance(found, Mapping) else None
