"""Every code of the rules check is planted by some test, so that none is only promised."""

from __future__ import annotations

from pathlib import Path

from ccops.rules.check import SORTS
from tests.rules_probes import PROBES

HERE = Path(__file__).resolve().parent


def test_every_code_is_planted_somewhere() -> None:
    texts = "".join(path.read_text(encoding="utf-8") for path in HERE.glob("test_*.py"))
    planted = {probe.code for probe in PROBES.values()}
    assert [code for code in SORTS if code not in planted and f'"{code}"' not in texts] == []


def test_every_code_that_is_noted_has_a_sort_and_every_sort_is_noted() -> None:
    sources = Path(__file__).resolve().parents[4] / "ccops" / "rules" / "check"
    noted = "".join(
        path.read_text(encoding="utf-8") for path in sources.glob("*.py") if path.stem != "finding"
    )
    assert [code for code in SORTS if f'"{code}"' not in noted] == []
