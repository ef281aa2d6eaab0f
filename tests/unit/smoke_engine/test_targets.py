"""What a run knows of its profile."""

from __future__ import annotations

from pathlib import Path

from ccops.core.profile import Profile, Project, Value
from ccops.smoke.engine_systems import Targets


def _targets(**keys: str) -> Targets:
    values = {f"CCOPS_{key}": Value(text, "stack.env") for key, text in keys.items()}
    return Targets.of(Profile("dev", Project(Path(), Path()), values))


def test_a_scenario_may_log_in_as_the_administrator_whose_password_is_masked() -> None:
    found = _targets(ADMIN_SITE_ID="boss", ADMIN_PASSWORD="a-good-secret")

    assert found.names() == {"env": "dev", "admin_site_id": "boss", "admin_password": "a-good-secret"}
    assert "a-good-secret" in found.passwords()
    assert "a-good-secret" not in repr(found)


def test_a_scenario_may_sign_webhooks_with_a_secret_that_is_masked() -> None:
    found = _targets(WEBHOOK_SECRET="hush-hush")

    assert found.names() == {"env": "dev", "webhook_secret": "hush-hush"}
    assert found.passwords() == ["hush-hush"]
    assert "hush-hush" not in repr(found)


def test_without_an_administrator_the_names_do_not_exist() -> None:
    for keys in ({}, {"ADMIN_SITE_ID": "boss"}, {"ADMIN_PASSWORD": "a-good-secret"}):
        assert _targets(**keys).names() == {"env": "dev"}
