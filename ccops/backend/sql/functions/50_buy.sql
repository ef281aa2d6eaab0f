CREATE OR REPLACE FUNCTION cc_purchase_data(
    p_tx uuid, p_status text, p_product text, p_kind text, p_qty integer, p_gold bigint, p_cents bigint, p_reason text
) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_strip_nulls(jsonb_build_object(
        'transaction_id', p_tx, 'status', p_status, 'product_id', p_product, 'kind', p_kind, 'qty', p_qty,
        'amount_gold', p_gold, 'amount_cents', p_cents, 'reason', p_reason));
$$;

-- Tell the buyer and the shop topic what has become of a purchase.
CREATE OR REPLACE FUNCTION cc_emit_purchase(
    ctx jsonb, tx shop_transactions, p_status text, p_reason text, p_event uuid DEFAULT gen_random_uuid()
) RETURNS uuid LANGUAGE plpgsql AS $$
BEGIN
    RETURN cc_emit(ctx, tx.user_id, 'purchase_update', 'shop.transactions', true, cc_purchase_data(
        tx.public_id, p_status, tx.product_id, tx.kind, tx.qty,
        CASE WHEN tx.amount_cents IS NULL THEN tx.unit_price * tx.qty END, tx.amount_cents, p_reason), p_event);
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

-- What one person can't have twice, or not at all: a pass that is owned, being paid for, or over. A payment that
-- was started and not made holds nobody up for longer than a quarter of an hour. If it comes after all, cc_deliver
-- finds the pass owned, and a person decides (REVIEW).
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
                   WHERE t.user_id = p_user AND t.status = 'PENDING' AND p.season = item.season
                     AND t.created_at > now() - interval '15 minutes') THEN
        PERFORM cc_fail('LIMIT_REACHED');
    END IF;
END $$;

-- Buy. Priced in gold: debited and delivered now, 200 SUCCESS. Priced in cents: a PENDING transaction for
-- the payment provider, 202; what it will credit is fixed here, so a later price change changes nothing.
--
-- Lock order: wallet row, inserts; the last of them is the idempotency row. Here it need not come first to hold
-- back a twin: a key belongs to its user, so a twin waits for the wallet row and then finds the answer. So the
-- row is written once, with the answer in it, and not twice. Every statement after the lock has a snapshot of
-- its own (READ COMMITTED): what the twin committed is seen. Refusals roll back; a retry may succeed later.
CREATE OR REPLACE FUNCTION cc_buy(
    ctx jsonb, p_user bigint, p_product text, p_qty integer, p_tx uuid, p_provider text, p_receipt text,
    p_key text, p_hash bytea, OUT status integer, OUT body bytea, OUT replayed boolean
) LANGUAGE plpgsql AS $$
DECLARE
    buyer record;
    earlier record;
    item products;
    paid_in_gold boolean;
    state text;
    price bigint;  -- of all p_qty, in gold; NULL when it is paid in cents
    cents bigint;
    promised bigint := 0;
    balance bigint;  -- stays NULL until gold has moved
    seq bigint;
    moved uuid := gen_random_uuid();
    event uuid := gen_random_uuid();
    ranks constant text[] := ARRAY['STANDARD', 'PREMIUM', 'VIP', 'ADMIN'];
BEGIN
    -- cc_lock_own, and what is asked about the buyer, in one statement.
    SELECT u.rank, u.age_verified_at, u.is_active, u.level, u.exp, w.gold INTO buyer
      FROM wallets w JOIN users u ON u.id = w.user_id WHERE w.user_id = p_user FOR NO KEY UPDATE OF w;
    IF NOT FOUND THEN PERFORM cc_fail('NOT_FOUND'); END IF;
    SELECT i.request_hash, i.response_status, i.response_body INTO earlier
      FROM idempotency_keys i WHERE i.user_id = p_user AND i.scope = 'buy' AND i.key = p_key;
    replayed := FOUND;
    IF replayed THEN
        IF earlier.request_hash <> p_hash THEN PERFORM cc_fail('IDEMPOTENCY_KEY_REUSED'); END IF;
        status := earlier.response_status;
        body := earlier.response_body;
        RETURN;
    END IF;
    SELECT * INTO item FROM products WHERE id = p_product;
    IF NOT FOUND OR item.kind = 'limited' THEN PERFORM cc_fail('NOT_FOUND'); END IF;
    IF NOT item.active OR item.ends_at <= now() OR item.starts_at > now() THEN
        PERFORM cc_fail('PRODUCT_ENDED');
    END IF;
    IF NOT buyer.is_active THEN PERFORM cc_fail('UNAUTHORIZED'); END IF;
    IF array_position(ranks, buyer.rank) < array_position(ranks, item.min_rank) THEN
        PERFORM cc_fail('RANK_REQUIRED');
    END IF;
    IF item.adult_only AND buyer.age_verified_at IS NULL THEN PERFORM cc_fail('AGE_VERIFICATION_REQUIRED'); END IF;
    IF item.kind = 'battle_pass' THEN PERFORM cc_check_pass(p_user, item, p_qty); END IF;
    paid_in_gold := item.price_gold IS NOT NULL;
    IF paid_in_gold THEN
        status := 200;
        state := 'SUCCESS';
        price := item.price_gold * p_qty;
    ELSE
        status := 202;
        state := 'PENDING';
        cents := item.price_cents * p_qty;
        promised := item.gold_amount * p_qty;
        -- Refused before anybody pays: what does not fit the wallet raises AMOUNT_OUT_OF_RANGE here.
        PERFORM buyer.gold + promised;
    END IF;
    INSERT INTO shop_transactions (public_id, user_id, product_id, qty, kind, unit_price, status,
        idempotency_key, provider, receipt, amount_cents, gold_amount, trace_id, request_id, settled_at)
    VALUES (p_tx, p_user, item.id, p_qty, item.kind, coalesce(item.price_gold, item.price_cents), state, p_key,
        CASE WHEN NOT paid_in_gold THEN p_provider END, CASE WHEN NOT paid_in_gold THEN p_receipt END,
        cents, promised, ctx->>'trace_id', ctx->>'request_id', CASE WHEN paid_in_gold THEN now() END);
    IF paid_in_gold THEN
        SELECT m.balance, m.seq INTO balance, seq
          FROM cc_move(ctx, p_user, -price, 'sink:shop', 'purchase', 'shop_tx', p_tx::text, moved) m;
        IF item.kind = 'battle_pass' AND NOT cc_open_pass(p_user, item.id, p_tx) THEN
            PERFORM cc_fail('LIMIT_REACHED');
        END IF;
        -- What cc_post, cc_emit_purchase and cc_emit_profile tell, in one statement: three cost twice as much.
        INSERT INTO outbox (event_id, trace_id, request_id, user_id, type, topic, realtime, payload)
        VALUES (moved, ctx->>'trace_id', ctx->>'request_id', p_user, 'ledger', cc_topic(ctx, 'economy.ledger'),
                false, cc_ledger_data(seq, -price, balance, 'sink:shop', 'purchase', 'shop_tx', p_tx::text)),
               (event, ctx->>'trace_id', ctx->>'request_id', p_user, 'purchase_update',
                cc_topic(ctx, 'shop.transactions'), true,
                cc_purchase_data(p_tx, state, item.id, item.kind, p_qty, price, cents, NULL)),
               (gen_random_uuid(), ctx->>'trace_id', ctx->>'request_id', p_user, 'profile_update', NULL, true,
                cc_profile_data(balance, buyer.level, buyer.exp, seq));
        PERFORM cc_achieve(ctx, p_user, 'purchases', 1);
    ELSE
        PERFORM cc_emit(ctx, p_user, 'purchase_update', 'shop.transactions', true,
            cc_purchase_data(p_tx, state, item.id, item.kind, p_qty, price, cents, NULL), event);
    END IF;
    body := convert_to(jsonb_strip_nulls(jsonb_build_object(
        'success', paid_in_gold, 'transaction_id', p_tx, 'status', state, 'product_id', item.id,
        'kind', item.kind, 'qty', p_qty, 'receipt', CASE WHEN NOT paid_in_gold THEN p_receipt END,
        'balance_after', balance, 'event_id', event))::text, 'UTF8');
    INSERT INTO idempotency_keys (user_id, scope, key, request_hash, response_status, response_body, expires_at)
    VALUES (p_user, 'buy', p_key, p_hash, status, body, now() + interval '24 hours');
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
