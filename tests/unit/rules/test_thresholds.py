"""Thresholds: what the file may declare, which value wins, and that every fault is told at once."""

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import pytest

from ccops.core.errors import UsageError
from ccops.core.profile import Value, packaged_project
from ccops.rules.thresholds import Order, Threshold, judge, load_thresholds, resolve
from ccops.rules.values import Kind

SHIPPED = packaged_project() / "rules_templates" / "thresholds.yml"
ENTRY = """\
ALERT_A:
  type: int
  unit: things
  min: 1
  max: 50
  order: up
  defaults: {dev: 20, prod: 30}
  used_by: [A]
  help: A thing.
"""


@pytest.fixture
def thresholds(tmp_path: Path) -> dict[str, Threshold]:
    path = tmp_path / "thresholds.yml"
    path.write_text(ENTRY + ENTRY.replace("ALERT_A", "ALERT_B"), encoding="utf-8")
    return load_thresholds(path)


def given(**texts: str) -> Mapping[str, Value]:
    return {key: Value(text, f"env/prod.env:{number}") for number, (key, text) in enumerate(texts.items(), 1)}


def test_set_wins_over_the_file_and_the_file_over_the_default(thresholds: dict[str, Threshold]) -> None:
    resolved = resolve(thresholds, "prod", given(ALERT_A="5"), {"ALERT_B": "7"})

    assert resolved.values == {"ALERT_A": Decimal(5), "ALERT_B": Decimal(7)}
    assert resolved.origins == {"ALERT_A": "env/prod.env:1", "ALERT_B": "--set"}
    assert resolve(thresholds, "prod", {}, {}).origins["ALERT_A"] == "default"


def test_the_process_environment_is_named_and_not_read(thresholds: dict[str, Threshold]) -> None:
    resolved = resolve(thresholds, "prod", {}, {}, {"ALERT_A": "1", "ALERT_OTHER": "1", "PATH": "/"})

    assert resolved.values["ALERT_A"] == 30
    assert resolved.unread == ("ALERT_A",)


def test_an_unknown_key_is_refused_with_the_nearest_name(thresholds: dict[str, Threshold]) -> None:
    _, faults = judge(thresholds, "prod", given(ALERT_AA="5", GAME_TZ="x"), {"SLO_X": "1"})

    assert [(fault.code, fault.key, fault.origin) for fault in faults] == [
        ("THRESHOLD_UNKNOWN", "SLO_X", "--set"),
        ("THRESHOLD_UNKNOWN", "ALERT_AA", "env/prod.env:1"),
    ]
    assert "did you mean ALERT_A?" in faults[1].why


def test_a_key_in_small_letters_is_not_passed_over(thresholds: dict[str, Threshold]) -> None:
    _, faults = judge(thresholds, "prod", given(alert_a="5"), {})

    assert [(fault.code, fault.key) for fault in faults] == [("THRESHOLD_UNKNOWN", "alert_a")]
    assert "did you mean ALERT_A?" in faults[0].why


def test_a_threshold_without_value_and_default_is_missing(thresholds: dict[str, Threshold]) -> None:
    _, faults = judge(thresholds, "staging", given(ALERT_A="5"), {})

    assert [(fault.code, fault.key) for fault in faults] == [("THRESHOLD_MISSING", "ALERT_B")]


def test_every_fault_is_told_at_once(thresholds: dict[str, Threshold]) -> None:
    with pytest.raises(UsageError) as caught:
        resolve(thresholds, "prod", given(ALERT_A="020", ALERT_X="1"), {"ALERT_B": "51"})

    assert caught.value.code == "THRESHOLDS_INVALID"
    assert len(caught.value.evidence.splitlines()) == 3
    assert "--set: ALERT_B: 51 is above the largest allowed, 50" in caught.value.evidence


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("type: int", "type: integer", "'integer' is not a valid Kind"),
        ("order: up", "order: rising", "'rising' is not a valid Order"),
        ("dev: 20", "dev: 0", "default of dev: 0 is below"),
        ("dev: 20", "dev: 020", "octal"),
        ("min: 1", "min: 1_0", "separators"),
        ("used_by: [A]", "used_by: A", "list of alerts"),
        ("used_by: [A]", "used_by: []", "list of alerts"),
        ("  unit: things\n", "", "unit"),
        ("unit: things", "unit: things\n  since: 2", "since"),
        ("help: A thing.", "help: A thing.\nALERT_A: {}", "a second time"),
        ("help: A thing.", "help: A thing.\nthreshold_a: {}", "in capitals"),
        ("defaults: {dev: 20, prod: 30}", "defaults: 20", "mapping of environment"),
        ("help: A thing.", "help: [", "line"),
    ],
)
def test_a_bad_declaration_is_refused(tmp_path: Path, old: str, new: str, said: str) -> None:
    path = tmp_path / "thresholds.yml"
    path.write_text(ENTRY.replace(old, new), encoding="utf-8")

    with pytest.raises(UsageError) as caught:
        load_thresholds(path)

    assert caught.value.code == "THRESHOLDS_FILE_INVALID"
    assert said in caught.value.evidence


def test_shipped_defaults_follow_their_order() -> None:
    for threshold in load_thresholds(SHIPPED).values():
        values = [threshold.parse(threshold.defaults[env]) for env in ("dev", "staging", "prod")]
        if threshold.order is Order.UP:
            assert values == sorted(values), threshold.name
        if threshold.order is Order.DOWN:
            assert values == sorted(values, reverse=True), threshold.name


def test_the_seeds_numbers_are_shipped() -> None:
    found = load_thresholds(SHIPPED)

    assert dict(found["ALERT_PENDING_SPIKE_THRESHOLD"].defaults) == {
        "dev": "20",
        "staging": "25",
        "prod": "30",
    }
    assert found["ALERT_KAFKA_LAG_MAX"].defaults["prod"] == "1000"
    assert found["ALERT_CH_LOSS_MAX_PERCENT"].defaults["prod"] == "0.5"
    assert found["SLO_API_AVAILABILITY_PERCENT"].defaults["prod"] == "99.5"


def test_no_objective_is_so_low_that_its_fast_burn_could_never_fire() -> None:
    objectives = [one for one in load_thresholds(SHIPPED).values() if one.name.startswith("SLO_")]

    for one in (objective for objective in objectives if objective.kind is Kind.PERCENT):
        assert one.min is not None
        assert Decimal("14.4") * (100 - one.min) / 100 < 1


def test_the_address_of_the_runbooks_comes_from_the_file_only(thresholds: dict[str, Threshold]) -> None:
    told = {"CCOPS_RUNBOOK_URL": Value("https://wiki.example/r", "env/prod.env:9")}
    shell = {"CCOPS_RUNBOOK_URL": Value("https://wiki.example/r", "process")}

    assert resolve(thresholds, "prod", told, {}).runbook == "https://wiki.example/r"
    assert resolve(thresholds, "prod", shell, {}).runbook == "docs/runbooks.md"
