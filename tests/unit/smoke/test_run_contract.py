"""The contract bundle as a vocabulary."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ccops.core.errors import UsageError
from ccops.core.profile import find_project
from ccops.smoke.loader import load, parse
from ccops.smoke.run_contract import vocabulary_findings
from ccops.smoke.validate import scenario_files
from tests.unit.smoke.sample import SAMPLE


def test_only_the_files_that_are_there_are_asked(tmp_path: Path) -> None:
    (tmp_path / "events.json").write_text(json.dumps({"websocket": {"types": ["reward_granted"]}}))

    found = vocabulary_findings(parse(SAMPLE, "s.yaml", acts=()), tmp_path)

    assert [finding.message for finding in found] == ["no ws event has the type 'user_action'"]


def test_metrics_are_the_keys_of_their_file(tmp_path: Path) -> None:
    (tmp_path / "metrics.yml").write_text("spin_total: {type: counter}\n")

    found = vocabulary_findings(parse(SAMPLE, "s.yaml", acts=()), tmp_path)

    assert {finding.hint for finding in found} == {"did you mean spin_total?"}


def test_a_folder_without_a_bundle_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no contract bundle"):
        vocabulary_findings(parse(SAMPLE, "s.yaml", acts=()), tmp_path)


@pytest.mark.parametrize(
    ("name", "text"), [("openapi.json", "{"), ("metrics.yml", "a: ["), ("events.json", "[]")]
)
def test_a_broken_file_is_a_usage_error(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)

    with pytest.raises(UsageError) as caught:
        vocabulary_findings(parse(SAMPLE, "s.yaml", acts=()), tmp_path)

    assert caught.value.code == "CONTRACT_INVALID"


def test_the_packaged_scenarios_use_only_words_of_the_bundled_backend() -> None:
    files = scenario_files(find_project())

    found = [str(finding) for path in files for finding in vocabulary_findings(load(path))]

    assert files

    assert found == []


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("type: streak_update,", "type: streak_updte,"),
        ("cc.economy.ledger.", "cc.economy.leger."),
        ("post: /api/streak/claim", "post: /api/streak/clam"),
        ("metric: streak_claim_total", "metric: streak_clam_total"),
    ],
)
def test_a_misspelt_word_of_the_journey_is_found_with_the_right_one(right: str, wrong: str) -> None:
    text = (find_project().scenarios / "journey.yaml").read_text(encoding="utf-8")
    assert right in text

    found = vocabulary_findings(parse(text.replace(right, wrong), "journey.yaml"))

    assert found
    assert all(finding.hint for finding in found)
