-- Claim the daily streak: once a user, action type and calendar day. p_before is the calendar day before p_day:
-- a streak goes on when it was claimed. p_rewards[n] is the gold of day n (the last entry repeats).
-- Lock order: idempotency row, wallet row.
CREATE OR REPLACE FUNCTION cc_streak_claim(
    ctx jsonb, p_user bigint, p_action text, p_day date, p_before date, p_rewards bigint[], p_exp bigint,
    p_levels bigint[], p_key text, p_hash bytea, OUT status integer, OUT body bytea, OUT replayed boolean
) LANGUAGE plpgsql AS $$
DECLARE
    streak integer;
    reward bigint;
    post record;
    progress record;
    event uuid;
BEGIN
    SELECT * INTO status, body, replayed FROM cc_replay(p_user, 'streak', p_key, p_hash);
    IF replayed THEN RETURN; END IF;
    PERFORM cc_lock_own(p_user);
    -- A day at or before the last claimed one grants nothing and changes nothing: neither a clock that went
    -- back nor a server that still has yesterday can pay twice or end a streak.
    INSERT INTO user_streaks AS s (user_id, action_type, current, longest, last_claim_day)
    VALUES (p_user, p_action, 1, 1, p_day)
    ON CONFLICT (user_id, action_type) DO UPDATE
       SET current = CASE WHEN s.last_claim_day >= p_before THEN s.current + 1 ELSE 1 END,
           longest = greatest(s.longest, CASE WHEN s.last_claim_day >= p_before THEN s.current + 1 ELSE 1 END),
           last_claim_day = p_day
     WHERE s.last_claim_day < p_day
    RETURNING s.current INTO streak;
    IF NOT FOUND THEN PERFORM cc_fail('ALREADY_CLAIMED'); END IF;
    reward := p_rewards[least(streak, array_length(p_rewards, 1))];
    post := cc_grant(ctx, p_user, reward, 'streak', 'streak', p_action || ':' || p_day);
    -- The primary key is the second net under the guard above.
    INSERT INTO streak_claims (user_id, action_type, claim_day, reward_gold, ledger_seq)
    VALUES (p_user, p_action, p_day, reward, post.seq);
    progress := cc_earn_exp(p_user, p_exp, p_levels);
    event := cc_emit(ctx, p_user, 'streak_update', 'events.progress', true, jsonb_build_object(
        'action_type', p_action, 'streak_count', streak, 'claimed_day', p_day));
    PERFORM cc_achieve(ctx, p_user, 'streak_claims', 1);
    PERFORM cc_emit_profile(ctx, p_user);
    status := 200;
    body := cc_answer(p_user, 'streak', p_key, status, jsonb_build_object(
        'claimed', true, 'action_type', p_action, 'streak_count', streak, 'claimed_day', p_day,
        'reward', reward, 'balance_after', post.balance, 'level', progress.level, 'exp', progress.exp,
        'event_id', event));
END $$;
