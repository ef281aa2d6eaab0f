"""Races over real HTTP against two processes: the model's outcome, and one story in every table."""

from __future__ import annotations

import pytest

from tests.integration.economy.kit import Answer, Arena, Race, words
from tests.integration.economy.races import RACES


def run(arena: Arena, race: Race, *, flush: bool) -> None:
    """Run one race and prove everything; `flush` loses Redis before it and between its halves."""
    state = race.prepare(arena)
    calls = race.calls(arena, state, race.n)
    if flush:
        arena.flush()  # between promise and payment, join and claim, sale and refund
        half = len(calls) // 2
        answers = arena.race(calls[:half])
        arena.flush()
        answers += arena.race(calls[half:])
    else:
        answers = arena.race(calls)
        assert arena.connections >= 100
    assert not [answer.body for answer in answers if answer.status >= 500]
    if race.expect is not None:
        assert words(answers) == race.expect(state, race.n)
    race.after(arena, state, answers)
    arena.replays(answers)
    if race.retry is not None:
        _refused_key_is_free(arena, race, state, answers)
    arena.prove()


def _refused_key_is_free(arena: Arena, race: Race, state: object, answers: list[Answer]) -> None:
    refused = next(answer for answer in answers if answer.word.startswith(race.refused))
    race.retry(arena, state, refused)  # type: ignore[misc]
    (again,) = arena.race([refused.call])
    assert (again.status, again.replayed) == (200, False), again.body


@pytest.mark.parametrize("race", RACES, ids=[race.name for race in RACES])
def test_a_hundred_at_once_get_what_the_model_says(arena: Arena, race: Race) -> None:
    run(arena, race, flush=False)


@pytest.mark.parametrize("race", RACES, ids=[race.name for race in RACES])
def test_losing_redis_between_the_halves_changes_nothing(arena: Arena, race: Race) -> None:
    run(arena, race, flush=True)
