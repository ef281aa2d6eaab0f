"""The invariants of claims find each way in which a claim, its gold or its right could come apart."""

from __future__ import annotations

import psycopg
import pytest

from ccops.backend.invariants import INVARIANTS

QUERIES = {item.name: item.sql for item in INVARIANTS}
USER = "(SELECT max(user_id) FROM wallets)"


def ledger(ref_type: str, ref_id: str, *, delta: int = 50, seq: int = 1_000) -> str:
    return (
        "INSERT INTO gold_ledger (user_id, seq, delta, balance_after, counter_account, reason, ref_type,"
        f" ref_id, event_id, trace_id, request_id) VALUES ({USER}, {seq}, {delta}, 50, 'x', '{ref_type}',"
        f" '{ref_type}', '{ref_id}', gen_random_uuid(), 't', 'r')"
    )


ACHIEVED = f"INSERT INTO user_achievements VALUES ({USER}, 'FIRST_SPIN', 1, now(), now(), 50)"
JOINED = f"INSERT INTO event_participants VALUES ('MARATHON', {USER}, 1, now(), now(), now())"
PASS = f"INSERT INTO battle_pass_claims VALUES ('S1', {USER}, 'free', 1, 50, 1000)"
GRANT = (
    "INSERT INTO reward_grants (user_id, ref, gold, reason, granted_by, ledger_seq)"
    f" VALUES ({USER}, 'g', 50, 'r', {USER}, 1000)"
)
STREAK = f"INSERT INTO streak_claims VALUES ({USER}, 'X', '2026-01-01', 50, 1000)"
RUN = f"INSERT INTO user_streaks VALUES ({USER}, 'X', 1, 1, '2026-01-01')"
PLANTS = (
    # a claim without its ledger row
    ("claim_is_booked", [STREAK]),
    ("claim_is_booked", [PASS]),
    ("claim_is_booked", [GRANT]),
    ("claim_is_booked", [ACHIEVED]),
    ("claim_is_booked", [JOINED]),
    # with a row of other gold, or another row
    ("claim_is_booked", [STREAK, ledger("streak", "X:2026-01-01", delta=51)]),
    ("claim_is_booked", [ACHIEVED, ledger("achievement", "FIRST_SPIN", delta=49)]),
    ("claim_is_booked", [PASS, ledger("battle_pass", "S1:free:1", seq=1_001)]),
    ("claim_is_booked", [GRANT, ledger("grant", "h")]),
    # a ledger row without its claim
    ("grant_of_gold_has_its_claim", [ledger("achievement", "FIRST_SPIN")]),
    ("grant_of_gold_has_its_claim", [ledger("event", "MARATHON")]),
    ("grant_of_gold_has_its_claim", [PASS, ledger("battle_pass", "S1:premium:1")]),
    ("grant_of_gold_has_its_claim", [ledger("grant", "g")]),
    ("ledger_row_has_its_cause", [ledger("streak", "X:2026-01-01")]),
    # a claim that could not be made
    ("pass_claims_are_earned", [PASS.replace("'free', 1", "'free', 9")]),
    ("pass_claims_are_earned", [PASS.replace("free", "premium")]),
    ("pass_owner_has_bought", [f"INSERT INTO battle_pass_owners VALUES ('S1', {USER}, gen_random_uuid())"]),
    # a streak that its claims do not bear out
    ("streak_is_its_claims", [RUN]),
    ("streak_is_its_claims", [RUN, STREAK.replace("2026-01-01", "2026-01-02")]),
    ("streak_is_its_claims", [RUN.replace("1, 1", "2, 1"), STREAK]),
    ("streak_is_its_claims", [RUN.replace("1, 1", "1, 2"), STREAK]),
)
WHOLE = (
    [STREAK, RUN, ledger("streak", "X:2026-01-01")],
    [PASS, ledger("battle_pass", "S1:free:1")],
    [GRANT, ledger("grant", "g")],
    [ACHIEVED, ledger("achievement", "FIRST_SPIN")],
    [JOINED, ledger("event", "MARATHON")],
)
CLAIMS = ("claim_is_booked", "grant_of_gold_has_its_claim", "pass_claims_are_earned", "streak_is_its_claims")


@pytest.fixture
def offenders(backend, account):
    """`offenders(invariant, statements)`: how many rows break it more once the statements ran."""
    account()  # the newest user: USER

    def count(name: str, statements: list[str]) -> int:
        with psycopg.connect(backend.load().get("CCOPS_DATABASE_URL")) as conn:
            before = len(conn.execute(QUERIES[name].encode()).fetchall())
            for statement in statements:
                conn.execute(statement.encode())
            after = len(conn.execute(QUERIES[name].encode()).fetchall())
            conn.rollback()
            return after - before

    return count


@pytest.mark.parametrize(("name", "statements"), PLANTS)
def test_what_came_apart_is_found(offenders, name, statements):
    assert offenders(name, statements) == 1


@pytest.mark.parametrize("statements", WHOLE)
def test_what_belongs_together_is_left_alone(offenders, statements):
    assert [offenders(name, statements) for name in CLAIMS] == [0] * len(CLAIMS)
