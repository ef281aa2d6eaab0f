-- Give a buyer what a payment has paid for. `refused` says why it can't be given, and then nothing was changed.
-- The caller holds the wallet row.
CREATE OR REPLACE FUNCTION cc_deliver(
    ctx jsonb, tx shop_transactions, OUT refused text, OUT balance bigint, OUT seq bigint
) LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT gold FROM wallets WHERE user_id = tx.user_id) > 9223372036854775807 - tx.gold_amount THEN
        refused := 'wallet_full';
    ELSIF tx.kind = 'limited' THEN
        refused := nullif(cc_limited_capture(tx), '');
    ELSIF tx.kind = 'battle_pass' AND NOT cc_open_pass(tx.user_id, tx.product_id, tx.public_id) THEN
        refused := 'limit';
    END IF;
    IF refused IS NULL AND tx.gold_amount > 0 THEN
        SELECT p.balance, p.seq INTO balance, seq
          FROM cc_post(ctx, tx.user_id, tx.gold_amount, 'pay:gateway', 'gold_pack', 'shop_tx', tx.public_id::text) p;
    END IF;
END $$;

-- Give a transaction its new state and tell everybody. The caller has checked that it may change,
-- and holds the wallet row.
CREATE OR REPLACE FUNCTION cc_conclude(
    ctx jsonb, tx shop_transactions, p_status text, p_reason text, p_balance bigint, p_seq bigint
) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
    event uuid;
BEGIN
    UPDATE shop_transactions SET status = p_status, settled_at = now(), failure_reason = p_reason
     WHERE id = tx.id;
    IF p_status = 'FAILED' AND tx.kind = 'limited' THEN PERFORM cc_limited_fail(tx); END IF;
    event := cc_emit_purchase(ctx, tx, p_status, p_reason);
    IF p_status = 'SUCCESS' THEN
        IF p_seq IS NOT NULL THEN
            PERFORM cc_emit_reward(ctx, tx.user_id, 'gold_pack', tx.gold_amount, p_balance, p_seq);
        END IF;
        PERFORM cc_achieve(ctx, tx.user_id, 'purchases', 1);
        PERFORM cc_emit_profile(ctx, tx.user_id);
    END IF;
    RETURN event;
END $$;

-- Apply one payment event. Two once-guards: payment_events' primary key (the same event twice) and the
-- status under the wallet lock (another event for the same transaction). Answers:
-- processed | duplicate | unknown | ignored (nothing left to decide: FAILED after SUCCESS, a second SUCCESS)
-- | review (money arrived that we can't or must not turn into goods by ourselves; a person decides).
-- Lock order: payment event, wallet row, hold, stock, inserts.
CREATE OR REPLACE FUNCTION cc_settle(
    ctx jsonb, p_provider text, p_event text, p_type text, p_receipt text, p_amount bigint, p_payload jsonb,
    OUT outcome text, OUT flow text
) LANGUAGE plpgsql AS $$
DECLARE
    known payment_events;
    tx shop_transactions;
    given record;
    reason text;
    state text;
    own_ctx jsonb;
BEGIN
    INSERT INTO payment_events (provider, event_id, type, receipt, amount_cents, payload)
    VALUES (p_provider, p_event, p_type, p_receipt, p_amount, p_payload)
    ON CONFLICT ON CONSTRAINT pk_payment_events DO NOTHING;
    IF NOT FOUND THEN
        -- The first text of an event id is the one that counts, also while it waits for its purchase.
        SELECT * INTO known FROM payment_events e WHERE e.provider = p_provider AND e.event_id = p_event;
        IF known.processed_at IS NOT NULL
           OR (known.type, known.receipt, known.amount_cents) IS DISTINCT FROM (p_type, p_receipt, p_amount) THEN
            outcome := 'duplicate';
            RETURN;
        END IF;
    END IF;
    SELECT * INTO tx FROM shop_transactions t WHERE t.provider = p_provider AND t.receipt = p_receipt;
    IF NOT FOUND THEN
        outcome := 'unknown';  -- kept unprocessed: the purchase may not have committed yet
        RETURN;
    END IF;
    flow := tx.kind;
    PERFORM cc_lock_wallet(tx.user_id);
    -- Two deliveries of a kept event both come this far; the lock made the second wait for the first.
    IF EXISTS (SELECT 1 FROM payment_events e WHERE e.provider = p_provider AND e.event_id = p_event
                  AND e.processed_at IS NOT NULL) THEN
        outcome := 'duplicate';
        RETURN;
    END IF;
    SELECT * INTO tx FROM shop_transactions t WHERE t.id = tx.id;  -- as it is now that nobody else may move
    -- Everything a payment causes is part of the buyer's trace, whoever delivers the news.
    own_ctx := ctx || jsonb_build_object('trace_id', tx.trace_id);
    outcome := 'ignored';
    IF p_type <> 'payment.succeeded' THEN
        IF tx.status = 'PENDING' THEN outcome := 'processed'; state := 'FAILED'; reason := 'declined'; END IF;
    ELSIF tx.status IN ('PENDING', 'FAILED') THEN
        reason := CASE WHEN p_amount IS DISTINCT FROM tx.amount_cents THEN 'amount_mismatch'
                       WHEN tx.status = 'FAILED' THEN 'paid_after_failure' END;
        IF reason IS NULL THEN
            given := cc_deliver(own_ctx, tx);
            reason := given.refused;
        END IF;
        outcome := CASE WHEN reason IS NULL THEN 'processed' ELSE 'review' END;
        state := CASE WHEN reason IS NULL THEN 'SUCCESS' ELSE 'REVIEW' END;
    END IF;
    IF state = 'SUCCESS' THEN
        PERFORM cc_conclude(own_ctx, tx, state, NULL, given.balance, given.seq);
    ELSIF state IS NOT NULL THEN
        PERFORM cc_conclude(own_ctx, tx, state, reason, NULL, NULL);
    END IF;
    UPDATE payment_events e SET processed_at = now(), outcome = cc_settle.outcome
     WHERE e.provider = p_provider AND e.event_id = p_event;
END $$;

-- A person's decision about a payment that is open (PENDING or REVIEW). Approving needs the exact price.
-- Lock order: wallet row, hold, stock, inserts, audit chain.
CREATE OR REPLACE FUNCTION cc_settle_by_hand(
    ctx jsonb, p_actor bigint, p_tx uuid, p_amount bigint, p_approve boolean, p_reason text
) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    tx shop_transactions;
    given record;
    state text := CASE WHEN p_approve THEN 'SUCCESS' ELSE 'FAILED' END;
    event uuid;
    balance bigint;
BEGIN
    SELECT * INTO tx FROM shop_transactions WHERE public_id = p_tx;
    IF NOT FOUND THEN PERFORM cc_fail('NOT_FOUND'); END IF;
    PERFORM cc_lock_wallet(tx.user_id);
    SELECT * INTO tx FROM shop_transactions WHERE id = tx.id;
    IF tx.status NOT IN ('PENDING', 'REVIEW') THEN PERFORM cc_fail('ALREADY_FINAL'); END IF;
    IF p_approve THEN
        IF p_amount <> tx.amount_cents THEN PERFORM cc_fail('AMOUNT_MISMATCH'); END IF;
        given := cc_deliver(ctx, tx);
        IF given.refused IS NOT NULL THEN
            PERFORM cc_fail(CASE given.refused WHEN 'wallet_full' THEN 'AMOUNT_OUT_OF_RANGE'
                            WHEN 'limit' THEN 'LIMIT_REACHED' ELSE 'SOLD_OUT' END);
        END IF;
        balance := given.balance;
        event := cc_conclude(ctx, tx, state, NULL, given.balance, given.seq);
    ELSE
        event := cc_conclude(ctx, tx, state, 'declined', NULL, NULL);
    END IF;
    PERFORM cc_audit(ctx, p_actor, 'payment.settle', 'shop_tx:' || p_tx,
        jsonb_build_object('status', tx.status, 'failure_reason', tx.failure_reason),
        jsonb_build_object('status', state, 'amount_cents', p_amount), p_reason);
    RETURN jsonb_strip_nulls(jsonb_build_object('transaction_id', p_tx, 'status', state, 'kind', tx.kind,
        'balance_after', balance, 'event_id', event));
END $$;
