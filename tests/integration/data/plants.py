"""For every invariant of the contract the SQL that breaks it, and for every kind of object a way to spoil it.

`{u}` is the id of the one user. A new invariant without a plant here fails a test: a detector that was
never seen to find something proves nothing.
"""

from __future__ import annotations

_U = "(SELECT id FROM users WHERE site_id = 'planted')"


def ledger(
    seq: int, delta: int, after: int, ref_type: str = "test", ref_id: str = "gen_random_uuid()"
) -> str:
    return (
        "INSERT INTO gold_ledger (user_id, seq, delta, balance_after, counter_account, reason, ref_type,"
        " ref_id, event_id, trace_id, request_id)"
        f" VALUES ({_U}, {seq}, {delta}, {after}, 'test', 'test', '{ref_type}', {ref_id}::text,"
        " gen_random_uuid(), 't', 'r')"
    )


def _wallet(gold: int, version: int) -> str:
    return f"UPDATE wallets SET gold = {gold}, version = {version} WHERE user_id = {_U}"


def purchase(status: str = "SUCCESS") -> str:
    return (
        "INSERT INTO shop_transactions (public_id, user_id, product_id, qty, kind, unit_price, status,"
        " idempotency_key, trace_id, request_id)"
        f" VALUES ('11111111-1111-4111-8111-111111111111', {_U}, 'LUCKY_CHARM', 1, 'item', 200, '{status}',"
        " 'k', 't', 'r')"
    )


_ROUND = (
    "INSERT INTO game_rounds (public_id, event_id, trace_id, user_id, game, bet, payout, outcome,"
    f" server_seed_hash, nonce) VALUES (gen_random_uuid(), gen_random_uuid(), 't', {_U}, 'slot', 10, 25,"
    " '{}', 'h', 1)"
)
_LATE = (
    "INSERT INTO outbox (event_id, trace_id, request_id, user_id, type, topic, realtime, payload, created_at)"
    f" VALUES (gen_random_uuid(), 't', 'r', {_U}, 'x', 'cc.t', false, '{{}}', now() - interval '2 minutes')"
)

_SEED = (
    "INSERT INTO user_seeds (user_id, server_seed_enc, server_seed_hash, client_seed, nonce)"
    f" VALUES ({_U}, '', 'h', 'c', 3) ON CONFLICT (user_id) DO UPDATE SET nonce = 3"
)
_CRASHED = (
    "INSERT INTO crash_rounds (public_id, seed_hash, seed_enc, seed, crash_x100, edge_bp, max_x100,"
    " growth_e6, status, starts_at, ended_at) VALUES (gen_random_uuid(), 'h', '', 's', 150, 200, 10000,"
    " 140000, 'CRASHED', now() - interval '3 minutes', now() - interval '2 minutes')"
)


def _audit(action: str, after: str) -> str:
    """Return an audit row that is no link of the chain."""
    return (
        "INSERT INTO audit_log (actor_id, action, target, before, after, trace_id, request_id, prev_hash,"
        f" hash) VALUES ({_U}, '{action}', 'user:' || {_U}, '{{}}', '{after}', 't', 'r', 'a', 'b')"
    )


def _crash_bet(status: str, cashed: str, payout: int) -> str:
    return (
        "INSERT INTO crash_bets (round_id, user_id, public_id, bet, cashed_x100, payout, status, trace_id)"
        f" SELECT max(id), {_U}, gen_random_uuid(), 10, {cashed}, {payout}, '{status}', 't' FROM crash_rounds"
    )


INVARIANTS: dict[str, tuple[str, ...]] = {
    "gold_never_negative": ("ALTER TABLE wallets DROP CONSTRAINT ck_wallets_gold_nonneg", _wallet(-5, 0)),
    "wallet_is_sum_of_ledger": (_wallet(7, 0),),
    "wallet_version_counts_ledger": (_wallet(5, 2), ledger(2, 5, 5)),  # seq 1 was never written
    "balance_after_is_running_sum": (_wallet(5, 1), ledger(1, 5, 6)),
    "success_has_one_ledger_row": (purchase(),),
    "purchase_states_agree": (purchase("REFUNDED"),),
    "ledger_row_has_its_cause": (_wallet(5, 1), ledger(1, 5, 5, "shop_tx")),
    "round_is_booked": (_ROUND,),
    "outbox_leaves_within_60s": (_LATE,),
    "audit_chain_unbroken": (_audit("set_rank", "{}"),),
    "adjustment_is_booked": (_audit("gold_adjust", '{"adjustment_id": "never-posted"}'),),
    "limited_stock_is_holds": ("UPDATE limited_packages SET stock_sold = 1 WHERE id = 'VAULT_5000'",),
    "limited_user_count_is_holds": (f"INSERT INTO limited_user_counts VALUES ('VAULT_5000', {_U}, 1)",),
    "captured_hold_is_a_sale": (
        "INSERT INTO limited_holds (id, package_id, user_id, status, expires_at)"
        f" VALUES (gen_random_uuid(), 'VAULT_5000', {_U}, 'CAPTURED', now())",
    ),
    "promo_use_is_a_redemption": ("UPDATE promo_codes SET used_count = 1 WHERE code = 'WELCOME100'",),
    "promo_redemption_is_booked": (f"INSERT INTO promo_redemptions VALUES ('WELCOME100', {_U}, 100, 1)",),
    "nonce_counts_rounds": (_SEED,),
    "crash_bet_is_booked": (_CRASHED, _crash_bet("LOST", "NULL", 0)),
    "crash_pays_up_to_the_point": (_CRASHED, _crash_bet("CASHED", "160", 16)),
    "crash_settles_within_60s": (_CRASHED, _crash_bet("OPEN", "NULL", 0)),
    "claim_is_booked": (f"INSERT INTO streak_claims VALUES ({_U}, 'DAILY', '2026-01-01', 100, 1)",),
    "grant_of_gold_has_its_claim": (_wallet(5, 1), ledger(1, 5, 5, "achievement", "'FIRST_STREAK'")),
    "pass_claims_are_earned": (f"INSERT INTO battle_pass_claims VALUES ('S1', {_U}, 'premium', 1, 100, 1)",),
    "pass_owner_has_bought": (f"INSERT INTO battle_pass_owners VALUES ('S1', {_U}, gen_random_uuid())",),
    "key_has_its_answer": (
        "INSERT INTO idempotency_keys (user_id, scope, key, request_hash, expires_at)"
        f" VALUES ({_U}, 'buy', 'k', 'h', now())",
    ),
    "streak_is_its_claims": (f"INSERT INTO user_streaks VALUES ({_U}, 'DAILY', 3, 3, '2026-01-01')",),
}

# statements, the code that must be found, the object's name
SCHEMA: dict[str, tuple[tuple[str, ...], str, str]] = {
    "a table is gone": (("DROP TABLE crash_bets CASCADE",), "TABLE_MISSING", "crash_bets"),
    "a column is gone": (("ALTER TABLE users DROP COLUMN level CASCADE",), "COLUMN_MISSING", "users.level"),
    "a column has another type": (
        ("ALTER TABLE user_streaks ALTER COLUMN current TYPE bigint",),
        "COLUMN_DIFFERS",
        "user_streaks.current",
    ),
    "a column may be null": (
        ("ALTER TABLE gold_ledger ALTER COLUMN trace_id DROP NOT NULL",),
        "COLUMN_DIFFERS",
        "gold_ledger.trace_id",
    ),
    "an index is gone": (
        ("DROP INDEX ix_outbox_kafka_pending",),
        "INDEX_MISSING",
        "outbox.ix_outbox_kafka_pending",
    ),
    "an index is no longer unique": (
        (
            "DROP INDEX uq_users_site_id_lower",
            "CREATE INDEX uq_users_site_id_lower ON users (lower(site_id))",
        ),
        "INDEX_DIFFERS",
        "users.uq_users_site_id_lower",
    ),
    "an index covers other columns": (
        ("DROP INDEX ix_crash_bets_user_id", "CREATE INDEX ix_crash_bets_user_id ON crash_bets (bet)"),
        "INDEX_DIFFERS",
        "crash_bets.ix_crash_bets_user_id",
    ),
    "an index has another predicate": (
        (
            "DROP INDEX uq_limited_holds_one_held",
            "CREATE UNIQUE INDEX uq_limited_holds_one_held ON limited_holds (package_id, user_id)"
            " WHERE status = 'CAPTURED'",
        ),
        "INDEX_DIFFERS",
        "limited_holds.uq_limited_holds_one_held",
    ),
    "a unique index failed half-way": (
        (
            "DROP INDEX uq_users_nickname_lower",
            "INSERT INTO users (public_id, site_id, nickname, password_hash)"
            " VALUES (gen_random_uuid(), 'twin', 'PLANTED', 'x')",
            "CREATE UNIQUE INDEX CONCURRENTLY uq_users_nickname_lower ON users (lower(nickname))",
        ),
        "INDEX_NOT_IN_FORCE",
        "users.uq_users_nickname_lower",
    ),
    "a unique constraint is gone": (
        ("ALTER TABLE gold_ledger DROP CONSTRAINT uq_gold_ledger_user_id_seq",),
        "CONSTRAINT_MISSING",
        "gold_ledger.uq_gold_ledger_user_id_seq",
    ),
    "a primary key is gone": (
        ("ALTER TABLE streak_claims DROP CONSTRAINT pk_streak_claims",),
        "CONSTRAINT_MISSING",
        "streak_claims.pk_streak_claims",
    ),
    "a foreign key is gone": (
        ("ALTER TABLE wallets DROP CONSTRAINT fk_wallets_user_id",),
        "CONSTRAINT_MISSING",
        "wallets.fk_wallets_user_id",
    ),
    "a foreign key leads elsewhere": (
        (
            "ALTER TABLE streak_claims DROP CONSTRAINT fk_streak_claims_user_id",
            "ALTER TABLE streak_claims ADD CONSTRAINT fk_streak_claims_user_id FOREIGN KEY (user_id)"
            " REFERENCES wallets (user_id)",
        ),
        "CONSTRAINT_DIFFERS",
        "streak_claims.fk_streak_claims_user_id",
    ),
    "a check was loosened": (
        (
            "ALTER TABLE wallets DROP CONSTRAINT ck_wallets_gold_nonneg",
            "ALTER TABLE wallets ADD CONSTRAINT ck_wallets_gold_nonneg CHECK (gold >= -1000)",
        ),
        "CONSTRAINT_DIFFERS",
        "wallets.ck_wallets_gold_nonneg",
    ),
    "a check was never validated": (
        (
            "ALTER TABLE wallets DROP CONSTRAINT ck_wallets_gold_nonneg",
            "ALTER TABLE wallets ADD CONSTRAINT ck_wallets_gold_nonneg CHECK (gold >= 0) NOT VALID",
        ),
        "CONSTRAINT_NOT_IN_FORCE",
        "wallets.ck_wallets_gold_nonneg",
    ),
    "a trigger is disabled": (
        ("ALTER TABLE gold_ledger DISABLE TRIGGER gold_ledger_append_only",),
        "TRIGGER_NOT_IN_FORCE",
        "gold_ledger.gold_ledger_append_only",
    ),
    "a trigger is gone": (
        ("DROP TRIGGER gold_ledger_append_only ON gold_ledger",),
        "TRIGGER_MISSING",
        "gold_ledger.gold_ledger_append_only",
    ),
    "a trigger no longer refuses deletes": (
        (
            "DROP TRIGGER gold_ledger_append_only ON gold_ledger",
            "CREATE TRIGGER gold_ledger_append_only BEFORE UPDATE ON gold_ledger FOR EACH ROW"
            " EXECUTE FUNCTION cc_refuse_change()",
        ),
        "TRIGGER_DIFFERS",
        "gold_ledger.gold_ledger_append_only",
    ),
}
