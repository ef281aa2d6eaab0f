-- Tell the buyer and the shop topic what has become of a purchase.
CREATE OR REPLACE FUNCTION cc_emit_purchase(
    ctx jsonb, tx shop_transactions, p_status text, p_reason text, p_event uuid DEFAULT gen_random_uuid()
) RETURNS uuid LANGUAGE plpgsql AS $$
BEGIN
    RETURN cc_emit(ctx, tx.user_id, 'purchase_update', 'shop.transactions', true,
        jsonb_strip_nulls(jsonb_build_object(
            'transaction_id', tx.public_id, 'status', p_status, 'product_id', tx.product_id, 'kind', tx.kind,
            'qty', tx.qty, 'amount_gold', CASE WHEN tx.amount_cents IS NULL THEN tx.unit_price * tx.qty END,
            'amount_cents', tx.amount_cents, 'reason', p_reason)), p_event);
END $$;

-- Open a season's pass for a buyer. False: they own it already (the primary key is the once-guard).
CREATE OR REPLACE FUNCTION cc_open_pass(p_user bigint, p_product text, p_tx uuid) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO battle_pass_owners (season, user_id, shop_tx_id)
    SELECT season, p_user, p_tx FROM products WHERE id = p_product AND season IS NOT NULL
    ON CONFLICT DO NOTHING;
    RETURN FOUND;
END $$;

-- What one person can't have twice, or not at all: a pass that is owned, being paid for, or over.
CREATE OR REPLACE FUNCTION cc_check_pass(p_user bigint, item products, p_qty integer) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    season battle_pass_seasons;
BEGIN
    SELECT * INTO season FROM battle_pass_seasons WHERE id = item.season;
    IF NOT FOUND THEN PERFORM cc_fail('NOT_FOUND'); END IF;
    IF season.ends_at <= now() OR season.starts_at > now() THEN PERFORM cc_fail('PRODUCT_ENDED'); END IF;
    IF p_qty > 1
       OR EXISTS (SELECT 1 FROM battle_pass_owners o WHERE o.season = item.season AND o.user_id = p_user)
       OR EXISTS (SELECT 1 FROM shop_transactions t JOIN products p ON p.id = t.product_id
                   WHERE t.user_id = p_user AND t.status = 'PENDING' AND p.season = item.season) THEN
        PERFORM cc_fail('LIMIT_REACHED');
    END IF;
END $$;

-- Buy. Priced in gold: debited and delivered now, 200 SUCCESS. Priced in cents: a PENDING transaction for
-- the payment provider, 202; what it will credit is fixed here, so a later price change changes nothing.
-- Lock order: idempotency row, wallet row, inserts. Refusals roll the key back; a retry may succeed later.
CREATE OR REPLACE FUNCTION cc_buy(
    ctx jsonb, p_user bigint, p_product text, p_qty integer, p_tx uuid, p_provider text, p_receipt text,
    p_key text, p_hash bytea, OUT status integer, OUT body bytea, OUT replayed boolean
) LANGUAGE plpgsql AS $$
DECLARE
    item products;
    buyer record;
    tx shop_transactions;
    balance bigint;  -- stays NULL until gold has moved
    event uuid := gen_random_uuid();
    paid_in_gold boolean;
    promised bigint := 0;
    ranks constant text[] := ARRAY['STANDARD', 'PREMIUM', 'VIP', 'ADMIN'];
BEGIN
    SELECT * INTO status, body, replayed FROM cc_replay(p_user, 'buy', p_key, p_hash);
    IF replayed THEN RETURN; END IF;
    SELECT * INTO item FROM products WHERE id = p_product;
    IF NOT FOUND OR item.kind = 'limited' THEN PERFORM cc_fail('NOT_FOUND'); END IF;
    IF NOT item.active OR item.ends_at <= now() OR item.starts_at > now() THEN
        PERFORM cc_fail('PRODUCT_ENDED');
    END IF;
    -- cc_lock_own, and what is asked about the buyer, in one statement.
    SELECT u.rank, u.age_verified_at, u.is_active, w.gold INTO buyer
      FROM wallets w JOIN users u ON u.id = w.user_id WHERE w.user_id = p_user FOR NO KEY UPDATE OF w;
    IF NOT FOUND THEN PERFORM cc_fail('NOT_FOUND'); END IF;
    IF NOT buyer.is_active THEN PERFORM cc_fail('UNAUTHORIZED'); END IF;
    IF array_position(ranks, buyer.rank) < array_position(ranks, item.min_rank) THEN
        PERFORM cc_fail('RANK_REQUIRED');
    END IF;
    IF item.adult_only AND buyer.age_verified_at IS NULL THEN PERFORM cc_fail('AGE_VERIFICATION_REQUIRED'); END IF;
    IF item.kind = 'battle_pass' THEN PERFORM cc_check_pass(p_user, item, p_qty); END IF;
    paid_in_gold := item.price_gold IS NOT NULL;
    IF NOT paid_in_gold THEN
        promised := item.gold_amount * p_qty;
        -- Refused before anybody pays: what does not fit the wallet raises AMOUNT_OUT_OF_RANGE here.
        PERFORM buyer.gold + promised;
    END IF;
    INSERT INTO shop_transactions (public_id, user_id, product_id, qty, kind, unit_price, status,
        idempotency_key, provider, receipt, amount_cents, gold_amount, trace_id, request_id, settled_at)
    VALUES (p_tx, p_user, item.id, p_qty, item.kind, coalesce(item.price_gold, item.price_cents),
        CASE WHEN paid_in_gold THEN 'SUCCESS' ELSE 'PENDING' END, p_key,
        CASE WHEN NOT paid_in_gold THEN p_provider END, CASE WHEN NOT paid_in_gold THEN p_receipt END,
        item.price_cents * p_qty, promised, ctx->>'trace_id', ctx->>'request_id',
        CASE WHEN paid_in_gold THEN now() END)
    RETURNING * INTO tx;
    IF paid_in_gold THEN
        SELECT p.balance INTO balance
          FROM cc_post(ctx, p_user, -(item.price_gold * p_qty), 'sink:shop', 'purchase', 'shop_tx', p_tx::text) p;
        IF item.kind = 'battle_pass' AND NOT cc_open_pass(p_user, item.id, p_tx) THEN
            PERFORM cc_fail('LIMIT_REACHED');
        END IF;
    END IF;
    PERFORM cc_emit_purchase(ctx, tx, tx.status, NULL, event);
    IF paid_in_gold THEN
        PERFORM cc_achieve(ctx, p_user, 'purchases', 1);
        PERFORM cc_emit_profile(ctx, p_user);
    END IF;
    status := CASE WHEN paid_in_gold THEN 200 ELSE 202 END;
    body := cc_answer(p_user, 'buy', p_key, status, jsonb_strip_nulls(jsonb_build_object(
        'success', paid_in_gold, 'transaction_id', p_tx, 'status', tx.status, 'product_id', item.id,
        'kind', item.kind, 'qty', p_qty, 'receipt', tx.receipt, 'balance_after', balance, 'event_id', event)));
END $$;

-- Tell a buyer's sockets that a purchase was refused. Realtime only: nothing happened that others must know.
-- The original purchase is named when the key was used for another one.
CREATE OR REPLACE FUNCTION cc_buy_refused(
    ctx jsonb, p_user bigint, p_product text, p_qty integer, p_status text, p_reason text, p_key text
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    -- A frame about nothing must not wait behind money for long; without the lock it could be out of order.
    PERFORM set_config('lock_timeout', '250ms', true);
    PERFORM cc_lock_wallet(p_user);
    PERFORM cc_emit(ctx, p_user, 'purchase_update', NULL, true, jsonb_strip_nulls(jsonb_build_object(
        'transaction_id', CASE WHEN p_status = 'IDEMPOTENCY_CONFLICT' THEN
            (SELECT convert_from(response_body, 'UTF8')::jsonb->>'transaction_id' FROM idempotency_keys
              WHERE user_id = p_user AND scope = 'buy' AND key = p_key) END,
        'status', p_status, 'product_id', p_product,
        'kind', coalesce((SELECT kind FROM products WHERE id = p_product), 'unknown'),
        'qty', p_qty, 'reason', p_reason)));
END $$;
