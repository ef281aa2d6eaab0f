-- Join a running event; the primary key makes it once, the count under the row lock keeps the limit.
CREATE OR REPLACE FUNCTION cc_event_join(ctx jsonb, p_user bigint, p_event text) RETURNS game_events
LANGUAGE plpgsql AS $$
DECLARE
    ev game_events;
BEGIN
    PERFORM cc_lock_wallet(p_user);
    SELECT * INTO ev FROM game_events WHERE id = p_event;
    IF NOT FOUND OR ev.starts_at > now() THEN PERFORM cc_fail('NOT_FOUND'); END IF;
    IF ev.ends_at <= now() THEN PERFORM cc_fail('EVENT_ENDED'); END IF;
    IF ev.max_participants IS NOT NULL THEN
        PERFORM 1 FROM game_events WHERE id = p_event FOR NO KEY UPDATE;
        IF (SELECT count(*) FROM event_participants WHERE event_id = p_event) >= ev.max_participants THEN
            PERFORM cc_fail('EVENT_ENDED');
        END IF;
    END IF;
    INSERT INTO event_participants (event_id, user_id) VALUES (p_event, p_user);
    PERFORM cc_emit(ctx, p_user, 'event_progress', 'events.progress', true, jsonb_build_object(
        'event_id', p_event, 'progress', 0, 'goal', ev.goal, 'claimed', false));
    RETURN ev;
END $$;

-- Add progress, capped at the goal; reaching it completes once.
CREATE OR REPLACE FUNCTION cc_event_progress(
    ctx jsonb, p_user bigint, p_event text, p_delta bigint,
    OUT progress bigint, OUT goal bigint, OUT completed boolean, OUT outbox_event uuid
) LANGUAGE plpgsql AS $$
DECLARE
    ev game_events;
    claimed boolean;
BEGIN
    PERFORM cc_lock_wallet(p_user);
    SELECT * INTO ev FROM game_events WHERE id = p_event;
    IF NOT FOUND THEN PERFORM cc_fail('NOT_FOUND'); END IF;
    IF ev.ends_at <= now() THEN PERFORM cc_fail('EVENT_ENDED'); END IF;
    goal := ev.goal;
    UPDATE event_participants p
       SET progress = least(p.progress + p_delta, ev.goal),
           completed_at = coalesce(p.completed_at, CASE WHEN p.progress + p_delta >= ev.goal THEN now() END)
     WHERE p.event_id = p_event AND p.user_id = p_user
    RETURNING p.progress, p.completed_at IS NOT NULL, p.claimed_at IS NOT NULL INTO progress, completed, claimed;
    IF NOT FOUND THEN PERFORM cc_fail('NOT_JOINED'); END IF;
    outbox_event := cc_emit(ctx, p_user, 'event_progress', 'events.progress', true, jsonb_build_object(
        'event_id', p_event, 'progress', progress, 'goal', goal, 'claimed', claimed));
END $$;

-- Claim the reward of a completed event: claimed_at IS NULL is the once-guard.
CREATE OR REPLACE FUNCTION cc_event_claim(
    ctx jsonb, p_user bigint, p_event text, p_exp bigint, p_levels bigint[], p_key text, p_hash bytea,
    OUT status integer, OUT body bytea, OUT replayed boolean
) LANGUAGE plpgsql AS $$
DECLARE
    earlier idempotency_keys;
    ev game_events;
    mine event_participants;
    post record;
    progress record;
    event uuid;
    answer jsonb;
BEGIN
    replayed := false;
    IF p_key IS NOT NULL THEN
        earlier := cc_idem_begin(p_user, 'event_claim', p_key, p_hash);
        IF earlier.key IS NOT NULL THEN
            status := earlier.response_status; body := earlier.response_body; replayed := true;
            RETURN;
        END IF;
    END IF;
    PERFORM cc_lock_wallet(p_user);
    SELECT * INTO ev FROM game_events WHERE id = p_event;
    IF NOT FOUND THEN PERFORM cc_fail('NOT_FOUND'); END IF;
    UPDATE event_participants p SET claimed_at = now()
     WHERE p.event_id = p_event AND p.user_id = p_user AND p.claimed_at IS NULL AND p.completed_at IS NOT NULL;
    IF NOT FOUND THEN
        SELECT * INTO mine FROM event_participants p WHERE p.event_id = p_event AND p.user_id = p_user;
        PERFORM cc_fail(CASE WHEN mine.user_id IS NULL THEN 'NOT_JOINED'
                             WHEN mine.completed_at IS NULL THEN 'NOT_COMPLETED' ELSE 'ALREADY_CLAIMED' END);
    END IF;
    post := cc_post(ctx, p_user, ev.reward_gold, 'mint:event', 'event', 'event', p_event);
    progress := cc_earn_exp(p_user, p_exp, p_levels);
    event := cc_emit(ctx, p_user, 'event_progress', 'events.progress', true, jsonb_build_object(
        'event_id', p_event, 'progress', ev.goal, 'goal', ev.goal, 'claimed', true));
    PERFORM cc_emit_reward(ctx, p_user, 'event', ev.reward_gold, post.balance, post.seq);
    PERFORM cc_achieve(ctx, p_user, 'event_claims', 1);
    PERFORM cc_emit_profile(ctx, p_user);
    answer := jsonb_build_object('claimed', true, 'event', p_event, 'reward', ev.reward_gold,
        'balance_after', post.balance, 'level', progress.level, 'exp', progress.exp, 'event_id', event);
    status := 200;
    body := convert_to(answer::text, 'UTF8');
    IF p_key IS NOT NULL THEN body := cc_idem_end(p_user, 'event_claim', p_key, status, answer); END IF;
END $$;
