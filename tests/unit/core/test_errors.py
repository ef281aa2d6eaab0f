"""Exit codes and their order."""

import itertools

import pytest

from ccops.core.errors import MEANING, ExitCode, Refused, Unreachable, worst


def test_every_exit_code_has_a_meaning() -> None:
    assert set(MEANING) == set(ExitCode)


@pytest.mark.parametrize(("better", "worse"), list(itertools.combinations([0, 1, 2, 3, 4, 5, 70], 2)))
def test_the_worst_of_two_codes_wins_in_any_order(better: int, worse: int) -> None:
    assert worst([ExitCode(better), ExitCode(worse)]) is ExitCode(worse)
    assert worst([ExitCode(worse), ExitCode(better)]) is ExitCode(worse)


def test_no_code_at_all_is_ok() -> None:
    assert worst([]) is ExitCode.OK


def test_an_error_carries_its_exit_code() -> None:
    assert Refused("X", "no").exit_code == 3
    assert Unreachable("X", "gone").exit_code == 4
