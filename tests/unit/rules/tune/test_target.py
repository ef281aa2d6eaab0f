"""What of a rule can be tuned, and the reason when nothing can."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ccops.core.profile import Profile, load_profile
from ccops.rules.flat import flatten
from ccops.rules.project import rule_set, templates_of
from ccops.rules.tune.target import NotTunable, Target, target_of


def found(profile: Profile, name: str, **changed: object) -> Target:
    rules = rule_set(profile)
    flat = flatten((file.name, file.text) for file in rules.rendered.files)
    rule = next(one for one in flat if one.name == name)
    return target_of(replace(rule, **changed), rules.resolved, templates_of(profile.project))  # type: ignore[arg-type]


def test_the_signal_is_what_stands_left_of_the_comparison(dev: Profile) -> None:
    target = found(dev, "Spike")
    assert target.signal == target.masked
    assert "increase(pay_total" in target.signal
    assert ">" not in target.signal
    assert (target.knob.var, target.knob.current, target.knob.severity) == ("ALERT_SPIKE", 10, "warning")
    assert (target.condition.op, target.condition.for_s, target.range_s) == (">", 120, 300)
    assert target.resets == 'max(resets(pay_total{result="pending"}[300s])) > 0'


def test_guards_become_a_mask(dev: Profile) -> None:
    target = found(dev, "Success")
    assert (target.knob.var, target.condition.op, target.condition.keep_s) == ("ALERT_SUCCESS", "<", 60)
    assert target.masked.startswith(target.signal)
    assert " and " in target.masked
    assert target.masked.rstrip().endswith(">= 20")
    assert target.range_s == 600


def test_of_two_thresholds_with_one_value_the_one_that_moves_the_number_is_found(project) -> None:
    path = project.root / "env" / "dev.env"
    path.write_text(path.read_text().replace("ALERT_SPIKE=10", "ALERT_SPIKE=20"))
    profile = load_profile("dev", project, {})
    assert found(profile, "Spike").knob.var == "ALERT_SPIKE"
    swapped = path.read_text() + "ALERT_VOLUME=98\n"
    path.write_text(swapped)
    assert found(load_profile("dev", project, {}), "Success").knob.var == "ALERT_SUCCESS"


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("Burn", "computed from a threshold"),
        ("Down", "compares by =="),
        ("Negative", "written in the template"),
        ("Absent", "one thing or another"),
        ("pay:rate", "recording rule"),
    ],
)
def test_what_can_not_be_tuned_says_why(dev: Profile, name: str, why: str) -> None:
    with pytest.raises(NotTunable, match=why):
        found(dev, name)


def test_an_expression_without_a_number_or_sense_says_so(dev: Profile) -> None:
    with pytest.raises(NotTunable, match="no number"):
        found(dev, "Spike", expr="x > y")
    with pytest.raises(NotTunable, match="can't be parsed"):
        found(dev, "Spike", expr="x >")
