-- Say that something happened to an account. p_data: `event` and what belongs to it, never personal data.
CREATE OR REPLACE FUNCTION cc_security(ctx jsonb, p_user bigint, p_data jsonb) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM cc_lock_wallet(p_user);
    PERFORM cc_emit(ctx, p_user, 'security', 'auth.security', false, p_data);
END $$;

-- Revoke every session of a user and return the families closed by it.
-- Repeats until nothing is left: a rotation that committed while the UPDATE waited for its parent has a child
-- that the UPDATE's snapshot did not see; the next statement's does.
CREATE OR REPLACE FUNCTION cc_revoke_all(ctx jsonb, p_user bigint, p_reason text) RETURNS uuid[]
LANGUAGE plpgsql AS $$
DECLARE
    families uuid[] := '{}';
    found_now uuid[];
BEGIN
    LOOP
        WITH closed AS (
            UPDATE refresh_tokens SET revoked_at = now(), revoke_reason = p_reason
             WHERE user_id = p_user AND revoked_at IS NULL RETURNING family_id
        ) SELECT array_agg(DISTINCT family_id) INTO found_now FROM closed;
        EXIT WHEN found_now IS NULL;
        families := families || found_now;
    END LOOP;
    RETURN ARRAY(SELECT DISTINCT unnest(families));
END $$;

-- The same on the user's own wish, said as an event. Lock order: wallet row, tokens.
CREATE OR REPLACE FUNCTION cc_logout_all(ctx jsonb, p_user bigint) RETURNS uuid[] LANGUAGE plpgsql AS $$
DECLARE
    families uuid[];
BEGIN
    PERFORM cc_lock_wallet(p_user);
    families := cc_revoke_all(ctx, p_user, 'logout_all');
    PERFORM cc_security(ctx, p_user, jsonb_build_object(
        'event', 'logout_all', 'sessions', cardinality(families)));
    RETURN families;
END $$;

-- Close a family one of whose tokens came back after it was used. The event is said by the first to close it.
CREATE OR REPLACE FUNCTION cc_refresh_reused(ctx jsonb, p_user bigint, p_family uuid) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    closed integer := 0;
    closed_now integer;
BEGIN
    PERFORM cc_lock_wallet(p_user);
    LOOP
        UPDATE refresh_tokens SET revoked_at = now(), revoke_reason = 'reused'
         WHERE family_id = p_family AND revoked_at IS NULL;
        GET DIAGNOSTICS closed_now = ROW_COUNT;
        EXIT WHEN closed_now = 0;
        closed := closed + closed_now;
    END LOOP;
    IF closed > 0 THEN
        PERFORM cc_security(ctx, p_user, jsonb_build_object('event', 'refresh_reused', 'sessions', 1));
    END IF;
END $$;

-- Erase personal data on the user's wish. The ledger and what hangs on it stay, under a pseudonym that
-- nobody can have taken before. Doing it again changes nothing and returns the same moment.
CREATE OR REPLACE FUNCTION cc_erase(
    ctx jsonb, p_user bigint, OUT moment timestamptz, OUT families uuid[]
) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM cc_lock_wallet(p_user);
    UPDATE users
       SET site_id = 'erased:' || gen_random_uuid(), nickname = 'erased:' || gen_random_uuid(),
           phone_enc = NULL, birth_date_enc = NULL, age_verified_at = NULL, password_hash = '!',
           rank = 'STANDARD', is_active = false, last_login_at = NULL, erased_at = now()
     WHERE id = p_user AND erased_at IS NULL
    RETURNING erased_at INTO moment;
    IF NOT FOUND THEN
        SELECT erased_at INTO moment FROM users WHERE id = p_user;
        families := cc_revoke_all(ctx, p_user, 'erased');
        RETURN;
    END IF;
    families := cc_revoke_all(ctx, p_user, 'erased');
    PERFORM cc_security(ctx, p_user, jsonb_build_object('event', 'erased', 'sessions', cardinality(families)));
END $$;
