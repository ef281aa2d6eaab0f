"""Settings: read once, refused early, and the only reader of the environment."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from ccops.backend.core import config
from ccops.backend.core.config import Settings

_SAFE = {
    "PROTECTED": "1",
    "MOCK_GATEWAY": "0",
    "JWT_KEYS": "k1:" + "s" * 64,
    "WEBHOOK_SECRETS": "w" * 64,
    "PII_KEYS": "k1:" + "ab" * 32,
}


def test_names_are_read_in_upper_case_and_strangers_are_ignored():
    found = Settings.from_environ({"HTTP_PORT": "1234", "GAME_TZ": "UTC", "HOME": "/x", "http_port": "9"})
    assert (found.http_port, found.game_tz) == (1234, "UTC")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HTTP_PORT", "70000"),
        ("ACCESS_TTL_S", "0"),
        ("APP_ENV", "Dev Env"),
        ("FAULT", "everything"),
        ("ARGON2_PROFILE", "none"),
        ("LOCKOUT_FAILURES", "0"),
        ("REFRESH_LEEWAY_S", "-1"),
    ],
)
def test_a_value_out_of_range_stops_the_start_and_names_the_field(name, value):
    with pytest.raises(ValidationError, match=name.lower()):
        Settings.from_environ({name: value})


def test_a_protected_environment_with_secrets_of_its_own_starts():
    assert Settings.from_environ(_SAFE).protected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GAME_CLOCK_OFFSET_S", "60"),
        ("FAULT", "ledger"),
        ("ACCESS_TTL_S", "2"),
        ("ARGON2_PROFILE", "test"),
        ("UNLIMITED_INVITE_CODE", "5858"),
        ("MOCK_GATEWAY", "1"),
    ],
)
def test_a_protected_environment_refuses_test_knobs(name, value):
    Settings.from_environ(_SAFE | {"PROTECTED": "0", name: value})
    with pytest.raises(ValidationError, match=name):
        Settings.from_environ(_SAFE | {name: value})


@pytest.mark.parametrize("name", ["JWT_KEYS", "WEBHOOK_SECRETS", "PII_KEYS"])
def test_a_protected_environment_refuses_default_secrets(name):
    with pytest.raises(ValidationError, match=name):
        Settings.from_environ({key: value for key, value in _SAFE.items() if key != name})


def test_a_topic_ends_with_the_environment():
    assert Settings(app_env="staging").topic("actions.events") == "cc.actions.events.staging"


def test_nobody_else_reads_the_environment_or_decides_the_day():
    backend = Path(config.__file__).parent.parent
    found = []
    for path in backend.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        if path.name != "config.py" and re.search(r"os\.(environ|getenv)", text):
            found.append(f"{path.name}: environment")
        if path.name != "clock.py" and re.search(r"date\.today|utcnow|now\([^)]*\)\.date", text):
            found.append(f"{path.name}: day")
    assert found == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("JWT_KEYS", ""),
        ("JWT_KEYS", "a-secret-without-a-kid"),
        ("JWT_KEYS", "k1:good,k2:"),
        ("PII_KEYS", "k1:" + "zz" * 32),
        ("PII_KEYS", "k1:" + "00" * 16),
        ("WEBHOOK_SECRETS", ",second"),
        ("GAME_TZ", "Asia/Nowhere"),
        ("GAME_TZ", "../etc/passwd"),
        ("GAME_CLOCK_OFFSET_S", "9" * 12),
    ],
)
def test_a_key_or_zone_that_cannot_be_used_stops_the_start_and_is_not_shown(name: str, value: str):
    with pytest.raises(ValidationError) as caught:
        Settings.from_environ({name: value})
    assert name.lower() in str(caught.value)
    assert not value or value not in str(caught.value)


@pytest.mark.parametrize(
    ("site_id", "password"),
    [
        ("operator", ""),
        ("operator", "eleven-char"),
        ("a b", "long-enough-password"),
    ],
)
def test_half_an_administrator_stops_the_start_and_is_not_shown(site_id: str, password: str):
    with pytest.raises(ValidationError) as caught:
        Settings.from_environ({"ADMIN_SITE_ID": site_id, "ADMIN_PASSWORD": password})
    assert not password or password not in str(caught.value)


def test_an_administrator_may_be_named_anywhere_also_where_it_is_protected():
    own = {"ADMIN_SITE_ID": "operator", "ADMIN_PASSWORD": "long-enough-password"}
    assert Settings.from_environ(_SAFE | own).admin_site_id == "operator"
    assert "long-enough" not in str(Settings.model_json_schema())


def test_what_is_public_holds_no_secret():
    found = Settings.from_environ(_SAFE).public()
    assert found["PROTECTED"] is True
    assert found["ACCESS_TTL_S"] == 900
    assert not any(secret in str(found) for secret in ("ssss", "wwww", "abab", "postgresql://"))
