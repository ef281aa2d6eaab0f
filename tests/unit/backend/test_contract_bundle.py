"""The contract bundle is what the code says, and the code documents itself."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from ccops.backend import export
from ccops.backend.core.errors import CODES
from ccops.backend.metrics import EVENT_TYPES, TOPIC_STEMS
from ccops.backend.schemas.payloads import PAYLOADS, TOPIC_TYPES

OPENAPI = json.loads((export.TARGET / "openapi.json").read_text(encoding="utf-8"))
OPERATIONS = [
    pytest.param(f"{method.upper()} {path}", operation, id=f"{method.upper()} {path}")
    for path, operations in OPENAPI["paths"].items()
    for method, operation in operations.items()
]


def codes(operation: dict) -> set[str]:
    return {code for answer in operation["responses"].values() for code in answer.get("x-codes", [])}


def test_committed_files_are_up_to_date() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ccops.backend.export", "--check"], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + "run `python -m ccops.backend.export`" + done.stderr[-500:]


def test_check_names_stale_and_missing_files(tmp_path: Path) -> None:
    assert export.stale(tmp_path) == list(export.FILES)


@pytest.mark.parametrize(("name", "operation"), OPERATIONS)
def test_every_documented_code_is_declared_under_its_status(name: str, operation: dict) -> None:
    for status, answer in operation["responses"].items():
        for code in answer.get("x-codes", []):
            assert str(CODES[code].status) == status, name


@pytest.mark.parametrize(("name", "operation"), OPERATIONS)
def test_every_route_documents_what_its_shape_makes_possible(name: str, operation: dict) -> None:
    possible: set[str] = set()
    if operation.get("security"):
        possible |= {"UNAUTHORIZED", "TOKEN_EXPIRED"}
    if operation.get("requestBody"):
        possible |= {"VALIDATION_ERROR", "BAD_REQUEST", "PAYLOAD_TOO_LARGE"}
    if operation.get("parameters"):
        possible |= {"VALIDATION_ERROR"}
    missing = possible - codes(operation)
    assert missing == set()


def test_no_other_route_falls_back_to_the_frameworks_error_shape() -> None:
    found = {
        name
        for name, operation in (parameter.values for parameter in OPERATIONS)
        if "HTTPValidationError" in json.dumps(operation)
    }

    assert found == set()


def test_every_event_type_and_topic_has_its_payload() -> None:
    assert set(EVENT_TYPES) <= set(PAYLOADS)
    assert set(TOPIC_TYPES) == set(TOPIC_STEMS)
    assert {name for types in TOPIC_TYPES.values() for name in types} <= set(PAYLOADS)


def test_no_secret_has_a_default_in_the_contract() -> None:
    settings = json.loads((export.TARGET / "settings.json").read_text(encoding="utf-8"))
    secret = {name: item for name, item in settings.items() if item.get("secret")}

    assert {"JWT_KEYS", "WEBHOOK_SECRETS", "PII_KEYS", "DATABASE_URL"} <= set(secret)
    assert not any("default" in item for item in secret.values())


def test_closed_labels_list_their_values_and_histograms_their_buckets() -> None:
    metrics = yaml.safe_load((export.TARGET / "metrics.yml").read_text(encoding="utf-8"))

    assert metrics["game_rounds_total"]["labels"]["outcome"] == ["draw", "lose", "win"]
    assert metrics["http_requests_total"]["labels"] == {"handler": None, "method": None, "status": None}
    assert metrics["http_request_duration_seconds"]["buckets"][-1] == 5.0


def test_every_topic_and_role_starts_at_zero() -> None:
    """A counter that first appears at 1 does not fire a rule on increase()."""
    from prometheus_client import generate_latest

    from ccops.backend import metrics

    text = generate_latest(metrics.registry).decode()
    topics = [f"cc.{stem}.dev" for stem in TOPIC_STEMS]
    wanted = [f'game_events_published_total{{topic="{topic}"}} 0.0' for topic in topics]
    wanted += [f'kafka_dlq_total{{topic="{topic}"}} 0.0' for topic in topics]
    wanted += [
        f'game_events_publish_failed_total{{reason="not_acknowledged",topic="{topic}"}} 0.0'
        for topic in topics
    ]
    wanted += [f'worker_role_up{{role="{role}"}} 0.0' for role in metrics.ROLES]
    assert [line for line in wanted if line not in text] == []


def test_no_label_is_open_but_those_of_routes() -> None:
    declared = yaml.safe_load((export.TARGET / "metrics.yml").read_text(encoding="utf-8"))
    open_labels = {
        (name, label)
        for name, metric in declared.items()
        for label, values in metric["labels"].items()
        if values is None
    }
    assert {name for name, _ in open_labels} <= {"http_requests_total", "http_request_duration_seconds"}
