-- Buy. `item`: gold is debited, 200 SUCCESS. `gold_pack`: a PENDING transaction for the payment provider, 202.
-- Lock order: idempotency row, wallet row, inserts. Refusals roll the key back; a retry may succeed later.
CREATE OR REPLACE FUNCTION cc_buy(
    ctx jsonb, p_user bigint, p_product text, p_qty integer, p_tx uuid, p_provider text, p_receipt text,
    p_key text, p_hash bytea, OUT status integer, OUT body bytea, OUT replayed boolean
) LANGUAGE plpgsql AS $$
DECLARE
    earlier idempotency_keys;
    item products;
    buyer record;
    balance bigint;  -- stays NULL for a gold pack
    event uuid := gen_random_uuid();
    state text;
    answer jsonb;
    ranks constant text[] := ARRAY['STANDARD', 'PREMIUM', 'VIP', 'ADMIN'];
BEGIN
    replayed := false;
    earlier := cc_idem_begin(p_user, 'buy', p_key, p_hash);
    IF earlier.key IS NOT NULL THEN
        status := earlier.response_status; body := earlier.response_body; replayed := true;
        RETURN;
    END IF;
    SELECT * INTO item FROM products WHERE id = p_product;
    IF NOT FOUND OR item.kind NOT IN ('item', 'gold_pack') THEN PERFORM cc_fail('NOT_FOUND'); END IF;
    IF NOT item.active OR item.ends_at <= now() OR item.starts_at > now() THEN
        PERFORM cc_fail('PRODUCT_ENDED');
    END IF;
    SELECT rank, age_verified_at INTO buyer FROM users WHERE id = p_user;
    IF array_position(ranks, buyer.rank) < array_position(ranks, item.min_rank) THEN
        PERFORM cc_fail('RANK_REQUIRED');
    END IF;
    IF item.adult_only AND buyer.age_verified_at IS NULL THEN PERFORM cc_fail('AGE_VERIFICATION_REQUIRED'); END IF;
    -- Refused before anything is charged: a pack whose gold does not fit could never be settled.
    PERFORM item.gold_amount * p_qty;
    PERFORM cc_lock_wallet(p_user);
    state := CASE item.kind WHEN 'item' THEN 'SUCCESS' ELSE 'PENDING' END;
    INSERT INTO shop_transactions (public_id, user_id, product_id, qty, kind, unit_price, status,
        idempotency_key, provider, receipt, amount_cents, trace_id, request_id, settled_at)
    VALUES (p_tx, p_user, item.id, p_qty, item.kind, coalesce(item.price_gold, item.price_cents), state, p_key,
        CASE WHEN item.kind = 'gold_pack' THEN p_provider END,
        CASE WHEN item.kind = 'gold_pack' THEN p_receipt END,
        item.price_cents * p_qty, ctx->>'trace_id', ctx->>'request_id',
        CASE WHEN state = 'SUCCESS' THEN now() END);
    IF item.kind = 'item' THEN
        SELECT p.balance INTO balance
          FROM cc_post(ctx, p_user, -(item.price_gold * p_qty), 'sink:shop', 'purchase', 'shop_tx', p_tx::text) p;
    END IF;
    PERFORM cc_emit(ctx, p_user, 'purchase_update', 'shop.transactions', true, jsonb_strip_nulls(jsonb_build_object(
        'transaction_id', p_tx, 'status', state, 'product_id', item.id, 'kind', item.kind, 'qty', p_qty,
        'amount_gold', item.price_gold * p_qty, 'amount_cents', item.price_cents * p_qty)), event);
    IF item.kind = 'item' THEN
        PERFORM cc_achieve(ctx, p_user, 'purchases', 1);
        PERFORM cc_emit_profile(ctx, p_user);
    END IF;
    answer := jsonb_strip_nulls(jsonb_build_object('success', state = 'SUCCESS', 'transaction_id', p_tx,
        'status', state, 'product_id', item.id, 'kind', item.kind, 'qty', p_qty,
        'receipt', CASE WHEN item.kind = 'gold_pack' THEN p_receipt END,
        'balance_after', balance, 'event_id', event));
    status := CASE item.kind WHEN 'item' THEN 200 ELSE 202 END;
    body := cc_idem_end(p_user, 'buy', p_key, status, answer);
END $$;
