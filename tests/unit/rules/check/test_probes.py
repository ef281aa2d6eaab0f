"""Every harmful probe is refused with code, template line and variable; every near miss passes."""

from __future__ import annotations

import pytest

from tests.rules_probes import HARMLESS, PROBES, TEMPLATE, Probe, judged, line_in, of_probe, rendered


@pytest.mark.parametrize("probe", PROBES.values(), ids=PROBES.keys())
def test_a_harmful_value_is_refused_at_its_line_of_the_template_with_its_variable(probe: Probe) -> None:
    found = judged(of_probe(probe), probe.target).findings
    assert probe.code in {one.code for one in found}
    one = next(one for one in found if one.code == probe.code)
    assert one.file == "rules_templates/probe.yml.j2"
    assert one.line == line_in(probe.template, probe.variable)
    assert one.rendered.startswith("probe.yml:")
    assert one.rendered != f"probe.yml:{one.line}"
    assert probe.variable in one.variables
    assert one.message and one.next_step


@pytest.mark.parametrize("probe", PROBES.values(), ids=PROBES.keys())
def test_its_near_miss_passes(probe: Probe) -> None:
    assert judged(of_probe(probe, near=True), probe.near_target).findings == ()


@pytest.mark.parametrize(("variable", "value"), HARMLESS.values(), ids=HARMLESS.keys())
def test_what_is_odd_and_harmless_passes(variable: str, value: str) -> None:
    gauge = TEMPLATE.replace('increase(purchase_attempt_total{result="pending"}[5m])', "purchase_pending")
    assert judged(rendered(gauge, {variable: value})).findings == ()
