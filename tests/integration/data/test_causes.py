"""Every ledger row names its cause, and looking for all of them takes one pass over the tables."""

from __future__ import annotations

import psycopg
import pytest

from ccops.core.bundle import packaged_contract
from ccops.data.invariants import read_invariants
from tests.integration.data import plants
from tests.integration.data.conftest import Planted

NAME = "ledger_row_has_its_cause"
KINDS = ("shop_tx", "streak", "round", "crash", "adjust")
TRANSACTION = "'11111111-1111-4111-8111-111111111111'"
SOMEBODY_ELSE = "UPDATE shop_transactions SET user_id = user_id + 1"
# Asked row by row, of few rows or by a key. A user's purchases, rounds and bets are many: what looks through
# all of them for each of them never ends.
BY_ROW = {"purchase_states_agree", "grant_of_gold_has_its_claim", "pass_claims_are_earned"}


def missing(planted: Planted) -> int:
    (check,) = planted.look(NAME).checks
    return check.rows


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_of_each_kind_without_its_cause_is_found(planted: Planted, kind: str) -> None:
    planted.run(plants.ledger(1, 5, 5, kind, "'nowhere'"))
    assert missing(planted) == 1


def test_a_cause_must_be_of_the_same_user_and_kind(planted: Planted) -> None:
    planted.run(plants.purchase(), plants.ledger(1, 5, 5, "shop_tx", TRANSACTION))
    assert missing(planted) == 0
    planted.run(plants.ledger(2, 5, 10, "round", TRANSACTION))
    assert missing(planted) == 1
    planted.run(SOMEBODY_ELSE)
    assert missing(planted) == 2


def test_what_has_no_cause_by_its_kind_needs_none(planted: Planted) -> None:
    planted.run(plants.ledger(1, 5, 5, "mint", "'nowhere'"))
    assert missing(planted) == 0


def test_no_rule_looks_through_a_users_whole_past_for_each_of_its_rows(planted: Planted) -> None:
    by_row = set()
    with psycopg.connect(planted.url) as conn:
        for one in read_invariants(packaged_contract()):
            plan = conn.execute(f"EXPLAIN {one.sql}".encode()).fetchall()
            if any("SubPlan" in line for (line,) in plan):
                by_row.add(one.name)
    assert by_row == BY_ROW
