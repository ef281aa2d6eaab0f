"""Every finding of `env check`, each with a near miss that passes."""

from __future__ import annotations

import hashlib

import pytest

from ccops.core.errors import UsageError
from ccops.core.profile import find_project
from ccops.profiles.check import check_envs
from ccops.profiles.envfile import parse_env
from tests.conftest import ROOT

# As long and mixed as a real key, and the same in every run: it names tests.
GOOD = hashlib.sha256(b"a key of tests").hexdigest()
DEFAULT_JWT = "dev:insecure-development-key-of-32-bytes-or-more"


def test_the_shipped_profiles_pass() -> None:
    found = check_envs(find_project(ROOT), ("dev", "staging", "prod"))
    assert [one for one in found if one.severity != "note"] == []


def test_a_small_profile_passes(files) -> None:
    assert files.issues("dev", "staging", "prod") == []


@pytest.mark.parametrize("key", ["CCOPS_STACK", "CCOPS_PROTECTED", "APP_ENV"])
def test_what_is_required_is_missed(files, key: str) -> None:
    files.drop("staging", key)
    (one,) = files.issues("staging")
    assert (one.code, one.where, key in one.message) == ("ENV_KEY_MISSING", "env/staging.env", True)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("LOCKOUT_FAILURES=0", "ENV_VALUE_INVALID"),
        ("LOCKOUT_FAILURES=five", "ENV_VALUE_INVALID"),
        ("HTTP_PORT=70000", "ENV_VALUE_INVALID"),
        ("LOG_LEVEL=info", "ENV_VALUE_INVALID"),
        ("GAME_TZ=Asia/Seol", "ENV_VALUE_INVALID"),
        ("REALTIME_RATE=0", "ENV_VALUE_INVALID"),
        ("ADMIN_SITE_ID=a b", "ENV_VALUE_INVALID"),
        ("MOCK_GATEWAY=maybe", "ENV_VALUE_INVALID"),
        ("CCOPS_KAFKA_PROVIDER=rabbit", "ENV_VALUE_INVALID"),
        ("CCOPS_PORT_BACKEND=0", "ENV_VALUE_INVALID"),
        ("CCOPS_BACKEND_URL=ftp://x", "ENV_VALUE_INVALID"),
        ("CCOPS_BACKEND_URL=http://", "ENV_VALUE_INVALID"),
        ("CCOPS_DATABASE_URL=http://x/db", "ENV_VALUE_INVALID"),
        ("CCOPS_KAFKA_BOOTSTRAP=kafka", "ENV_VALUE_INVALID"),
        ("CCOPS_BACKEND_WORKERS=99", "ENV_VALUE_INVALID"),
        ("LOCKOUT_FAILURE=5", "ENV_KEY_UNKNOWN"),
        ("CCOPS_STAK=embedded", "ENV_KEY_UNKNOWN"),
        ("ALERT_PENDING_SPIKE_TRESHOLD=20", "THRESHOLD_UNKNOWN"),
        ("ALERT_PENDING_SPIKE_THRESHOLD=0", "THRESHOLD_VALUE"),
        ("ALERT_PENDING_SPIKE_THRESHOLD=1e400", "THRESHOLD_VALUE"),
        ("ALERT_PENDING_SPIKE_THRESHOLD=20\u00a0", "THRESHOLD_VALUE"),  # a no-break space
        ("alert_pending_spike_threshold=20", "THRESHOLD_UNKNOWN"),
        ("APP_ENV=dev", "ENV_KEY_TWICE"),
        ("PROTECTED=1", "ENV_PROTECTION_MISMATCH"),
        ("not a line", "ENV_LINE_INVALID"),
        ("=5", "ENV_LINE_INVALID"),
        ("GAME_TZ=${TZ}", "ENV_VALUE_SUSPICIOUS"),
    ],
)
def test_a_bad_line_is_named_with_its_place(codes, line: str, code: str) -> None:
    found = codes("dev", line)
    assert (code, "env/dev.env:5") in found


@pytest.mark.parametrize(
    "line",
    [
        "LOCKOUT_FAILURES=1",
        "HTTP_PORT=65535",
        "LOG_LEVEL=WARNING",
        "GAME_TZ=UTC",
        "REALTIME_RATE=0.5",
        "ADMIN_SITE_ID=",
        "MOCK_GATEWAY=off",
        "CCOPS_KAFKA_PROVIDER=apache",
        "CCOPS_PORT_BACKEND=8000",
        "CCOPS_BACKEND_URL=https://api.example.com/base",
        "CCOPS_DATABASE_URL=postgresql://u:p@db:5432/x",
        "CCOPS_KAFKA_BOOTSTRAP=a:9092,b:9092",
        "ALERT_PENDING_SPIKE_THRESHOLD=1",
        "PROTECTED=0",
        "# not a line",
        "export SIGNUP_GOLD=5",
        "GAME_TZ='Asia/Seoul'",
    ],
)
def test_a_near_miss_passes(codes, line: str) -> None:
    assert codes("dev", line) == []


def test_the_nearest_key_is_told(files) -> None:
    files.add("dev", "LOCKOUT_FAILURE=5", "ALERT_LOCKOUT_MAXX=5", "game_tz=UTC")
    said = " ".join(one.message for one in files.issues("dev"))
    assert "did you mean LOCKOUT_FAILURES?" in said
    assert "did you mean ALERT_LOCKOUT_MAX?" in said
    assert "did you mean GAME_TZ?" in said


def test_a_copied_file_is_found_out(files) -> None:
    files.path("staging").write_text(files.path("dev").read_text())
    (one,) = files.issues("staging")
    assert (one.code, one.where) == ("ENV_NAME_MISMATCH", "env/staging.env:3")


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("UNLIMITED_INVITE_CODE=5858", "ENV_PROTECTED_VALUE"),
        ("FAULT=ledger", "ENV_PROTECTED_VALUE"),
        ("GAME_CLOCK_OFFSET_S=60", "ENV_PROTECTED_VALUE"),
        ("ACCESS_TTL_S=2", "ENV_PROTECTED_VALUE"),
        ("ARGON2_PROFILE=test", "ENV_PROTECTED_VALUE"),
        (f"JWT_KEYS={DEFAULT_JWT}", "ENV_DEFAULT_SECRET"),
        ("WEBHOOK_SECRETS=insecure-development-webhook-secret", "ENV_DEFAULT_SECRET"),
        (f"PII_KEYS=dev:{'00' * 32}", "ENV_DEFAULT_SECRET"),
        ("WEBHOOK_SECRETS=short", "ENV_WEAK_SECRET"),
        (f"JWT_KEYS=k1:{GOOD},k2:{'ab' * 32}", "ENV_WEAK_SECRET"),
        ("JWT_KEYS=k1:my-secret-password-of-32-bytes-x", "ENV_WEAK_SECRET"),
        ("DATABASE_URL=postgresql://app:postgres@db/x", "ENV_WEAK_SECRET"),
        ("CCOPS_ADMIN_PASSWORD=admin", "ENV_WEAK_SECRET"),
        ("PROTECTED=0", "ENV_PROTECTION_MISMATCH"),
    ],
)
def test_a_protected_profile_refuses(codes, line: str, code: str) -> None:
    assert codes("prod", line) == [(code, "env/prod.env:5")]


@pytest.mark.parametrize(
    "line",
    [
        "UNLIMITED_INVITE_CODE=launch-2026",
        "FAULT=",
        "GAME_CLOCK_OFFSET_S=0",
        "ACCESS_TTL_S=900",
        f"JWT_KEYS=k1:{GOOD}",
        f"PII_KEYS=k1:{GOOD}",
        f"DATABASE_URL=postgresql://app:{GOOD}@db/x",
        "DATABASE_URL=postgresql://db/x",
        "PROTECTED=1",
    ],
)
def test_a_protected_profile_allows(codes, line: str) -> None:
    assert codes("prod", line) == []


def test_an_unprotected_profile_may_have_test_knobs(codes) -> None:
    assert codes("dev", "FAULT=ledger", f"JWT_KEYS={DEFAULT_JWT}", "ACCESS_TTL_S=2") == []


def test_a_default_that_must_not_stay_is_missed_by_name(files) -> None:
    files.drop("prod", "MOCK_GATEWAY")
    (one,) = files.issues("prod")
    assert (one.code, one.where) == ("ENV_PROTECTED_VALUE", "env/prod.env")
    assert "MOCK_GATEWAY must be changed" in one.message


def test_no_finding_repeats_a_secret(files) -> None:
    files.add(
        "prod", f"JWT_KEYS={DEFAULT_JWT}", "WEBHOOK_SECRETS=hunter2", "DATABASE_URL=postgres://u:hunter3@d"
    )
    files.add("prod", "CCOPS_DATABASE_URL=mysql://u:hunter4@db/x", "ADMIN_PASSWORD=" + "hunter5" * 30)
    said = repr(files.issues("prod"))
    assert "hunter" not in said
    assert DEFAULT_JWT not in said
    assert said.count("code=") >= 5


@pytest.mark.parametrize(
    ("env", "line", "code"),
    [
        ("dev", "ALERT_PENDING_SPIKE_THRESHOLD=26", "ENV_ORDER"),  # staging stays at 25
        ("prod", "ALERT_PENDING_SPIKE_THRESHOLD=24", "ENV_ORDER"),
        ("staging", "ALERT_API_READ_P95_MS=501", "ENV_ORDER"),  # down: dev has 500
        ("dev", "ALERT_PENDING_SPIKE_THRESHOLD=25", ""),
        ("staging", "ALERT_PURCHASE_SUCCESS_MIN_PERCENT=60", ""),  # no order
    ],
)
def test_thresholds_keep_their_order_over_the_environments(files, env: str, line: str, code: str) -> None:
    files.add(env, line)
    found = files.issues(env)
    assert [one.code for one in found] == ([code] if code else [])
    if code:
        assert files.issues("dev", "staging", "prod") == found


def test_order_is_only_told_to_whom_it_concerns(files) -> None:
    files.add("prod", "ALERT_PENDING_SPIKE_THRESHOLD=24")
    assert files.issues("dev") == []
    assert [one.code for one in files.issues("staging")] == ["ENV_ORDER"]


def test_an_unknown_environment_names_the_nearest(files) -> None:
    with pytest.raises(UsageError) as caught:
        files.issues("pord")
    assert caught.value.next_step == "--env prod"


def test_only_lf_ends_a_line_as_for_the_loader() -> None:
    found = parse_env("dev", "env/dev.env", "A=1\x0cB=2\u2028C=3\n")
    assert {key: value.text for key, value in found.values.items()} == {"A": "1\x0cB=2\u2028C=3"}


def test_lines_are_read_as_the_loader_reads_them() -> None:
    found = parse_env("dev", "env/dev.env", "\ufeffA=1\r\n\n  B = 2\nC=' x # y'\nD=a # b\n".lstrip("\ufeff"))
    assert {key: value.text for key, value in found.values.items()} == {"A": "1", "C": " x # y", "D": "a # b"}
    assert [(one.code, one.where) for one in found.issues] == [
        ("ENV_LINE_INVALID", "env/dev.env:3"),
        ("ENV_VALUE_SUSPICIOUS", "env/dev.env:5"),
    ]
