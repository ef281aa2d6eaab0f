-- Earn experience. p_levels are the exp thresholds of level 2, 3, ... in ascending order. A level that was
-- reached stays, whatever becomes of the thresholds: rewards were claimed for it.
CREATE OR REPLACE FUNCTION cc_earn_exp(
    p_user bigint, p_exp bigint, p_levels bigint[], OUT exp bigint, OUT level integer
) LANGUAGE sql VOLATILE AS $$
    UPDATE users u
       SET exp = u.exp + p_exp,
           level = greatest(u.level, 1 + (
               SELECT count(*) FROM unnest(p_levels) AS threshold WHERE threshold <= u.exp + p_exp))
     WHERE u.id = p_user
    RETURNING u.exp, u.level;
$$;

CREATE OR REPLACE FUNCTION cc_profile_data(p_gold bigint, p_level integer, p_exp bigint, p_version bigint)
RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object(
        'changes', jsonb_build_object('gold_balance', p_gold, 'level', p_level, 'exp', p_exp),
        'wallet_version', p_version);
$$;

-- Tell the user's sockets what their profile is now. Read under the wallet lock, so it is never stale.
CREATE OR REPLACE FUNCTION cc_emit_profile(ctx jsonb, p_user bigint) RETURNS uuid LANGUAGE sql VOLATILE AS $$
    SELECT cc_emit(ctx, p_user, 'profile_update', NULL, true,
                   cc_profile_data(w.gold, u.level, u.exp, w.version))
      FROM wallets w JOIN users u ON u.id = w.user_id WHERE w.user_id = p_user;
$$;

-- Tell sockets and the rewards topic that gold was granted.
CREATE OR REPLACE FUNCTION cc_emit_reward(
    ctx jsonb, p_user bigint, p_source text, p_amount bigint, p_balance bigint, p_seq bigint
) RETURNS uuid LANGUAGE sql VOLATILE AS $$
    SELECT cc_emit(ctx, p_user, 'reward_granted', 'rewards.granted', true, jsonb_build_object(
               'reward_type', 'GOLD', 'amount', p_amount, 'balance_after', p_balance,
               'source', p_source, 'ledger_seq', p_seq));
$$;

-- Credit gold that the house grants: ledger row and reward frame. No gold, no row: then only the balance is told.
CREATE OR REPLACE FUNCTION cc_grant(
    ctx jsonb, p_user bigint, p_gold bigint, p_source text, p_ref_type text, p_ref_id text,
    OUT balance bigint, OUT seq bigint, OUT event_id uuid
) LANGUAGE plpgsql AS $$
BEGIN
    IF p_gold = 0 THEN
        SELECT w.gold INTO balance FROM wallets w WHERE w.user_id = p_user;
        RETURN;
    END IF;
    SELECT * INTO balance, seq, event_id
      FROM cc_post(ctx, p_user, p_gold, 'mint:' || p_source, p_source, p_ref_type, p_ref_id);
    event_id := cc_emit_reward(ctx, p_user, p_source, p_gold, balance, seq);
END $$;

-- Count p_by towards every achievement of a metric; each change is an event, an unlock
-- happens once and stays, whatever becomes of the threshold.
CREATE OR REPLACE FUNCTION cc_achieve(ctx jsonb, p_user bigint, p_metric text, p_by bigint)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    goal record;
    now_row record;
BEGIN
    -- What is unlocked already is not even locked: nearly every purchase and spin is such a one.
    FOR goal IN SELECT a.code, a.threshold FROM achievements a
                 WHERE a.metric = p_metric AND NOT EXISTS (
                     SELECT 1 FROM user_achievements u
                      WHERE u.user_id = p_user AND u.code = a.code AND u.unlocked_at IS NOT NULL)
                 ORDER BY a.code LOOP
        INSERT INTO user_achievements AS ua (user_id, code, progress, unlocked_at)
        VALUES (p_user, goal.code, least(p_by, goal.threshold),
                CASE WHEN p_by >= goal.threshold THEN now() END)
        ON CONFLICT (user_id, code) DO UPDATE
           SET progress = least(ua.progress + p_by, goal.threshold),
               unlocked_at = CASE WHEN ua.progress + p_by >= goal.threshold THEN now() END
         WHERE ua.unlocked_at IS NULL
        RETURNING ua.progress, ua.unlocked_at IS NOT NULL AS unlocked INTO now_row;
        IF FOUND THEN
            PERFORM cc_emit(ctx, p_user, 'achievement_progress', 'events.progress', true, jsonb_build_object(
                'achievement_code', goal.code, 'progress', now_row.progress,
                'goal', goal.threshold, 'unlocked', now_row.unlocked, 'claimed', false));
        END IF;
    END LOOP;
END $$;
