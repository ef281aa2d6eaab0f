"""Promo codes: a model in Python against cc_promo_redeem, in transactions that are rolled back."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

if TYPE_CHECKING:
    from tests.integration.backend.limited.conftest import Ground

CONTEXT = '{"trace_id": "machine", "request_id": "machine", "env": "dev"}'
STATE = """
SELECT (SELECT jsonb_object_agg(code, used_count) FROM promo_codes
         WHERE starts_with(code, %(prefix)s)) AS uses,
       (SELECT jsonb_object_agg(user_id, gold) FROM wallets WHERE user_id = ANY(%(users)s)) AS gold
"""
USERS = 3
USES = {"one": 1, "two": 2, "any": None, "none": 0}
users = st.integers(0, USERS - 1)
codes = st.sampled_from([*USES, "unknown"])


class PromoMachine(RuleBasedStateMachine):
    """Redeems with and without keys while codes run out, expire and come back."""

    ground: Ground  # set by the test

    def __init__(self) -> None:
        super().__init__()
        self.ids = [self.ground.user(100) for _ in range(USERS)]
        self.prefix = uuid4().hex
        for name, uses in USES.items():
            self._run(
                "INSERT INTO promo_codes (code, gold, max_uses) VALUES (%s, 10, %s)", self.code(name), uses
            )
        self.redeemed: dict[str, set[int]] = {name: set() for name in USES}
        self.shut: set[str] = set()
        self.answers: dict[tuple[int, str], tuple[str, bytes]] = {}

    def _run(self, query: str, *args: object) -> None:
        self.ground.conn.execute(query, args)

    def code(self, name: str) -> str:
        return f"{self.prefix}-{name}"

    def teardown(self) -> None:
        try:
            assert self.ground.broken() == []
        finally:
            self.ground.rollback()

    @rule(name=st.sampled_from([*USES]), how=st.sampled_from(["not yet", "no more", "open"]))
    def the_calendar_turns(self, name: str, how: str) -> None:
        starts, ends = {
            "not yet": ("1 hour", None),
            "no more": ("-1 hour", "0"),
            "open": ("-1 hour", "1 hour"),
        }[how]
        self._run(
            "UPDATE promo_codes SET starts_at = now() + %s::interval, expires_at = now() + %s::interval"
            " WHERE code = %s",
            starts, ends, self.code(name),
        )  # fmt: skip
        (self.shut.discard if how == "open" else self.shut.add)(name)

    @rule(user=users, name=codes, key=st.sampled_from([None, "a", "b"]))
    def redeem(self, user: int, name: str, key: str | None) -> None:
        wanted = self._refusal(user, name)
        earlier = self.answers.get((user, key)) if key else None
        if earlier:
            wanted = None if earlier[0] == name else "IDEMPOTENCY_KEY_REUSED"
        got = self.ground.call(
            "SELECT status, body, replayed FROM cc_promo_redeem(%s, %s, %s, %s, %s)",
            CONTEXT, self.ids[user], self.code(name), key, name.encode(),
        )  # fmt: skip
        if wanted:
            assert got == wanted
            return
        assert isinstance(got, dict), got
        assert (got["status"], got["replayed"]) == (200, bool(earlier))
        if earlier:
            assert got["body"] == earlier[1]
            return
        self.redeemed[name].add(user)
        if key:
            self.answers[user, key] = (name, got["body"])

    def _refusal(self, user: int, name: str) -> str | None:
        if name not in USES:
            return "PROMO_UNKNOWN"
        if user in self.redeemed[name]:
            return "PROMO_USED"
        if name in self.shut:
            return "PROMO_EXPIRED"
        uses = USES[name]
        return "PROMO_EXHAUSTED" if uses is not None and len(self.redeemed[name]) >= uses else None

    @invariant()
    def the_database_agrees(self) -> None:
        seen = self.ground.one(STATE, {"prefix": f"{self.prefix}-", "users": self.ids})
        assert seen == {
            "uses": {self.code(name): len(who) for name, who in self.redeemed.items()},
            "gold": {
                str(row): 100 + 10 * sum(user in who for who in self.redeemed.values())
                for user, row in enumerate(self.ids)
            },
        }


def test_codes_grant_and_refuse_as_the_model_says(ground: Ground) -> None:
    machine = type("Machine", (PromoMachine,), {"ground": ground})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=60,
            stateful_step_count=12,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
        ),
    )
