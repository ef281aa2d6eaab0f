-- Refund: new ledger rows that cancel the old ones, never an edit. A gold pack takes its gold back (402 when it
-- is spent), what was bought for gold gives its price back, a pass is closed unless its premium rewards were
-- taken, a limited unit goes back on the shelf. Money paid outside is returned by the provider, not here.
-- Lock order: idempotency row (the administrator's), wallet row, hold, stock, inserts, audit chain.
CREATE OR REPLACE FUNCTION cc_refund(
    ctx jsonb, p_actor bigint, p_tx uuid, p_reason text, p_key text, p_hash bytea,
    OUT status integer, OUT body bytea, OUT replayed boolean
) LANGUAGE plpgsql AS $$
DECLARE
    tx shop_transactions;
    sale gold_ledger;
    post record;
    balance bigint;
    event uuid;
BEGIN
    SELECT * INTO status, body, replayed FROM cc_replay(p_actor, 'refund', p_key, p_hash);
    IF replayed THEN RETURN; END IF;
    SELECT * INTO tx FROM shop_transactions WHERE public_id = p_tx;
    IF NOT FOUND THEN PERFORM cc_fail('NOT_FOUND'); END IF;
    PERFORM cc_lock_wallet(tx.user_id);
    -- As it is now that nobody else may move: a late payment gives its purchase another hold.
    UPDATE shop_transactions t SET status = 'REFUNDED', refunded_at = now(), failure_reason = 'refunded'
     WHERE t.id = tx.id AND t.status = 'SUCCESS' RETURNING t.* INTO tx;
    IF NOT FOUND THEN PERFORM cc_fail('NOT_REFUNDABLE'); END IF;
    IF tx.kind = 'battle_pass' THEN PERFORM cc_close_pass(tx); END IF;
    IF tx.kind = 'limited' THEN PERFORM cc_limited_return(tx); END IF;
    SELECT * INTO sale FROM gold_ledger l
     WHERE l.user_id = tx.user_id AND l.ref_type = 'shop_tx' AND l.ref_id = p_tx::text;
    event := gen_random_uuid();
    IF sale.id IS NOT NULL THEN
        post := cc_post(ctx, tx.user_id, -sale.delta, sale.counter_account, 'refund', 'shop_tx', p_tx::text);
        balance := post.balance;
    END IF;
    PERFORM cc_emit_purchase(ctx, tx, 'REFUNDED', 'refunded', event);
    IF sale.delta < 0 THEN
        PERFORM cc_emit_reward(ctx, tx.user_id, 'refund', -sale.delta, post.balance, post.seq);
    END IF;
    PERFORM cc_emit_profile(ctx, tx.user_id);
    PERFORM cc_audit(ctx, p_actor, 'payment.refund', 'shop_tx:' || p_tx, jsonb_build_object('status', 'SUCCESS'),
        jsonb_build_object('status', 'REFUNDED', 'gold', -sale.delta), p_reason);
    status := 200;
    body := cc_answer(p_actor, 'refund', p_key, status, jsonb_strip_nulls(jsonb_build_object(
        'transaction_id', p_tx, 'status', 'REFUNDED', 'kind', tx.kind, 'gold', -sale.delta,
        'balance_after', balance, 'event_id', event)));
END $$;

-- Close the pass that a purchase opened. Rewards of the premium track that were taken can't be given back.
CREATE OR REPLACE FUNCTION cc_close_pass(tx shop_transactions) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    pass_season text;
BEGIN
    DELETE FROM battle_pass_owners o WHERE o.user_id = tx.user_id AND o.shop_tx_id = tx.public_id
    RETURNING o.season INTO pass_season;
    IF EXISTS (SELECT 1 FROM battle_pass_claims c
                WHERE c.user_id = tx.user_id AND c.season = pass_season AND c.track = 'premium') THEN
        PERFORM cc_fail('NOT_REFUNDABLE');
    END IF;
END $$;

-- Put what a refunded purchase had captured back on the shelf, for everybody and for this buyer's limit.
CREATE OR REPLACE FUNCTION cc_limited_return(tx shop_transactions) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    hold limited_holds;
BEGIN
    UPDATE limited_holds h SET status = 'RELEASED', ended_at = now()
     WHERE h.id = tx.hold_id AND h.status = 'CAPTURED' RETURNING * INTO hold;
    IF NOT FOUND THEN PERFORM cc_fail('NOT_REFUNDABLE'); END IF;
    UPDATE limited_user_counts SET bought = bought - hold.qty
     WHERE package_id = hold.package_id AND user_id = hold.user_id;
    PERFORM cc_limited_stock(hold.package_id, 0, -hold.qty);
END $$;

-- Change a product. Purchases keep what they were promised; the unit a product is priced in never changes.
CREATE OR REPLACE FUNCTION cc_product_change(
    ctx jsonb, p_actor bigint, p_product text, p_price bigint, p_gold_amount bigint, p_active boolean,
    p_reason text
) RETURNS products LANGUAGE plpgsql AS $$
DECLARE
    was products;
    item products;
BEGIN
    SELECT * INTO was FROM products WHERE id = p_product FOR NO KEY UPDATE;
    IF NOT FOUND THEN PERFORM cc_fail('NOT_FOUND'); END IF;
    UPDATE products
       SET price_gold = CASE WHEN price_gold IS NOT NULL THEN coalesce(p_price, price_gold) END,
           price_cents = CASE WHEN price_cents IS NOT NULL THEN coalesce(p_price, price_cents) END,
           gold_amount = coalesce(p_gold_amount, gold_amount), active = coalesce(p_active, active)
     WHERE id = p_product RETURNING * INTO item;
    PERFORM cc_audit(ctx, p_actor, 'product.change', 'product:' || p_product,
        jsonb_build_object('price', coalesce(was.price_gold, was.price_cents), 'gold_amount', was.gold_amount,
                           'active', was.active),
        jsonb_build_object('price', coalesce(item.price_gold, item.price_cents), 'gold_amount', item.gold_amount,
                           'active', item.active), p_reason);
    RETURN item;
END $$;
