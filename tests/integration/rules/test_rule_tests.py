"""`ccops rules test` with the real promtool: everything shipped passes, and a broken rule does not."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Ccops

ROOT = Path(__file__).resolve().parents[3]
pytestmark = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")


@pytest.fixture
def broken(tmp_path: Path) -> Callable[[str, str, str], Path]:
    """Return a function that copies the project and replaces one text in one file of its templates."""

    def copy(file: str, old: str, new: str) -> Path:
        for name in ("rules_templates", "env"):
            shutil.copytree(ROOT / name, tmp_path / name)
        (tmp_path / "scenarios").mkdir()
        path = tmp_path / "rules_templates" / file
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")
        return tmp_path

    return copy


@pytest.mark.timeout(400)
def test_each_alert_fires_beyond_its_threshold_and_not_at_it_in_every_environment(
    ccops: Ccops, tmp_path: Path
) -> None:
    report = tmp_path / "rules.xml"
    ran = ccops("rules", "test", "--env", "all", "-o", "json", "--report", f"junit={report}", timeout=360)
    data = json.loads(ran.out)["data"]

    assert ran.code == 0, ran.err
    tests = {(one["env"], one["name"]) for one in data["tests"]}
    at_threshold = {(env, name.partition(":")[0]) for env, name in tests if name.endswith("then beyond")}
    for env, alerts in (("dev", 28), ("staging", 28), ("prod", 29)):
        found = {one["alert"] for one in data["tests"] if one["env"] == env}
        assert len(found) == alerts
        assert {name.partition(" / ")[0] for where, name in at_threshold if where == env} == found
    assert data["untested"] == []
    assert {(one["env"], one["alert"]) for one in data["left_out"]} == {
        ("dev", "PurchaseTrafficAbsent"),
        ("staging", "PurchaseTrafficAbsent"),
    }
    assert f'tests="{len(tests)}"' in report.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("file", "old", "new", "case"),
    [
        ("rules/kafka_consumer_health.yml.j2", ") > <<", ") >= <<", "KafkaHighConsumerLag"),
        ("rules/kafka_consumer_health.yml.j2", 'hold("5m")', 'hold("4m")', "KafkaHighConsumerLag"),
        ("rules/kafka_consumer_health.yml.j2", "clamp_min(", "clamp_max(", "KafkaHighConsumerLag"),
        (
            "rules/auth-lockout.yml.j2",
            ">= << ALERT_LOGIN_MIN",
            "> << ALERT_LOGIN_MIN",
            "LoginFailureRatioHigh",
        ),
        ("rules/_burns.j2", '"14.4"', '"14.5"', "ApiErrorBudgetBurnFast"),
    ],
)
def test_a_rule_that_was_changed_is_seen(
    ccops: Ccops, broken: Callable[[str, str, str], Path], file: str, old: str, new: str, case: str
) -> None:
    project = broken(file, old, new)
    ran = ccops("rules", "test", "--env", "prod", "--case", case, "--project", str(project))

    assert ran.code == 1
    assert f"error[RULE_TEST_FAILED]: prod: {case}" in ran.err


def test_an_alert_without_a_recipe_is_no_success(
    ccops: Ccops, broken: Callable[[str, str, str], Path]
) -> None:
    project = broken("tests/boundary.yml", "NegativeGoldBalance:\n", "Other:\n")
    ran = ccops("rules", "test", "--env", "prod", "--case", "Gold", "--project", str(project))

    assert ran.code == 1
    assert "error[RULE_UNTESTED]: prod: nothing proves that NegativeGoldBalance fires" in ran.err


def test_another_threshold_is_tried_at_that_threshold(ccops: Ccops) -> None:
    odd = (
        ("Pending", "ALERT_PENDING_SPIKE_THRESHOLD=7"),
        ("ApiReadP95", "ALERT_API_READ_P95_MS=317.5"),
        ("IngestLoss", "ALERT_CH_LOSS_MAX_PERCENT=0.7"),
        ("SuccessRate", "ALERT_PURCHASE_SUCCESS_MIN_PERCENT=97.3"),
    )
    for case, value in odd:
        ran = ccops("rules", "test", "--env", "prod", "--case", case, "--set", value)
        assert ran.code == 0, ran.err


def test_without_promtool_it_says_what_to_install(ccops: Ccops, tmp_path: Path) -> None:
    ran = ccops("rules", "test", "--env", "prod", env={"PATH": str(tmp_path)})

    assert ran.code == 2
    assert "error[PROMTOOL_MISSING]" in ran.err
    assert "apt-get install prometheus (Debian 12) or promtool (Debian 13 and later)" in ran.err


def test_a_case_that_names_nothing_is_told(ccops: Ccops) -> None:
    ran = ccops("rules", "test", "--env", "prod", "--case", "Nope")

    assert ran.code == 2
    assert "RULE_TEST_NONE" in ran.err
