-- Apply one payment event. Two once-guards: payment_events' primary key (the same event twice) and
-- status = 'PENDING' (another event for a final transaction). Answers: processed | duplicate | unknown |
-- ignored (FAILED after SUCCESS) | review (the amount differs: money is kept for a person to decide).
CREATE OR REPLACE FUNCTION cc_settle(
    ctx jsonb, p_provider text, p_event text, p_type text, p_receipt text, p_amount bigint, p_payload jsonb,
    OUT outcome text, OUT user_id bigint
) LANGUAGE plpgsql AS $$
DECLARE
    tx shop_transactions;
    item products;
    post record;
    gold bigint;
    state text;
    own_ctx jsonb;
BEGIN
    INSERT INTO payment_events AS e (provider, event_id, type, receipt, amount_cents, payload)
    VALUES (p_provider, p_event, p_type, p_receipt, p_amount, p_payload)
    ON CONFLICT ON CONSTRAINT pk_payment_events DO NOTHING;
    IF NOT FOUND AND EXISTS (SELECT 1 FROM payment_events e
                              WHERE e.provider = p_provider AND e.event_id = p_event
                                AND e.processed_at IS NOT NULL) THEN
        outcome := 'duplicate';
        RETURN;
    END IF;
    SELECT * INTO tx FROM shop_transactions t WHERE t.provider = p_provider AND t.receipt = p_receipt;
    IF NOT FOUND THEN
        outcome := 'unknown';  -- kept unprocessed: the purchase may not have committed yet
        RETURN;
    END IF;
    user_id := tx.user_id;
    PERFORM cc_lock_wallet(tx.user_id);
    -- Two deliveries of a kept event both come this far; the lock made the second wait for the first.
    IF EXISTS (SELECT 1 FROM payment_events e WHERE e.provider = p_provider AND e.event_id = p_event
                  AND e.processed_at IS NOT NULL) THEN
        outcome := 'duplicate';
        RETURN;
    END IF;
    -- Everything a payment causes is part of the buyer's trace, whoever delivers the news.
    own_ctx := ctx || jsonb_build_object('trace_id', tx.trace_id);
    state := CASE WHEN p_type <> 'payment.succeeded' THEN 'FAILED'
                  WHEN p_amount IS DISTINCT FROM tx.amount_cents THEN 'REVIEW' ELSE 'SUCCESS' END;
    UPDATE shop_transactions t
       SET status = state, settled_at = now(),
           failure_reason = CASE state WHEN 'FAILED' THEN 'declined' WHEN 'REVIEW' THEN 'amount_mismatch' END
     WHERE t.id = tx.id AND t.status = 'PENDING';
    outcome := CASE WHEN NOT FOUND THEN 'ignored' WHEN state = 'REVIEW' THEN 'review' ELSE 'processed' END;
    IF outcome <> 'ignored' THEN
        IF state = 'SUCCESS' THEN
            SELECT * INTO item FROM products WHERE id = tx.product_id;
            gold := item.gold_amount * tx.qty;
            post := cc_post(own_ctx, tx.user_id, gold, 'pay:gateway', 'gold_pack', 'shop_tx', tx.public_id::text);
        END IF;
        PERFORM cc_emit(own_ctx, tx.user_id, 'purchase_update', 'shop.transactions', true,
            jsonb_strip_nulls(jsonb_build_object('transaction_id', tx.public_id, 'status', state,
                'product_id', tx.product_id, 'kind', tx.kind, 'qty', tx.qty, 'amount_cents', p_amount,
                'reason', CASE state WHEN 'FAILED' THEN 'declined' WHEN 'REVIEW' THEN 'amount_mismatch' END)));
        IF state = 'SUCCESS' THEN
            PERFORM cc_emit_reward(own_ctx, tx.user_id, 'gold_pack', gold, post.balance, post.seq);
            PERFORM cc_achieve(own_ctx, tx.user_id, 'purchases', 1);
            PERFORM cc_emit_profile(own_ctx, tx.user_id);
        END IF;
    END IF;
    UPDATE payment_events e SET processed_at = now(), outcome = cc_settle.outcome
     WHERE e.provider = p_provider AND e.event_id = p_event;
END $$;
