-- Move gold: guarded update, ledger row with the wallet version as seq, ledger event. Never read-then-write:
-- the WHERE is re-evaluated after the lock wait, and ck_wallets_gold_nonneg is the second net.
CREATE OR REPLACE FUNCTION cc_post(
    ctx jsonb, p_user bigint, p_delta bigint, p_counter text, p_reason text, p_ref_type text, p_ref_id text,
    OUT balance bigint, OUT seq bigint, OUT event_id uuid
) LANGUAGE plpgsql AS $$
BEGIN
    UPDATE wallets w SET gold = w.gold + p_delta, version = w.version + 1, updated_at = now()
     WHERE w.user_id = p_user AND w.gold + p_delta >= 0
    RETURNING w.gold, w.version INTO balance, seq;
    IF NOT FOUND THEN PERFORM cc_fail('INSUFFICIENT_GOLD'); END IF;
    event_id := gen_random_uuid();
    INSERT INTO gold_ledger (user_id, seq, delta, balance_after, counter_account, reason, ref_type, ref_id,
                             event_id, trace_id, request_id)
    VALUES (p_user, seq, p_delta, balance, p_counter, p_reason, p_ref_type, p_ref_id,
            event_id, ctx->>'trace_id', ctx->>'request_id');
    PERFORM cc_emit(ctx, p_user, 'ledger', 'economy.ledger', false, jsonb_build_object(
        'seq', seq, 'delta', p_delta, 'balance_after', balance, 'counter_account', p_counter,
        'reason', p_reason, 'ref_type', p_ref_type, 'ref_id', p_ref_id), event_id);
END $$;
