"""Scenarios by name, and their words against what the backend has."""
# ruff: noqa: E501 - a finding is one line, and is compared as one

from __future__ import annotations

from pathlib import Path

import pytest

from ccops.core.errors import UsageError
from ccops.core.profile import Project
from ccops.smoke.loader import parse
from ccops.smoke.validate import catalogue, check_vocabulary, find, validate
from tests.unit.smoke.sample import SAMPLE

OPENAPI = {
    "paths": {
        "/api/auth/signup": {"post": {}},
        "/api/auth/login": {"post": {}},
        "/api/games/slot/spin": {"post": {}},
        "/api/streak/claim": {"post": {}},
        "/api/users/{user_id}": {"get": {}, "delete": {}},
    }
}
EVENTS = {
    "websocket": {"types": ["user_action", "reward_granted"]},
    "kafka": {"topics": {"cc.actions.events.{env}": ["user_action"], "cc.economy.ledger.{env}": ["ledger"]}},
}


def small(name: str, rest: str = "") -> str:
    return f"ccops: scenario/v1\nname: {name}\n{rest}steps:\n  - {{id: a, http: {{get: /x}}}}\n"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    folder = tmp_path / "scenarios"
    (folder / "fragments").mkdir(parents=True)
    (folder / "fragments" / "part.yaml").write_text("steps: []")
    (folder / "journey.yaml").write_text(small("journey"))
    (folder / "buy-race.yaml").write_text(small("buy-race", "tag: [edge]\n"))
    (folder / "lockout.yaml").write_text(small("lock"))
    return Project(tmp_path, tmp_path / ".ccops")


def words(text: str) -> list[str]:
    found = check_vocabulary(
        parse(text, "s.yaml", acts=()),
        OPENAPI,
        EVENTS,
        metrics={"spins_total"},
    )
    return [str(finding) for finding in found]


def test_the_catalogue_lists_every_scenario_even_one_with_errors(project: Project) -> None:
    listed = catalogue(project)

    assert [(item.name, item.label, item.scenario is not None) for item in listed] == [
        ("buy-race", "scenarios/buy-race.yaml", False),
        ("journey", "scenarios/journey.yaml", True),
        ("lockout", "scenarios/lockout.yaml", False),
    ]


def test_a_scenario_is_found_by_name_or_by_path(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project.root.parent)
    path = project.scenarios / "journey.yaml"

    assert find(project, "journey") == path
    assert find(project, str(path)) == path
    assert find(project, "scenarios/journey.yaml") == path
    assert find(project, "journey.yaml") == path


def test_an_unknown_name_comes_with_the_nearest_one(project: Project) -> None:
    with pytest.raises(UsageError) as caught:
        find(project, "jurney")

    assert (caught.value.code, caught.value.next_step) == ("SCENARIO_UNKNOWN", "did you mean journey?")
    with pytest.raises(UsageError, match="there is no file"):
        find(project, "scenarios/nope.yaml")


def test_validate_gives_every_error_of_every_file(project: Project) -> None:
    paths = [item.path for item in catalogue(project)]

    assert [
        str(finding) for finding in validate([*paths, project.root / "gone.yaml"], root=project.root)
    ] == [
        "scenarios/buy-race.yaml:3:1: unknown key 'tag' in a scenario (did you mean tags?)",
        "scenarios/lockout.yaml:1:1: the scenario is called 'lock' and its file 'lockout' "
        "(people look for it by the file's name)",
        "gone.yaml:1:1: gone.yaml cannot be read (No such file or directory)",
    ]


def test_two_files_with_one_name_are_found(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "same.yaml").write_text(small("same"))

    found = validate([tmp_path / "a/same.yaml", tmp_path / "b/same.yaml"], root=tmp_path)

    assert [str(finding) for finding in found] == [
        "b/same.yaml:1:1: a scenario 'same' is also in a/same.yaml"
    ]


def test_a_scenario_in_the_backends_words_has_no_finding() -> None:
    assert words(SAMPLE) == []


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("/api/auth/signup", "/api/auth/singup", "POST /api/auth/singup: no such route (did you mean /api/auth/signup?)"),
        ("delete: ", "patch: ", "PATCH /api/users/${uid}: the route takes DELETE, GET"),
        ("{type: user_action}", "{type: user_acton}", "no ws event has the type 'user_acton' (did you mean user_action?)"),
        ("{value: {type: user_action}}", "{value: {type: {in: [ledger, legder]}}}", "no kafka event has the type 'legder' (did you mean ledger?)"),
        ("metric: spins_total, labels", "metric: spin_total, labels", "no metric is called 'spin_total' (did you mean spins_total?)"),
        ('kafka: ["cc.actions.events.${env}"]', 'kafka: ["cc.action.events.${env}"]', "no topic is called 'cc.action.events.${env}' (did you mean cc.actions.events.{env}?)"),
    ],
)  # fmt: skip
def test_a_word_the_backend_does_not_know_is_found(old: str, new: str, message: str) -> None:
    assert old in SAMPLE
    assert message in [line.split(" ", 1)[1] for line in words(SAMPLE.replace(old, new, 1))]


def test_a_catalogue_that_is_not_given_is_not_asked() -> None:
    assert check_vocabulary(parse(SAMPLE, "s.yaml", acts=()), None, None) == []
