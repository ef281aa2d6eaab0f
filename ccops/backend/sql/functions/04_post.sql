-- Move gold: guarded update, ledger row with the wallet version as seq. Never read-then-write: the WHERE is
-- re-evaluated after the lock wait, and ck_wallets_gold_nonneg is the second net.
-- The caller tells about it: an event 'ledger' with the id p_event and the data of cc_ledger_data.
CREATE OR REPLACE FUNCTION cc_move(
    ctx jsonb, p_user bigint, p_delta bigint, p_counter text, p_reason text, p_ref_type text, p_ref_id text,
    p_event uuid, OUT balance bigint, OUT seq bigint
) LANGUAGE plpgsql AS $$
BEGIN
    UPDATE wallets w SET gold = w.gold + p_delta, version = w.version + 1, updated_at = now()
     WHERE w.user_id = p_user AND w.gold + p_delta >= 0
    RETURNING w.gold, w.version INTO balance, seq;
    IF NOT FOUND THEN PERFORM cc_fail('INSUFFICIENT_GOLD'); END IF;
    INSERT INTO gold_ledger (user_id, seq, delta, balance_after, counter_account, reason, ref_type, ref_id,
                             event_id, trace_id, request_id)
    VALUES (p_user, seq, p_delta, balance, p_counter, p_reason, p_ref_type, p_ref_id,
            p_event, ctx->>'trace_id', ctx->>'request_id');
END $$;

-- What an event says. Plain expressions: the planner puts them where they are called, at no cost.
CREATE OR REPLACE FUNCTION cc_ledger_data(
    p_seq bigint, p_delta bigint, p_balance bigint, p_counter text, p_reason text, p_ref_type text, p_ref_id text
) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object(
        'seq', p_seq, 'delta', p_delta, 'balance_after', p_balance, 'counter_account', p_counter,
        'reason', p_reason, 'ref_type', p_ref_type, 'ref_id', p_ref_id);
$$;

-- Move gold and tell about it.
CREATE OR REPLACE FUNCTION cc_post(
    ctx jsonb, p_user bigint, p_delta bigint, p_counter text, p_reason text, p_ref_type text, p_ref_id text,
    OUT balance bigint, OUT seq bigint, OUT event_id uuid
) LANGUAGE plpgsql AS $$
BEGIN
    event_id := gen_random_uuid();
    SELECT m.balance, m.seq INTO balance, seq
      FROM cc_move(ctx, p_user, p_delta, p_counter, p_reason, p_ref_type, p_ref_id, event_id) m;
    PERFORM cc_emit(ctx, p_user, 'ledger', 'economy.ledger', false,
        cc_ledger_data(seq, p_delta, balance, p_counter, p_reason, p_ref_type, p_ref_id), event_id);
END $$;
