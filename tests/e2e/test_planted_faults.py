"""Faults planted in the running backend or worker, not in the probe, are caught; then all is green again."""

from __future__ import annotations

import json

import pytest

from tests.conftest import Stack
from tests.picture import DOCS, kept, shape


@pytest.mark.fault
@pytest.mark.parametrize(
    ("fault", "system"),
    [("ledger", "sql"), ("ws", "feed"), ("kafka", "records")],
)
def test_a_planted_fault_is_caught_with_step_system_and_difference(
    spoilt_stack: Stack, fault: str, system: str
) -> None:
    """The running backend or worker is patched, not the probe."""
    ran = spoilt_stack.ccops("smoke", "journey", "--break", fault, "-o", "json", timeout=180)
    assert ran.code == 1, ran.out[-3000:] + ran.err
    run = json.loads(ran.out)["data"]["runs"][0]
    failed = [
        one
        for part in run["parts"]
        for many in part["systems"].values()
        for one in many
        if one["verdict"] == "failed"
    ]
    caught = [one for one in failed if one["where"] == system]
    assert caught, [(one["step"], one["where"]) for one in failed]
    assert all(one["step"] and one["wanted"] and one["observed"] for one in caught)


@pytest.mark.fault
def test_the_unpatched_run_is_green_again_and_looks_like_the_picture_of_the_readme(
    spoilt_stack: Stack,
) -> None:
    ran = spoilt_stack.ccops("smoke", "journey")
    assert ran.code == 0, ran.out + ran.err
    wanted = shape((DOCS / "journey.txt").read_text(encoding="utf-8"))
    # Parts end when their last effect is decided, so two neighbours may change places.
    assert sorted(shape(kept(ran.out)).splitlines()) == sorted(wanted.splitlines())
