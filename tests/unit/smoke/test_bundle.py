"""The contract bundle as a vocabulary."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ccops.core.errors import UsageError
from ccops.core.profile import find_project
from ccops.smoke.bundle import read_bundle
from ccops.smoke.loader import load, parse
from ccops.smoke.validate import scenario_files
from tests.unit.smoke.sample import SAMPLE


def test_only_the_files_that_are_there_are_asked(tmp_path: Path) -> None:
    (tmp_path / "events.json").write_text(json.dumps({"websocket": {"types": ["reward_granted"]}}))

    found = read_bundle(tmp_path).check(parse(SAMPLE, "s.yaml", acts=()))

    assert [finding.message for finding in found] == ["no ws event has the type 'user_action'"]


def test_metrics_are_the_keys_of_their_file(tmp_path: Path) -> None:
    (tmp_path / "metrics.yml").write_text("spin_total: {type: counter}\n")

    found = read_bundle(tmp_path).check(parse(SAMPLE, "s.yaml", acts=()))

    assert {finding.hint for finding in found} == {"did you mean spin_total?"}


def test_a_folder_without_a_bundle_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no contract bundle"):
        read_bundle(tmp_path)


@pytest.mark.parametrize(
    ("name", "text"), [("openapi.json", "{"), ("metrics.yml", "a: ["), ("events.json", "[]")]
)
def test_a_broken_file_is_a_usage_error(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)

    with pytest.raises(UsageError) as caught:
        read_bundle(tmp_path)

    assert caught.value.code == "CONTRACT_INVALID"


def test_the_packaged_scenarios_use_only_words_of_the_bundled_backend() -> None:
    project = find_project()
    bundle = read_bundle(project.root / "ccops" / "backend" / "contract")

    found = [str(finding) for path in scenario_files(project) for finding in bundle.check(load(path))]

    assert found == []
