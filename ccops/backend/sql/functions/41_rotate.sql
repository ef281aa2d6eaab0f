-- Reveal the seed that decided the user's rounds so far and commit to a new one. The nonce goes on counting,
-- so a round is named by user, game and nonce for ever. A round in flight that read the old seed finds it
-- gone (NONCE_USED) and is drawn anew: no round can be decided by a seed that its player knows.
CREATE OR REPLACE FUNCTION cc_seed_rotate(
    p_user bigint, p_seed_hash text, p_server_seed text, p_new_enc bytea, p_new_hash text, p_client_seed text,
    OUT first_nonce bigint, OUT nonce bigint, OUT client_seed text, OUT old_client_seed text
) LANGUAGE plpgsql AS $$
DECLARE
    old user_seeds;
BEGIN
    PERFORM cc_lock_own(p_user);
    SELECT * INTO old FROM user_seeds WHERE user_id = p_user AND server_seed_hash = p_seed_hash;
    IF NOT FOUND THEN PERFORM cc_fail('NONCE_USED'); END IF;
    first_nonce := coalesce((SELECT max(r.next_nonce) FROM revealed_seeds r WHERE r.user_id = p_user), 0);
    INSERT INTO revealed_seeds (user_id, server_seed_hash, server_seed, client_seed, first_nonce, next_nonce)
    VALUES (p_user, p_seed_hash, p_server_seed, old.client_seed, cc_seed_rotate.first_nonce, old.nonce);
    UPDATE user_seeds s
       SET server_seed_enc = p_new_enc, server_seed_hash = p_new_hash,
           client_seed = coalesce(p_client_seed, s.client_seed), rotated_at = now()
     WHERE s.user_id = p_user
    RETURNING s.nonce, s.client_seed INTO nonce, client_seed;
    old_client_seed := old.client_seed;
END $$;
