"""Every alert leads to a heading, and no heading is left behind."""

import re
from pathlib import Path

import pytest

from ccops.__main__ import main
from ccops.core.profile import find_project, load_profile
from ccops.rules.boundary.expected import alerts_of
from ccops.rules.boundary.recipes import load_recipes
from ccops.rules.project import rule_set, templates_of

ROOT = Path(__file__).resolve().parents[3]
PROJECT = find_project(ROOT)
RULES = {rule.alert: rule for rule in alerts_of(rule_set(load_profile("prod", PROJECT)).rendered.files)}


def test_every_alert_has_a_runbook_and_every_runbook_an_alert() -> None:
    text = (ROOT / "docs" / "runbooks.md").read_text(encoding="utf-8")

    assert sorted(re.findall(r"^## (\w+)$", text, re.MULTILINE)) == sorted(RULES)


def test_every_alert_links_to_its_own_heading() -> None:
    for rule in RULES.values():
        assert rule.annotations["runbook_url"].partition("#")[2] == rule.alert.lower()
        assert rule.annotations["summary"]
        assert rule.labels["severity"] in {"critical", "warning", "info"}
        assert rule.labels["service"]


def test_every_alert_has_a_recipe_and_every_recipe_an_alert() -> None:
    assert {recipe.alert for recipe in load_recipes(templates_of(PROJECT))} == set(RULES)


def test_commands_of_the_runbooks_exist(capsys: pytest.CaptureFixture[str]) -> None:
    text = (ROOT / "docs" / "runbooks.md").read_text(encoding="utf-8")
    calls = {call.partition(" | ")[0] for call in re.findall(r"`ccops ([^`]+)`", text)}

    for call in sorted(calls):
        words = call.split()
        verbs = [word for word in words[:2] if re.fullmatch("[a-z]+", word)]
        if words[0] in {"status", "logs", "restart", "doctor"}:  # what follows is the name of a service
            verbs = verbs[:1]
        assert main([*verbs, "--help"]) == 0, call
        told = capsys.readouterr().out
        assert [word for word in words if word.startswith("--") and word not in told] == [], call
