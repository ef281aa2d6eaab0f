"""The JSON schema for editors agrees with the loader, since both read the same tables."""

from __future__ import annotations

import json

import jsonschema
import pytest

from ccops.core.profile import find_project
from ccops.smoke.document import compose
from ccops.smoke.kinds import KINDS
from ccops.smoke.schema import _KINDS, schema
from ccops.smoke.validate import scenario_files
from tests.unit.smoke.sample import SAMPLE


def complaints(text: str) -> list[str]:
    root, _ = compose(text, "s.yaml")
    assert root is not None
    validator = jsonschema.Draft202012Validator(schema(acts=()))
    return [error.json_path for error in validator.iter_errors(root.plain())]


def test_the_schema_is_valid_and_plain_json() -> None:
    made = schema(acts=("browser",))

    jsonschema.Draft202012Validator.check_schema(made)
    assert json.loads(json.dumps(made)) == made
    assert "browser" in json.dumps(made)


def test_every_kind_of_the_loader_has_a_schema() -> None:
    assert set(KINDS) == set(_KINDS)


def test_the_sample_fits() -> None:
    assert complaints(SAMPLE) == []


@pytest.mark.parametrize("path", scenario_files(find_project()), ids=lambda path: path.stem)
def test_every_packaged_scenario_fits(path: object) -> None:
    assert complaints(path.read_text(encoding="utf-8")) == []  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        ("tags: [gate]", "tag: [gate]", "$"),
        ("name: sample", "name: A Day", "$.name"),
        ("sleep: 1s", "sleep: 1", "$.steps[4].sleep"),
        ("sleep: 1s", "sleep: soon", "$.steps[4].sleep"),
        ("{id: rest, sleep: 1s}", "{id: rest}", "$.steps[4]"),
        ("{id: rest, sleep: 1s}", "{id: rest, slep: 1s}", "$.steps[4]"),
        ("systems: [http, sql, redis]", "systems: [pg]", "$.parts[0].systems[0]"),
        ("{where: redis, key: ", "{where: redis, label: ", "$.steps[1].effects[0]"),
        ("scrape: backend", "scrape: all", "$.steps[2].repeat.steps[0].effects[3].scrape"),
        ("delete: ", "fetch: ", "$.teardown[0].http"),
    ],
)
def test_what_the_loader_refuses_the_editor_marks(old: str, new: str, path: str) -> None:
    assert old in SAMPLE
    assert path in complaints(SAMPLE.replace(old, new, 1))
