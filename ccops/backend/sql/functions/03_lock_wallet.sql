-- Take the user's wallet row lock: the single lock that orders everything one user does.
CREATE OR REPLACE FUNCTION cc_lock_wallet(p_user bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM wallets WHERE user_id = p_user FOR NO KEY UPDATE;
    IF NOT FOUND THEN PERFORM cc_fail('NOT_FOUND'); END IF;
END $$;
