"""The life of holds: a model in Python against the SQL functions, in transactions that are rolled back.

The database's clock stands still in a transaction, so time passes by moving a hold's expiry into the past.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import uuid4

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

if TYPE_CHECKING:
    from tests.integration.backend.limited.conftest import Ground

USERS, GOLD, PRICE, CENTS, CREDITS, HOLD_S = 3, 1_000, 400, 500, 70, 60
CONTEXT = '{"trace_id": "machine", "request_id": "machine", "env": "dev"}'
# All that a step may change, in one round trip.
STATE = """
SELECT (SELECT coalesce(jsonb_object_agg(id, status), '{}') FROM limited_holds
         WHERE package_id = ANY(%(shops)s)) AS holds,
       (SELECT jsonb_object_agg(id, jsonb_build_array(stock_reserved, stock_sold)) FROM limited_packages
         WHERE id = ANY(%(shops)s)) AS stock,
       (SELECT coalesce(jsonb_object_agg(package_id || ' ' || user_id, bought), '{}') FROM limited_user_counts
         WHERE package_id = ANY(%(shops)s) AND bought > 0) AS counts,
       (SELECT jsonb_object_agg(user_id, gold) FROM wallets WHERE user_id = ANY(%(users)s)) AS gold,
       (SELECT coalesce(jsonb_object_agg(public_id, status), '{}') FROM shop_transactions
         WHERE user_id = ANY(%(users)s) AND provider = 'machine') AS waiting
"""
users = st.integers(0, USERS - 1)
shops = st.sampled_from(["gold", "cents"])


@dataclass
class Hold:
    """What the model knows of one hold."""

    user: int
    status: str = "HELD"
    late: bool = False  # past its expiry, though nobody has ended it
    tx: str | None = None

    @property
    def live(self) -> bool:
        return self.status == "HELD" and not self.late


@dataclass
class Shop:
    """What the model knows of one package."""

    name: str
    total: int
    limit: int
    holds: dict[str, Hold] = field(default_factory=dict)

    def counted(self, *states: str, user: int | None = None) -> int:
        mine = [hold for hold in self.holds.values() if user in {None, hold.user}]
        return sum(hold.status in states for hold in mine)

    @property
    def full(self) -> bool:
        return self.counted("HELD", "CAPTURED") >= self.total

    def held_by(self, user: int) -> str | None:
        return next((i for i, h in self.holds.items() if h.user == user and h.status == "HELD"), None)

    def refusal(self, user: int) -> str | None:
        """Return why this user can't get one more now."""
        if self.full:
            return "SOLD_OUT"
        return "LIMIT_REACHED" if self.counted("HELD", "CAPTURED", user=user) >= self.limit else None


@dataclass
class Payment:
    """What the model knows of one purchase that waits for its provider."""

    user: int
    hold: str
    receipt: str
    status: str = "PENDING"


class HoldMachine(RuleBasedStateMachine):
    """Every step is done to the database and to the model; both must agree on answer and state."""

    ground: Ground  # set by the test
    payments = Bundle("payments")

    def __init__(self) -> None:
        super().__init__()
        # What others left to be swept is no part of the model; the rollback gives it back.
        self.ground.all("SELECT hold_id::text FROM cc_limited_expire(%s)", 100_000)
        self.ids = [self.ground.user(GOLD) for _ in range(USERS)]
        self.gold = [GOLD] * USERS
        self.shops = {"gold": self._shop("gold", 3, 2), "cents": self._shop("cents", 1, 1)}
        self.paid: dict[str, Payment] = {}

    def _shop(self, kind: str, total: int, limit: int) -> Shop:
        name = f"M{uuid4().hex[:10]}"
        gold, cents = (PRICE, None) if kind == "gold" else (None, CENTS)
        self.ground.conn.execute(
            "INSERT INTO products (id, title, kind, price_gold, price_cents, gold_amount)"
            " VALUES (%s, 'm', 'limited', %s, %s, %s)",
            (name, gold, cents, CREDITS if cents else 0),
        )
        self.ground.conn.execute(
            "INSERT INTO limited_packages (id, product_id, stock_total, per_user_limit)"
            " VALUES (%s, %s, %s, %s)",
            (name, name, total, limit),
        )
        return Shop(name, total, limit)

    @initialize(
        target=payments, start=st.sampled_from(["", "bought", "late", "swept", "taken"]), paid=st.booleans()
    )
    def begin(self, start: str, paid: bool) -> object:
        """Begin where things get difficult: chance alone seldom gets that far."""
        if not start:
            return multiple()
        if start == "bought":
            for _ in range(1 + paid):
                self.buy(0, "gold", "")
            self.hold(0, "gold")  # one too many, when both were paid
            return multiple()
        tx = self.buy(0, "cents", "")
        self.time_passes(0, "cents")
        if start != "late":
            self.sweep(100)
        if start == "taken":
            self.hold(1, "cents")
        if paid:
            self.pay(tx)
        return tx

    def teardown(self) -> None:
        try:
            assert self.ground.broken() == []
        finally:
            self.ground.rollback()

    def _end_late(self, shop: Shop, user: int) -> None:
        """A user's own call ends their expired hold."""
        held = shop.held_by(user)
        if held and shop.holds[held].late:
            shop.holds[held].status = "EXPIRED"

    @rule(user=users, kind=shops)
    def hold(self, user: int, kind: str) -> None:
        shop, new = self.shops[kind], str(uuid4())
        held = shop.held_by(user)
        late = held if held and shop.holds[held].late else None
        if late:
            shop.holds[late].status = "EXPIRED"  # undone below when the call is refused
        wanted = "ALREADY_HELD" if held and not late else shop.refusal(user)
        got = self.ground.call(
            "SELECT * FROM cc_limited_hold(%s, %s, %s, %s)", self.ids[user], shop.name, new, HOLD_S
        )
        if wanted:
            assert got == wanted
            if late:
                shop.holds[late].status = "HELD"
            return
        assert isinstance(got, dict), got
        shop.holds[new] = Hold(user)
        assert got["stock_left"] == shop.total - shop.counted("HELD", "CAPTURED")

    @rule(user=users, kind=shops)
    def release(self, user: int, kind: str) -> None:
        shop = self.shops[kind]
        held = shop.held_by(user)
        live = bool(held and shop.holds[held].live)
        got = self.ground.call("SELECT cc_limited_release(%s, %s) AS done", self.ids[user], shop.name)
        assert got == {"done": live}
        self._end_late(shop, user)
        if live:
            shop.holds[held].status = "RELEASED"

    @rule(user=users, kind=shops)
    def time_passes(self, user: int, kind: str) -> None:
        shop = self.shops[kind]
        held = shop.held_by(user)
        if held:
            self.ground.conn.execute("UPDATE limited_holds SET expires_at = now() WHERE id = %s", (held,))
            shop.holds[held].late = True

    @rule(tx=payments)
    def the_payment_takes_long(self, tx: str) -> None:
        hold = self.shops["cents"].holds[self.paid[tx].hold]
        if hold.status == "HELD":
            self.time_passes(hold.user, "cents")

    @rule(batch=st.sampled_from([1, 100]))
    def sweep(self, batch: int) -> None:
        late = {i for s in self.shops.values() for i, h in s.holds.items() if h.status == "HELD" and h.late}
        rows = self.ground.all("SELECT hold_id::text, shop_tx_id::text FROM cc_limited_expire(%s)", batch)
        assert len(rows) == min(batch, len(late))
        assert {row["hold_id"] for row in rows} <= late
        for shop in self.shops.values():
            for row in rows:
                if row["hold_id"] in shop.holds:
                    shop.holds[row["hold_id"]].status = "EXPIRED"
                    assert shop.holds[row["hold_id"]].tx == row["shop_tx_id"]

    @rule(
        target=payments, user=users, kind=shops, named=st.sampled_from(["", "", "mine", "past", "strangers"])
    )
    def buy(self, user: int, kind: str, named: str) -> object:
        shop, new, tx, receipt = self.shops[kind], str(uuid4()), str(uuid4()), uuid4().hex
        held = shop.held_by(user)
        live = held if held and shop.holds[held].live else None
        name = self._name_for(shop, user, named)
        undo = None
        if name and shop.holds[name].user != user:
            wanted = "NOT_FOUND"
        elif name and name != live:
            wanted = "HOLD_EXPIRED"
        elif live:
            wanted = "ALREADY_HELD" if shop.holds[live].tx else None
        else:
            if held:
                shop.holds[held].status, undo = "EXPIRED", held
            wanted = shop.refusal(user)
        if wanted is None and kind == "gold" and self.gold[user] < PRICE:
            wanted = "INSUFFICIENT_GOLD"
        got = self.ground.call(
            "SELECT status, stock_left FROM"
            " cc_limited_buy(%s, %s, %s, %s, %s, %s, %s, 'machine', %s, %s, 'x')",
            CONTEXT, self.ids[user], shop.name, name, new, HOLD_S, tx, receipt, uuid4().hex,
        )  # fmt: skip
        if wanted:
            assert got == wanted
            if undo:
                shop.holds[undo].status = "HELD"
            return multiple()
        hold = shop.holds.setdefault(live or new, Hold(user))
        hold.tx, hold.status = tx, "CAPTURED" if kind == "gold" else "HELD"
        left = shop.total - shop.counted("HELD", "CAPTURED")
        assert got == {"status": 200 if kind == "gold" else 202, "stock_left": left}
        if kind == "gold":
            self.gold[user] -= PRICE
            return multiple()
        self.paid[tx] = Payment(user, live or new, receipt)
        return tx

    def _name_for(self, shop: Shop, user: int, named: str) -> str | None:
        mine = [i for i, h in shop.holds.items() if h.user == user]
        pick = {
            "mine": [i for i in mine if shop.holds[i].status == "HELD"],
            "past": [i for i in mine if not shop.holds[i].live],
            "strangers": [i for i, h in shop.holds.items() if h.user != user],
        }.get(named, [])
        return pick[0] if pick else None

    def _settle(self, tx: str, kind: str) -> str:
        payment = self.paid[tx]
        row = self.ground.one(
            "SELECT outcome FROM cc_settle(%s, 'machine', %s, %s, %s, %s, '{}')",
            CONTEXT, uuid4().hex, kind, payment.receipt, CENTS,
        )  # fmt: skip
        return row["outcome"]

    @rule(tx=payments)
    def pay(self, tx: str) -> None:
        payment, shop = self.paid[tx], self.shops["cents"]
        outcome = self._settle(tx, "payment.succeeded")
        if payment.status != "PENDING":
            assert outcome == ("review" if payment.status == "FAILED" else "ignored")
            payment.status = "REVIEW" if payment.status == "FAILED" else payment.status
            return
        hold = shop.holds[payment.hold]
        if hold.live:
            hold.status = "CAPTURED"
        else:
            if hold.status == "HELD":
                hold.status = "EXPIRED"
            refusal = shop.refusal(payment.user)
            if refusal:
                payment.status = "REVIEW"
                assert outcome == "review"
                return
            (row,) = self.ground.all("SELECT hold_id::text FROM shop_transactions WHERE public_id = %s", tx)
            assert row["hold_id"] != payment.hold
            shop.holds[row["hold_id"]] = Hold(payment.user, "CAPTURED", tx=tx)
        payment.status = "SUCCESS"
        self.gold[payment.user] += CREDITS
        assert outcome == "processed"

    @rule(tx=payments)
    def decline(self, tx: str) -> None:
        payment, shop = self.paid[tx], self.shops["cents"]
        outcome = self._settle(tx, "payment.failed")
        assert outcome == ("processed" if payment.status == "PENDING" else "ignored")
        if payment.status == "PENDING":
            payment.status = "FAILED"
            if shop.holds[payment.hold].status == "HELD":
                shop.holds[payment.hold].status = "RELEASED"

    @invariant()
    def the_database_agrees(self) -> None:
        seen = self.ground.one(
            STATE, {"shops": [shop.name for shop in self.shops.values()], "users": self.ids}
        )
        shops = {shop.name: shop for shop in self.shops.values()}
        assert seen == {
            "holds": {i: hold.status for shop in shops.values() for i, hold in shop.holds.items()},
            "stock": {n: [shop.counted("HELD"), shop.counted("CAPTURED")] for n, shop in shops.items()},
            "counts": {
                f"{n} {self.ids[user]}": counted
                for n, shop in shops.items()
                for user in range(USERS)
                if (counted := shop.counted("HELD", "CAPTURED", user=user))
            },
            "gold": {str(i): gold for i, gold in zip(self.ids, self.gold, strict=True)},
            "waiting": {tx: payment.status for tx, payment in self.paid.items()},
        }


def test_holds_live_and_end_as_the_model_says(ground: Ground) -> None:
    machine = type("Machine", (HoldMachine,), {"ground": ground})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=100,
            stateful_step_count=12,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
        ),
    )
