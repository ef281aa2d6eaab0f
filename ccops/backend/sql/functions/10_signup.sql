-- Create an account: invite use, user, wallet, seed, starting gold, one transaction.
-- Lock order: invite row (hot, but the insert can only fail after it), then fresh rows of nobody else.
CREATE OR REPLACE FUNCTION cc_signup(
    ctx jsonb, p_public uuid, p_site_id text, p_nickname text, p_password_hash text, p_birth bytea,
    p_phone bytea, p_invite text, p_gold bigint, p_seed bytea, p_seed_hash text, p_client_seed text
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    new_user bigint;
    invite invite_codes;
BEGIN
    UPDATE invite_codes SET used_count = used_count + 1
     WHERE code = p_invite AND (max_uses IS NULL OR used_count < max_uses)
       AND (expires_at IS NULL OR expires_at > now())
    RETURNING * INTO invite;
    IF NOT FOUND THEN
        PERFORM cc_fail(CASE WHEN EXISTS (
            SELECT 1 FROM invite_codes WHERE code = p_invite AND used_count >= max_uses
        ) THEN 'INVITE_EXHAUSTED' ELSE 'INVITE_INVALID' END);
    END IF;
    INSERT INTO users (public_id, site_id, nickname, password_hash, birth_date_enc, phone_enc)
    VALUES (p_public, p_site_id, p_nickname, p_password_hash, p_birth, p_phone)
    RETURNING id INTO new_user;
    INSERT INTO invite_redemptions (user_id, code) VALUES (new_user, p_invite);
    INSERT INTO wallets (user_id) VALUES (new_user);
    INSERT INTO user_seeds (user_id, server_seed_enc, server_seed_hash, client_seed)
    VALUES (new_user, p_seed, p_seed_hash, p_client_seed);
    IF p_gold > 0 THEN
        PERFORM cc_post(ctx, new_user, p_gold, 'mint:signup', 'signup', 'user', new_user::text);
    END IF;
    PERFORM cc_emit(ctx, new_user, 'signup', 'auth.security', false, jsonb_build_object('result', 'ok'));
    RETURN new_user;
END $$;
