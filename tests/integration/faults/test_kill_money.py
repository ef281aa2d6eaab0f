"""kill -9 of backend, worker and postgres while gold moves: clients were told what the ledger says."""

from __future__ import annotations

import os
import signal
import time

import pytest

from tests.conftest import Stack
from tests.integration.economy.kit import Arena, good, words
from tests.integration.faults import truth
from tests.integration.faults.money import START_GOLD, Money, moved
from tests.integration.faults.test_kill_matrix import VICTIMS, owner_of

REFUSALS = {
    "402 INSUFFICIENT_GOLD", "409 ALREADY_CLAIMED", "409 PROMO_USED", "409 LIMIT_REACHED",
    "409 NONCE_USED", "429 FRAUD_WINDOW",
}  # fmt: skip


@pytest.mark.fault
@pytest.mark.parametrize("victim", ["backend", "worker", "postgres"])
def test_kill_9_under_load_leaves_answers_and_ledger_telling_the_same(stack: Stack, victim: str) -> None:
    arena = Arena(stack.profile(), [stack.url("CCOPS_BACKEND_URL")])
    with Money(arena) as money:
        for _ in range(2):
            money.wait_for(60)
            os.kill(owner_of(stack.url(VICTIMS[victim])), signal.SIGKILL)
            time.sleep(1.0)
        money.wait_for(60)

    answers = money.answers
    assert {word for word in words(answers) if not word.startswith("2")} <= REFUSALS
    for player in money.players:
        mine = [answer for answer in good(answers) if answer.call.player == player]
        assert len(mine) > 5
        # Each 2xx moved its gold exactly once, and nothing else moved any.
        assert arena.gold(player) == START_GOLD + sum(map(moved, mine))
    if victim != "worker":
        assert money.repeated > 0, "the kill hit nobody"
    # Whatever was promised under a key is promised again, in the same bytes.
    arena.replays(answers, most=150)
    truth.until(lambda: _said_by(stack), 30)


def _said_by(stack: Stack) -> str:
    """Return what `ccops data check` has against the data, or an empty text."""
    ran = stack.ccops("data", "check")
    return "" if ran.code == 0 else f"exit {ran.code}: {ran.out}{ran.err}"
