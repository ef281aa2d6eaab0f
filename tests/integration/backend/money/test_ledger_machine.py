"""Gold in any order: a model in Python against the SQL functions, in transactions that are rolled back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from uuid import uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)
from psycopg.rows import dict_row

from ccops.backend.invariants import INVARIANTS

CONTEXT = '{"trace_id": "machine", "request_id": "machine", "env": "dev"}'
START, MOST = 1_000, 2**63 - 1
BOOKS = [
    item
    for item in INVARIANTS
    if item.name
    in {
        "gold_never_negative", "wallet_is_sum_of_ledger", "wallet_version_counts_ledger",
        "balance_after_is_running_sum", "success_has_one_ledger_row", "purchase_states_agree",
        "ledger_row_has_its_cause", "audit_chain_unbroken",
    }
]  # fmt: skip
keys = st.sampled_from("abcdefgh")
amounts = st.integers(1, 2_000)
events = st.sampled_from(["same", *["new"] * 4])


@dataclass
class Purchase:
    """What the model knows of one purchase. `gold` is what it moved or will credit."""

    price: int
    gold: int
    paid_in_gold: bool
    status: str
    receipt: str = field(default_factory=lambda: uuid4().hex)


class Ground:
    """One connection; a call is a savepoint, so that a refusal undoes only itself."""

    def __init__(self, conn: psycopg.Connection) -> None:
        self.conn = conn

    def rows(self, query: str, *args: object) -> list[dict]:
        return self.conn.execute(query, args).fetchall()

    def call(self, query: str, *args: object) -> dict | str:
        """Return the row, or the code or SQLSTATE of the refusal."""
        try:
            with self.conn.transaction():
                return self.rows(query, *args)[0]
        except psycopg.Error as error:
            return str(error.diag.message_primary) if error.sqlstate == "CC001" else str(error.sqlstate)


class LedgerMachine(RuleBasedStateMachine):
    ground: Ground
    purchases = Bundle("purchases")

    def __init__(self) -> None:
        super().__init__()
        self.gold, self.moves = START, [START]
        self.prices = {"item": 300, "pack": 500}
        self.worth = 400
        self.made: dict[str, Purchase] = {}
        self.keys: dict[str, tuple[str, int, str]] = {}
        self.events: set[str] = set()
        self.ground.conn.execute("BEGIN")
        (row,) = self.ground.rows(
            """INSERT INTO users (public_id, site_id, nickname, password_hash, birth_date_enc)
               VALUES (gen_random_uuid(), %s, %s, 'x', '') RETURNING id""",
            *[uuid4().hex] * 2,
        )
        self.user = row["id"]
        self.ground.conn.execute("INSERT INTO wallets (user_id) VALUES (%s)", (self.user,))
        for kind, unit, gold in (("item", "price_gold", 0), ("gold_pack", "price_cents", self.worth)):
            name = "item" if kind == "item" else "pack"
            self.ground.conn.execute(
                f"INSERT INTO products (id, title, kind, {unit}, gold_amount) VALUES (%s, 't', %s, %s, %s)",
                (f"M-{name}", kind, self.prices[name], gold),
            )
        self._post(START, "start")

    def teardown(self) -> None:
        for item in BOOKS:
            assert self.ground.rows(item.sql.replace("%", "%%")) == [], item.name
        self.ground.conn.rollback()

    def _post(self, delta: int, ref: str) -> dict | str:
        return self.ground.call(
            "SELECT balance, seq FROM cc_post(%s, %s, %s, 'mint:test', 'test', 'test', %s)",
            CONTEXT, self.user, delta, ref,
        )  # fmt: skip

    def _moved(self, delta: int) -> None:
        self.gold += delta
        self.moves.append(delta)

    @rule(delta=st.integers(-3_000, 3_000).filter(bool) | st.sampled_from([MOST, -MOST, MOST - 1_000]))
    def move(self, delta: int) -> None:
        got = self._post(delta, uuid4().hex)
        if self.gold + delta < 0:
            assert got == "INSUFFICIENT_GOLD"
        elif self.gold + delta > MOST:
            assert got == "22003"
        else:
            self._moved(delta)
            assert got == {"balance": self.gold, "seq": len(self.moves)}

    @rule(to=st.sampled_from([0, 10, MOST - 10, MOST]))
    def fill_or_empty(self, to: int) -> None:
        if to != self.gold:
            self._moved(to - self.gold)
            wanted = {"balance": to, "seq": len(self.moves)}
            assert self._post(self.moves[-1], uuid4().hex) == wanted

    @rule(target=purchases, name=st.sampled_from(["item", "pack"]), qty=st.integers(1, 3), key=keys)
    def buy(self, name: str, qty: int, key: str) -> object:
        tx, price = str(uuid4()), self.prices[name] * qty
        wanted = Purchase(price, self.worth * qty, name == "item", "PENDING")
        got = self.ground.call(
            """SELECT status, replayed, convert_from(body, 'UTF8')::jsonb->>'transaction_id' AS tx
                 FROM cc_buy(%s, %s, %s, %s, %s, 'machine', %s, %s, %s)""",
            CONTEXT, self.user, f"M-{name}", qty, tx, wanted.receipt, key, f"{name}{qty}".encode(),
        )  # fmt: skip
        if key in self.keys:
            known = self.keys[key]
            status = 200 if known[0] == "item" else 202
            same = {"status": status, "replayed": True, "tx": known[2]}
            assert got == (same if known[:2] == (name, qty) else "IDEMPOTENCY_KEY_REUSED")
            return multiple()
        if name == "item" and self.gold < price:
            assert got == "INSUFFICIENT_GOLD"  # and the key stays free
            return multiple()
        if name == "pack" and self.gold + wanted.gold > MOST:
            assert got == "22003"
            return multiple()
        self.keys[key], self.made[tx] = (name, qty, tx), wanted
        if wanted.paid_in_gold:
            wanted.status, wanted.gold = "SUCCESS", -price
            self._moved(-price)
        assert got == {"status": 200 if wanted.paid_in_gold else 202, "replayed": False, "tx": tx}
        return tx

    @rule(price=amounts, worth=amounts)
    def change_prices(self, price: int, worth: int) -> None:
        self.prices, self.worth = {"item": price, "pack": price}, worth
        for name in self.prices:
            self.ground.rows(
                "SELECT id FROM cc_product_change(%s, %s, %s, %s, %s, NULL, 'r')",
                CONTEXT, self.user, f"M-{name}", price, worth if name == "pack" else None,
            )  # fmt: skip

    @rule(
        tx=purchases,
        good=st.sampled_from([True, True, False]),
        off=st.sampled_from([0, 0, 0, 1]),
        event=events,
    )
    def webhook(self, tx: str, good: bool, off: int, event: str) -> None:
        one = self.made[tx]
        if one.paid_in_gold:
            return
        event = uuid4().hex if event == "new" else event
        kind = "payment.succeeded" if good else "payment.failed"
        got = self.ground.call(
            "SELECT outcome FROM cc_settle(%s, 'machine', %s, %s, %s, %s, '{}')",
            CONTEXT, f"{self.user}-{event}", kind, one.receipt, one.price + off,
        )  # fmt: skip
        if event in self.events:
            assert got == {"outcome": "duplicate"}
            return
        self.events.add(event)
        assert got == {"outcome": self._settle(one, good=good, exact=not off)}

    def _settle(self, one: Purchase, *, good: bool, exact: bool) -> str:
        if one.status not in ({"PENDING", "FAILED"} if good else {"PENDING"}):
            return "ignored"
        if not good:
            one.status = "FAILED"
            return "processed"
        if one.status == "FAILED" or not exact or self.gold + one.gold > MOST:
            one.status = "REVIEW"
            return "review"
        one.status = "SUCCESS"
        self._moved(one.gold)
        return "processed"

    @rule(tx=purchases, approve=st.booleans(), off=st.sampled_from([0, 0, 0, 1]))
    def decide(self, tx: str, approve: bool, off: int) -> None:
        one = self.made[tx]
        got = self.ground.call(
            "SELECT cc_settle_by_hand(%s, %s, %s, %s, %s, 'r')->>'status' AS status",
            CONTEXT, self.user, tx, one.price + off, approve,
        )  # fmt: skip
        if one.status not in {"PENDING", "REVIEW"}:
            assert got == "ALREADY_FINAL"
        elif approve and off:
            assert got == "AMOUNT_MISMATCH"
        elif approve and self.gold + one.gold > MOST:
            assert got == "AMOUNT_OUT_OF_RANGE"
        else:
            one.status = "SUCCESS" if approve else "FAILED"
            assert got == {"status": one.status}
            if approve:
                self._moved(one.gold)

    @rule(tx=purchases, first=st.sampled_from([None, 0, MOST]))
    def refund(self, tx: str, first: int | None) -> None:
        one = self.made[tx]
        if first is not None:
            self.fill_or_empty(first)
        got = self.ground.call(
            "SELECT status FROM cc_refund(%s, %s, %s, 'r', %s, 'x')", CONTEXT, self.user, tx, uuid4().hex
        )
        if one.status != "SUCCESS":
            assert got == "NOT_REFUNDABLE"
        elif self.gold - one.gold < 0:
            assert got == "INSUFFICIENT_GOLD"
        elif self.gold - one.gold > MOST:
            assert got == "22003"
        else:
            one.status = "REFUNDED"
            self._moved(-one.gold)
            assert got == {"status": 200}

    @invariant()
    def the_ledger_is_what_happened(self) -> None:
        rows = self.ground.rows("SELECT * FROM gold_ledger WHERE user_id = %s ORDER BY seq", self.user)
        assert [row["delta"] for row in rows] == self.moves
        assert [row["seq"] for row in rows] == list(range(1, len(self.moves) + 1))
        (wallet,) = self.ground.rows("SELECT gold, version FROM wallets WHERE user_id = %s", self.user)
        assert wallet == {"gold": self.gold, "version": len(self.moves)}
        assert rows[-1]["balance_after"] == self.gold
        rows = self.ground.rows(
            "SELECT public_id::text AS tx, status FROM shop_transactions WHERE user_id = %s", self.user
        )
        assert {row["tx"]: row["status"] for row in rows} == {tx: one.status for tx, one in self.made.items()}


@pytest.fixture
def ground(server) -> Iterator[Ground]:
    with psycopg.connect(server.database, row_factory=dict_row, autocommit=True) as conn:
        yield Ground(conn)


def test_gold_moves_as_the_model_says_in_any_order(ground: Ground) -> None:
    machine = type("Machine", (LedgerMachine,), {"ground": ground})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=60,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
        ),
    )
