-- An administrator grants gold under a reference: uq_reward_grants_user_id_ref makes it once a user. The audit row
-- is part of the same transaction. Lock order: idempotency row (the administrator's), wallet row (the user's), audit chain.
CREATE OR REPLACE FUNCTION cc_reward_grant(
    ctx jsonb, p_admin bigint, p_user bigint, p_ref text, p_gold bigint, p_reason text, p_key text, p_hash bytea,
    OUT status integer, OUT body bytea, OUT replayed boolean
) LANGUAGE plpgsql AS $$
DECLARE
    post record;
    grant_id bigint;
BEGIN
    SELECT * INTO status, body, replayed FROM cc_replay(p_admin, 'grant', p_key, p_hash);
    IF replayed THEN RETURN; END IF;
    PERFORM cc_require_admin(p_admin);
    PERFORM cc_lock_wallet(p_user);
    IF EXISTS (SELECT 1 FROM reward_grants g WHERE g.user_id = p_user AND g.ref = p_ref) THEN
        PERFORM cc_fail('DUPLICATE_REF');
    END IF;
    post := cc_grant(ctx, p_user, p_gold, 'grant', 'grant', p_ref);
    INSERT INTO reward_grants (user_id, ref, gold, reason, granted_by, ledger_seq)
    VALUES (p_user, p_ref, p_gold, p_reason, p_admin, post.seq)
    RETURNING id INTO grant_id;
    PERFORM cc_emit_profile(ctx, p_user);
    PERFORM cc_audit(ctx, p_admin, 'reward_grant', 'user:' || p_user,
        jsonb_build_object('gold', post.balance - p_gold, 'version', post.seq - 1),
        jsonb_build_object('gold', post.balance, 'version', post.seq, 'grant_id', grant_id, 'ref', p_ref), p_reason);
    status := 201;
    body := cc_answer(p_admin, 'grant', p_key, status, jsonb_build_object(
        'grant_id', grant_id, 'user_id', p_user, 'ref', p_ref, 'gold', p_gold, 'balance_after', post.balance,
        'ledger_seq', post.seq, 'event_id', post.event_id));
END $$;
