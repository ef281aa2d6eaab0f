-- Redeem a promo code: once a user (primary key), as often as the code allows (guarded count).
-- Lock order: idempotency row, wallet row, the user's redemption, the code's row (everybody's, so it is last).
CREATE OR REPLACE FUNCTION cc_promo_redeem(
    ctx jsonb, p_user bigint, p_code text, p_key text, p_hash bytea,
    OUT status integer, OUT body bytea, OUT replayed boolean
) LANGUAGE plpgsql AS $$
DECLARE
    promo promo_codes;
    post record;
    event uuid;
BEGIN
    SELECT r.status, r.body, r.replayed INTO status, body, replayed
      FROM cc_replay(p_user, 'promo', p_key, p_hash) r;
    IF replayed THEN RETURN; END IF;
    PERFORM cc_lock_own(p_user);
    SELECT * INTO promo FROM promo_codes WHERE code = p_code;
    IF NOT FOUND THEN PERFORM cc_fail('PROMO_UNKNOWN'); END IF;
    -- The wallet is ours, so its next version is the number of the ledger row below.
    INSERT INTO promo_redemptions (code, user_id, gold, ledger_seq)
    SELECT promo.code, p_user, promo.gold, w.version + 1 FROM wallets w WHERE w.user_id = p_user
    ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN PERFORM cc_fail('PROMO_USED'); END IF;
    IF promo.starts_at > now() OR promo.expires_at <= now() THEN PERFORM cc_fail('PROMO_EXPIRED'); END IF;
    -- Only spares a refused crowd the work; the guarded UPDATE at the end decides.
    IF promo.used_count >= promo.max_uses THEN PERFORM cc_fail('PROMO_EXHAUSTED'); END IF;
    post := cc_post(ctx, p_user, promo.gold, 'mint:promo', 'promo', 'promo', promo.code);
    event := cc_emit_reward(ctx, p_user, 'promo', promo.gold, post.balance, post.seq);
    PERFORM cc_emit_profile(ctx, p_user);
    status := 200;
    body := cc_answer(p_user, 'promo', p_key, status, jsonb_build_object('redeemed', true, 'code', promo.code,
        'reward', promo.gold, 'balance_after', post.balance, 'event_id', event));
    UPDATE promo_codes SET used_count = used_count + 1
     WHERE code = promo.code AND (max_uses IS NULL OR used_count < max_uses);
    IF NOT FOUND THEN PERFORM cc_fail('PROMO_EXHAUSTED'); END IF;
END $$;
