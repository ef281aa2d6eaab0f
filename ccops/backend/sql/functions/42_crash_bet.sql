-- The multiplier in hundredths `p_at`, growing as exp(growth * t) from the start of the round. The cap on the
-- exponent only keeps a round that nobody ended for hours out of range errors: it lies far above any max_x100.
CREATE OR REPLACE FUNCTION cc_crash_x100(p_round crash_rounds, p_at timestamptz)
RETURNS integer LANGUAGE sql IMMUTABLE AS $$
    SELECT floor(100 * exp(least(
        (p_round.growth_e6 / 1e6)::float8 * extract(epoch FROM p_at - p_round.starts_at)::float8, 16)))::integer;
$$;

-- Return the round that takes bets now, opening the one that waits for a first bet. Share-locked until the
-- bet commits: bettors do not wait for each other, the worker waits for them before it lets the round run.
CREATE OR REPLACE FUNCTION cc_crash_betting(
    p_public uuid, p_seed_hash text, p_seed_enc bytea, p_edge integer, p_max integer, p_growth integer,
    p_betting_s integer
) RETURNS crash_rounds LANGUAGE plpgsql AS $$
DECLARE
    r crash_rounds;
BEGIN
    FOR attempt IN 1..5 LOOP
        UPDATE crash_rounds SET status = 'BETTING', opened_at = clock_timestamp(),
                                starts_at = clock_timestamp() + make_interval(secs => p_betting_s)
         WHERE status = 'WAITING'
        RETURNING * INTO r;
        IF FOUND THEN RETURN r; END IF;
        SELECT * INTO r FROM crash_rounds WHERE status IN ('BETTING','RUNNING') FOR SHARE;
        IF FOUND THEN
            IF r.status <> 'BETTING' OR clock_timestamp() >= r.starts_at THEN
                PERFORM cc_fail('ROUND_CLOSED');
            END IF;
            RETURN r;
        END IF;
        -- No round at all: the worker has not prepared one yet.
        INSERT INTO crash_rounds (public_id, seed_hash, seed_enc, edge_bp, max_x100, growth_e6, status)
        VALUES (p_public, p_seed_hash, p_seed_enc, p_edge, p_max, p_growth, 'WAITING')
        ON CONFLICT DO NOTHING;
    END LOOP;
    PERFORM cc_fail('ROUND_CLOSED');
END $$;

-- Bet in the round that takes bets. Lock order: idempotency row, wallet, round (shared by all, so last).
CREATE OR REPLACE FUNCTION cc_crash_bet(
    ctx jsonb, p_user bigint, p_bet bigint, p_auto integer, p_bet_id uuid, p_public uuid, p_seed_hash text,
    p_seed_enc bytea, p_edge integer, p_max integer, p_growth integer, p_betting_s integer, p_key text,
    p_hash bytea, OUT status integer, OUT body bytea, OUT replayed boolean
) LANGUAGE plpgsql AS $$
DECLARE
    post record;
    act record;
    r crash_rounds;
BEGIN
    SELECT * INTO status, body, replayed FROM cc_replay(p_user, 'crash_bet', p_key, p_hash);
    IF replayed THEN RETURN; END IF;
    PERFORM cc_lock_wallet(p_user);
    IF NOT EXISTS (SELECT 1 FROM users WHERE id = p_user AND age_verified_at IS NOT NULL) THEN
        PERFORM cc_fail('AGE_VERIFICATION_REQUIRED');
    END IF;
    post := cc_post(ctx, p_user, -p_bet, 'house:crash', 'bet', 'crash', p_bet_id::text);
    r := cc_crash_betting(p_public, p_seed_hash, p_seed_enc, p_edge, p_max, p_growth, p_betting_s);
    IF EXISTS (SELECT 1 FROM crash_bets WHERE round_id = r.id AND user_id = p_user) THEN
        PERFORM cc_fail('ALREADY_BET');
    END IF;
    INSERT INTO crash_bets (round_id, user_id, public_id, bet, auto_x100, status, trace_id)
    VALUES (r.id, p_user, p_bet_id, p_bet, p_auto, 'OPEN', ctx->>'trace_id');
    act := cc_action(ctx, p_user, NULL, 'CRASH_BET', jsonb_build_object(
        'round_id', r.public_id, 'bet_id', p_bet_id, 'game', 'crash', 'bet', p_bet, 'auto_x100', p_auto), NULL);
    PERFORM cc_emit_profile(ctx, p_user);
    status := 201;
    body := cc_answer(p_user, 'crash_bet', p_key, status, jsonb_build_object(
        'round_id', r.public_id, 'server_seed_hash', r.seed_hash, 'bet_id', p_bet_id, 'bet', p_bet,
        'auto_x100', p_auto, 'balance_after', post.balance, 'opened_at', r.opened_at,
        'starts_at', r.starts_at, 'action_event_id', act.event_id));
END $$;
