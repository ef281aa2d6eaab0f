"""The file that the rules check is timed on: a judge that finds fault with it would time something else."""

from __future__ import annotations

from ccops.rules.check import check_text
from tests.bench.rules_check import rules_file
from tests.rules_probes import settings


def test_the_file_is_clean_and_no_two_rules_are_alike() -> None:
    text = rules_file(50)
    found = [one for one in check_text(text, settings()).findings if one.code != "RULE_RUNBOOK"]
    assert found == []
    expressions = {line for line in text.splitlines() if "expr:" in line}
    assert len(expressions) == 50
    assert 300 < len(text) / 50 < 420
