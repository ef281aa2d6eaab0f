"""The invariants of purchases find each way in which a purchase, its gold or its payment could come apart."""

from __future__ import annotations

import psycopg
import pytest

from ccops.backend.invariants import INVARIANTS

QUERIES = {item.name: item.sql for item in INVARIANTS}
USER = "(SELECT max(user_id) FROM wallets)"
TX = "11111111-1111-4111-8111-111111111111"


def purchase(status: str, *, gold: int = 0, cents: int | None = None, **columns: str) -> str:
    """A purchase for 200 gold, or for cents that credit `gold`."""
    settled = "NULL" if status == "PENDING" else "now()"
    refunded = "now()" if status == "REFUNDED" else "NULL"
    reason = "'x'" if status in {"FAILED", "REVIEW"} else "NULL"
    given = {"settled_at": settled, "refunded_at": refunded, "failure_reason": reason} | columns
    return (
        "INSERT INTO shop_transactions (public_id, user_id, product_id, qty, kind, unit_price, status,"
        " idempotency_key, amount_cents, gold_amount, provider, receipt, trace_id, request_id,"
        f" {', '.join(given)}) VALUES ('{TX}', {USER}, 'LUCKY_CHARM', 1, 'item', 200, '{status}', 'books',"
        f" {cents or 'NULL'}, {gold}, 'books', 'books', 't', 'r', {', '.join(given.values())})"
    )


def ledger(delta: int, reason: str = "purchase", seq: int = 1_000) -> str:
    return (
        "INSERT INTO gold_ledger (user_id, seq, delta, balance_after, counter_account, reason, ref_type,"
        f" ref_id, event_id, trace_id, request_id) VALUES ({USER}, {seq}, {delta}, 50, 'x', '{reason}',"
        f" 'shop_tx', '{TX}', gen_random_uuid(), 't', 'r')"
    )


def event(outcome: str = "processed") -> str:
    return (
        "INSERT INTO payment_events (provider, event_id, type, receipt, payload, processed_at, outcome)"
        f" VALUES ('books', 'books', 'payment.succeeded', 'books', '{{}}', now(), '{outcome}')"
    )


BOOKED, STATES = "success_has_one_ledger_row", "purchase_states_agree"
BACK = ledger(200, "refund", 1_001)
PLANTS = (
    (BOOKED, [purchase("SUCCESS")]),
    (BOOKED, [purchase("SUCCESS"), ledger(-199)]),
    (BOOKED, [purchase("SUCCESS"), ledger(200)]),
    (BOOKED, [purchase("SUCCESS"), ledger(-200), ledger(-200, "again", 1_001)]),
    (BOOKED, [purchase("SUCCESS"), ledger(-200, "refund")]),
    (BOOKED, [purchase("SUCCESS", cents=5, gold=70), ledger(71)]),
    (BOOKED, [purchase("SUCCESS", cents=5), ledger(1)]),
    (BOOKED, [purchase("PENDING", cents=5, gold=70), ledger(70)]),
    (BOOKED, [purchase("REVIEW", cents=5, gold=70), ledger(70)]),
    (BOOKED, [purchase("FAILED"), ledger(-200)]),
    (BOOKED, [purchase("REFUNDED"), ledger(-200)]),
    (BOOKED, [purchase("REFUNDED"), ledger(-200), ledger(199, "refund", 1_001)]),
    (BOOKED, [purchase("REFUNDED"), ledger(-200), ledger(200, "other", 1_001)]),
    (STATES, [purchase("SUCCESS", cents=5, settled_at="NULL")]),
    (STATES, [purchase("PENDING", settled_at="now()")]),
    (STATES, [purchase("REFUNDED", cents=5, refunded_at="NULL")]),
    (STATES, [purchase("SUCCESS", cents=5, refunded_at="now()")]),
    (STATES, [purchase("FAILED", failure_reason="NULL")]),
    (STATES, [purchase("REVIEW", failure_reason="NULL")]),
    (STATES, [purchase("PENDING", cents=5), event()]),
)
WHOLE = (
    [purchase("SUCCESS"), ledger(-200), event()],
    [purchase("SUCCESS", cents=5, gold=70), ledger(70), event()],
    [purchase("SUCCESS", cents=5), event()],
    [purchase("REFUNDED"), ledger(-200), BACK],
    [purchase("REFUNDED", cents=5)],
    [purchase("PENDING", cents=5, gold=70)],
    [purchase("REVIEW", cents=5, gold=70), event("review")],
)


def broken(server, statements: list[str]) -> set[str]:
    """Return which of the two rules `statements` break, in a transaction that is rolled back."""
    with psycopg.connect(server.database) as conn:
        for statement in statements:
            conn.execute(statement)
        found = {name for name in (BOOKED, STATES) if conn.execute(QUERIES[name]).fetchall()}
        conn.rollback()
    return found


@pytest.mark.parametrize(("name", "statements"), PLANTS, ids=range(len(PLANTS)))
def test_a_purchase_that_came_apart_is_found(anyone, name: str, statements: list[str]) -> None:
    assert broken(anyone.server, statements) == {name}


@pytest.mark.parametrize("statements", WHOLE, ids=range(len(WHOLE)))
def test_what_belongs_together_breaks_nothing(anyone, statements: list[str]) -> None:
    assert broken(anyone.server, statements) == set()
