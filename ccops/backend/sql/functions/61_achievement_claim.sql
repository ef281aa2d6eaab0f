-- Claim the reward of an unlocked achievement: `claimed_at IS NULL` is the once-guard. One without gold leaves
-- no ledger row. Lock order: idempotency row, wallet row.
CREATE OR REPLACE FUNCTION cc_achievement_claim(
    ctx jsonb, p_user bigint, p_code text, p_exp bigint, p_levels bigint[], p_key text, p_hash bytea,
    OUT status integer, OUT body bytea, OUT replayed boolean
) LANGUAGE plpgsql AS $$
DECLARE
    goal achievements;
    mine user_achievements;
    post record;
    progress record;
    event uuid;
BEGIN
    SELECT * INTO status, body, replayed FROM cc_replay(p_user, 'achievement', p_key, p_hash);
    IF replayed THEN RETURN; END IF;
    PERFORM cc_lock_own(p_user);
    SELECT * INTO goal FROM achievements WHERE code = p_code;
    IF NOT FOUND THEN PERFORM cc_fail('NOT_FOUND'); END IF;
    UPDATE user_achievements ua SET claimed_at = now(), claimed_gold = goal.reward_gold
     WHERE ua.user_id = p_user AND ua.code = p_code AND ua.claimed_at IS NULL AND ua.unlocked_at IS NOT NULL
    RETURNING * INTO mine;
    IF NOT FOUND THEN
        SELECT * INTO mine FROM user_achievements ua WHERE ua.user_id = p_user AND ua.code = p_code;
        PERFORM cc_fail(CASE WHEN mine.claimed_at IS NULL THEN 'NOT_UNLOCKED' ELSE 'ALREADY_CLAIMED' END);
    END IF;
    post := cc_grant(ctx, p_user, goal.reward_gold, 'achievement', 'achievement', p_code);
    progress := cc_earn_exp(p_user, p_exp, p_levels);
    event := cc_emit(ctx, p_user, 'achievement_progress', 'events.progress', true, jsonb_build_object(
        'achievement_code', p_code, 'progress', mine.progress, 'goal', goal.threshold,
        'unlocked', true, 'claimed', true));
    PERFORM cc_emit_profile(ctx, p_user);
    status := 200;
    body := cc_answer(p_user, 'achievement', p_key, status, jsonb_build_object(
        'claimed', true, 'code', p_code, 'reward', goal.reward_gold, 'balance_after', post.balance,
        'level', progress.level, 'exp', progress.exp, 'event_id', event));
END $$;
