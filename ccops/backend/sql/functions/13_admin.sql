-- What administrators write. Each function: the rank as it is now, the change, one audit row.
CREATE OR REPLACE FUNCTION cc_require_admin(p_actor bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM users WHERE id = p_actor AND rank = 'ADMIN' AND is_active;
    IF NOT FOUND THEN PERFORM cc_fail('RANK_REQUIRED'); END IF;
END $$;

-- Change a rank. The same rank again is no change: no audit row, audit_id NULL.
-- Lock order: wallet (for the event's place in the outbox), both users by id, audit chain. Two
-- administrators who demote each other at the same moment: one wins, the other is none any more.
CREATE OR REPLACE FUNCTION cc_set_rank(
    ctx jsonb, p_actor bigint, p_user bigint, p_rank text, p_reason text, p_action text,
    OUT previous text, OUT audit_id bigint
) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM cc_lock_wallet(p_user);
    PERFORM 1 FROM users WHERE id IN (p_actor, p_user) ORDER BY id FOR NO KEY UPDATE;
    -- On the command line the user stands for itself: whoever has the database needs no rank.
    IF p_action <> 'set_rank.cli' THEN PERFORM cc_require_admin(p_actor); END IF;
    SELECT rank INTO previous FROM users WHERE id = p_user AND erased_at IS NULL;
    IF NOT FOUND THEN PERFORM cc_fail('NOT_FOUND'); END IF;
    IF previous = p_rank THEN RETURN; END IF;
    UPDATE users SET rank = p_rank WHERE id = p_user;
    PERFORM cc_security(ctx, p_user, jsonb_build_object(
        'event', 'rank_changed', 'rank', p_rank, 'previous_rank', previous));
    audit_id := cc_audit(ctx, p_actor, p_action, 'user:' || p_user, jsonb_build_object('rank', previous),
        jsonb_build_object('rank', p_rank), p_reason);
END $$;

-- Correct a balance. p_version: the wallet version the administrator saw, NULL = whatever it is.
-- Lock order: idempotency row (of the administrator), wallet row (of the user), audit chain.
CREATE OR REPLACE FUNCTION cc_gold_adjust(
    ctx jsonb, p_actor bigint, p_user bigint, p_delta bigint, p_reason text, p_version bigint, p_key text,
    p_hash bytea, OUT status integer, OUT body bytea, OUT replayed boolean
) LANGUAGE plpgsql AS $$
DECLARE
    held wallets;
    adjustment uuid := gen_random_uuid();
    post record;
    audit bigint;
BEGIN
    SELECT * INTO status, body, replayed FROM cc_replay(p_actor, 'gold_adjust', p_key, p_hash);
    IF replayed THEN RETURN; END IF;
    PERFORM cc_require_admin(p_actor);
    PERFORM cc_lock_wallet(p_user);
    SELECT * INTO held FROM wallets WHERE user_id = p_user;
    IF held.version <> p_version THEN PERFORM cc_fail('VERSION_MISMATCH'); END IF;
    post := cc_post(ctx, p_user, p_delta, CASE WHEN p_delta > 0 THEN 'mint:adjust' ELSE 'sink:adjust' END,
        'adjust', 'adjust', adjustment::text);
    IF p_delta > 0 THEN PERFORM cc_emit_reward(ctx, p_user, 'adjust', p_delta, post.balance, post.seq); END IF;
    PERFORM cc_emit_profile(ctx, p_user);
    audit := cc_audit(ctx, p_actor, 'gold_adjust', 'user:' || p_user,
        jsonb_build_object('gold', held.gold, 'version', held.version),
        jsonb_build_object('gold', post.balance, 'version', post.seq, 'adjustment_id', adjustment), p_reason);
    status := 200;
    body := cc_answer(p_actor, 'gold_adjust', p_key, status, jsonb_build_object(
        'adjustment_id', adjustment, 'user_id', p_user, 'delta', p_delta, 'balance_after', post.balance,
        'wallet_version', post.seq, 'audit_id', audit, 'event_id', post.event_id));
END $$;

-- Create an invite code; pk_invite_codes refuses one that exists.
CREATE OR REPLACE FUNCTION cc_create_invite(
    ctx jsonb, p_actor bigint, p_code text, p_max_uses integer, p_expires timestamptz
) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    PERFORM cc_require_admin(p_actor);
    INSERT INTO invite_codes (code, max_uses, expires_at, created_by)
    VALUES (p_code, p_max_uses, p_expires, p_actor);
    RETURN cc_audit(ctx, p_actor, 'create_invite', 'invite:' || p_code, '{}',
        jsonb_build_object('max_uses', p_max_uses, 'expires_at', p_expires), '');
END $$;

-- Create a promo code; pk_promo_codes refuses one that exists.
CREATE OR REPLACE FUNCTION cc_create_promo(
    ctx jsonb, p_actor bigint, p_code text, p_gold bigint, p_max_uses integer, p_starts timestamptz,
    p_expires timestamptz, OUT starts_at timestamptz, OUT audit_id bigint
) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM cc_require_admin(p_actor);
    INSERT INTO promo_codes AS p (code, gold, max_uses, starts_at, expires_at, created_by)
    VALUES (p_code, p_gold, p_max_uses, coalesce(p_starts, now()), p_expires, p_actor)
    RETURNING p.starts_at INTO starts_at;
    audit_id := cc_audit(ctx, p_actor, 'create_promo', 'promo:' || p_code, '{}', jsonb_build_object(
        'gold', p_gold, 'max_uses', p_max_uses, 'starts_at', starts_at, 'expires_at', p_expires), '');
END $$;

-- The administrator that the settings name. A player's account of that name is left alone: promoting it
-- would promote whoever holds its sessions. Returns what was done: created, updated, unchanged or taken.
CREATE OR REPLACE FUNCTION cc_admin_account(
    ctx jsonb, p_site_id text, p_password_hash text, p_seed bytea, p_seed_hash text, p_client_seed text
) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    known users;
    made bigint;
BEGIN
    SELECT * INTO known FROM users WHERE lower(site_id) = lower(p_site_id) FOR NO KEY UPDATE;
    IF FOUND THEN
        IF known.rank <> 'ADMIN' OR NOT known.is_active THEN RETURN 'taken'; END IF;
        IF p_password_hash IS NULL THEN RETURN 'unchanged'; END IF;
        UPDATE users SET password_hash = p_password_hash WHERE id = known.id;
        PERFORM cc_revoke_all(ctx, known.id, 'password');
        PERFORM cc_audit(ctx, known.id, 'seed.admin_password', 'user:' || known.id, '{}', '{}', '');
        RETURN 'updated';
    END IF;
    INSERT INTO users (public_id, site_id, nickname, password_hash, rank)
    VALUES (gen_random_uuid(), p_site_id,
            CASE WHEN EXISTS (SELECT 1 FROM users WHERE lower(nickname) = lower(p_site_id))
                 THEN 'admin:' || gen_random_uuid() ELSE p_site_id END, p_password_hash, 'ADMIN')
    RETURNING id INTO made;
    INSERT INTO wallets (user_id) VALUES (made);
    INSERT INTO user_seeds (user_id, server_seed_enc, server_seed_hash, client_seed)
    VALUES (made, p_seed, p_seed_hash, p_client_seed);
    PERFORM cc_audit(ctx, made, 'seed.admin', 'user:' || made, '{}', '{"rank": "ADMIN"}', '');
    RETURN 'created';
END $$;
