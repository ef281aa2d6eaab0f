-- Take the user's wallet row lock: the single lock that orders everything one user does.
CREATE OR REPLACE FUNCTION cc_lock_wallet(p_user bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM wallets WHERE user_id = p_user FOR NO KEY UPDATE;
    IF NOT FOUND THEN PERFORM cc_fail('NOT_FOUND'); END IF;
END $$;

-- The same for what users do themselves. A closed account does nothing: its access token may outlive it where
-- Redis has lost the mark. What others do to it (a payment, a refund, an administrator) goes on.
CREATE OR REPLACE FUNCTION cc_lock_own(p_user bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM cc_lock_wallet(p_user);
    IF NOT EXISTS (SELECT 1 FROM users WHERE id = p_user AND is_active) THEN PERFORM cc_fail('UNAUTHORIZED'); END IF;
END $$;
