-- Join a running event. The primary key makes it once; the count under the event's row lock keeps the limit.
-- Lock order: idempotency row, wallet row, event row (hot, only for events with a limit).
CREATE OR REPLACE FUNCTION cc_event_join(
    ctx jsonb, p_user bigint, p_event text, p_key text, p_hash bytea,
    OUT status integer, OUT body bytea, OUT replayed boolean
) LANGUAGE plpgsql AS $$
DECLARE
    ev game_events;
BEGIN
    SELECT * INTO status, body, replayed FROM cc_replay(p_user, 'event_join', p_key, p_hash);
    IF replayed THEN RETURN; END IF;
    PERFORM cc_lock_own(p_user);
    SELECT * INTO ev FROM game_events WHERE id = p_event;
    IF NOT FOUND OR ev.starts_at > clock_timestamp() THEN PERFORM cc_fail('NOT_FOUND'); END IF;
    IF EXISTS (SELECT 1 FROM event_participants WHERE event_id = p_event AND user_id = p_user) THEN
        PERFORM cc_fail('ALREADY_JOINED');
    END IF;
    IF ev.max_participants IS NOT NULL THEN
        -- Read again under the lock: the limit and the end may have moved while we waited.
        SELECT * INTO ev FROM game_events WHERE id = p_event FOR NO KEY UPDATE;
        IF (SELECT count(*) FROM event_participants WHERE event_id = p_event) >= ev.max_participants THEN
            PERFORM cc_fail('EVENT_ENDED');
        END IF;
    END IF;
    IF ev.ends_at <= clock_timestamp() THEN PERFORM cc_fail('EVENT_ENDED'); END IF;
    INSERT INTO event_participants (event_id, user_id) VALUES (p_event, p_user);
    PERFORM cc_emit(ctx, p_user, 'event_progress', 'events.progress', true, jsonb_build_object(
        'event_id', p_event, 'progress', 0, 'goal', ev.goal, 'claimed', false));
    status := 201;
    body := cc_answer(p_user, 'event_join', p_key, status, jsonb_build_object(
        'event', p_event, 'goal', ev.goal, 'reward_gold', ev.reward_gold, 'progress', 0));
END $$;

-- Add progress, capped at the goal (also when the goal was lowered since); reaching it completes once.
CREATE OR REPLACE FUNCTION cc_event_progress(
    ctx jsonb, p_user bigint, p_event text, p_delta bigint, p_key text, p_hash bytea,
    OUT status integer, OUT body bytea, OUT replayed boolean
) LANGUAGE plpgsql AS $$
DECLARE
    ev game_events;
    mine event_participants;
    event uuid;
BEGIN
    SELECT * INTO status, body, replayed FROM cc_replay(p_user, 'event_progress', p_key, p_hash);
    IF replayed THEN RETURN; END IF;
    PERFORM cc_lock_own(p_user);
    SELECT * INTO ev FROM game_events WHERE id = p_event;
    IF NOT FOUND THEN PERFORM cc_fail('NOT_FOUND'); END IF;
    IF ev.ends_at <= clock_timestamp() THEN PERFORM cc_fail('EVENT_ENDED'); END IF;
    -- What is missing is added, never more: progress + delta could not be represented near the largest goal.
    UPDATE event_participants p
       SET progress = p.progress + least(p_delta, greatest(ev.goal - p.progress, 0)),
           completed_at = coalesce(p.completed_at, CASE WHEN p_delta >= ev.goal - p.progress THEN now() END)
     WHERE p.event_id = p_event AND p.user_id = p_user
    RETURNING * INTO mine;
    IF NOT FOUND THEN PERFORM cc_fail('NOT_JOINED'); END IF;
    event := cc_emit(ctx, p_user, 'event_progress', 'events.progress', true, jsonb_build_object(
        'event_id', p_event, 'progress', mine.progress, 'goal', ev.goal, 'claimed', mine.claimed_at IS NOT NULL));
    status := 200;
    body := cc_answer(p_user, 'event_progress', p_key, status, jsonb_build_object(
        'event', p_event, 'progress', mine.progress, 'goal', ev.goal,
        'completed', mine.completed_at IS NOT NULL, 'event_id', event));
END $$;

-- Claim the reward of a completed event: claimed_at IS NULL is the once-guard. What was reached in time may be
-- claimed after the end.
CREATE OR REPLACE FUNCTION cc_event_claim(
    ctx jsonb, p_user bigint, p_event text, p_exp bigint, p_levels bigint[], p_key text, p_hash bytea,
    OUT status integer, OUT body bytea, OUT replayed boolean
) LANGUAGE plpgsql AS $$
DECLARE
    ev game_events;
    mine event_participants;
    post record;
    progress record;
    event uuid;
BEGIN
    SELECT * INTO status, body, replayed FROM cc_replay(p_user, 'event_claim', p_key, p_hash);
    IF replayed THEN RETURN; END IF;
    PERFORM cc_lock_own(p_user);
    SELECT * INTO ev FROM game_events WHERE id = p_event;
    IF NOT FOUND THEN PERFORM cc_fail('NOT_FOUND'); END IF;
    UPDATE event_participants p SET claimed_at = now()
     WHERE p.event_id = p_event AND p.user_id = p_user AND p.claimed_at IS NULL AND p.completed_at IS NOT NULL;
    IF NOT FOUND THEN
        SELECT * INTO mine FROM event_participants p WHERE p.event_id = p_event AND p.user_id = p_user;
        PERFORM cc_fail(CASE WHEN mine.user_id IS NULL THEN 'NOT_JOINED'
                             WHEN mine.completed_at IS NULL THEN 'NOT_COMPLETED' ELSE 'ALREADY_CLAIMED' END);
    END IF;
    post := cc_grant(ctx, p_user, ev.reward_gold, 'event', 'event', p_event);
    progress := cc_earn_exp(p_user, p_exp, p_levels);
    event := cc_emit(ctx, p_user, 'event_progress', 'events.progress', true, jsonb_build_object(
        'event_id', p_event, 'progress', ev.goal, 'goal', ev.goal, 'claimed', true));
    PERFORM cc_achieve(ctx, p_user, 'event_claims', 1);
    PERFORM cc_emit_profile(ctx, p_user);
    status := 200;
    body := cc_answer(p_user, 'event_claim', p_key, status, jsonb_build_object(
        'claimed', true, 'event', p_event, 'reward', ev.reward_gold, 'balance_after', post.balance,
        'level', progress.level, 'exp', progress.exp, 'event_id', event));
END $$;
