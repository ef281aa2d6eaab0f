-- Settle one slot round whose outcome was derived from the seed and p_nonce. The nonce guard makes a round
-- unrepeatable: if another round took the nonce first, nothing happens (NONCE_USED) and the caller retries.
-- The bet must be covered by the balance before the win: bet and payout are two postings, in that order.
CREATE OR REPLACE FUNCTION cc_slot_spin(
    ctx jsonb, p_user bigint, p_round uuid, p_bet bigint, p_payout bigint, p_outcome jsonb, p_nonce bigint,
    p_seed_hash text, p_exp bigint, p_levels bigint[], p_key text, p_hash bytea,
    OUT status integer, OUT body bytea, OUT replayed boolean
) LANGUAGE plpgsql AS $$
DECLARE
    earlier idempotency_keys;
    bet record;
    win record;
    stats game_stats;
    progress record;
    act record;
    round_event uuid := gen_random_uuid();
    answer jsonb;
BEGIN
    replayed := false;
    IF p_key IS NOT NULL THEN
        earlier := cc_idem_begin(p_user, 'slot', p_key, p_hash);
        IF earlier.key IS NOT NULL THEN
            status := earlier.response_status; body := earlier.response_body; replayed := true;
            RETURN;
        END IF;
    END IF;
    PERFORM cc_lock_wallet(p_user);
    UPDATE user_seeds SET nonce = nonce + 1
     WHERE user_id = p_user AND nonce = p_nonce AND server_seed_hash = p_seed_hash;
    IF NOT FOUND THEN PERFORM cc_fail('NONCE_USED'); END IF;
    bet := cc_post(ctx, p_user, -p_bet, 'house:slot', 'bet', 'round', p_round::text);
    win := bet;
    IF p_payout > 0 THEN
        win := cc_post(ctx, p_user, p_payout, 'house:slot', 'win', 'round', p_round::text);
    END IF;
    INSERT INTO game_rounds (public_id, event_id, trace_id, user_id, game, bet, payout, outcome,
                             server_seed_hash, nonce)
    VALUES (p_round, round_event, ctx->>'trace_id', p_user, 'slot', p_bet, p_payout, p_outcome,
            p_seed_hash, p_nonce);
    INSERT INTO game_stats AS g (user_id, game, plays, wins, losses, wagered, paid)
    VALUES (p_user, 'slot', 1, (p_payout > 0)::int, (p_payout = 0)::int, p_bet, p_payout)
    ON CONFLICT (user_id, game) DO UPDATE
       SET plays = g.plays + 1, wins = g.wins + excluded.wins, losses = g.losses + excluded.losses,
           wagered = g.wagered + excluded.wagered, paid = g.paid + excluded.paid, updated_at = now()
    RETURNING * INTO stats;
    progress := cc_earn_exp(p_user, p_exp, p_levels);
    PERFORM cc_emit(ctx, p_user, 'round', 'games.rounds', false, jsonb_build_object(
        'round_id', p_round, 'game', 'slot', 'bet', p_bet, 'payout', p_payout, 'outcome', p_outcome,
        'nonce', p_nonce), round_event);
    act := cc_action(ctx, p_user, NULL, 'SLOT_SPIN',
        jsonb_build_object('round_id', p_round, 'game', 'slot', 'bet', p_bet, 'payout', p_payout), NULL);
    PERFORM cc_emit(ctx, p_user, 'stats_update', NULL, true, jsonb_build_object('stats', jsonb_build_object(
        'game_type', 'slot', 'plays', stats.plays, 'wins', stats.wins, 'losses', stats.losses,
        'wagered', stats.wagered, 'paid', stats.paid)));
    IF p_payout > 0 THEN
        PERFORM cc_emit_reward(ctx, p_user, 'slot', p_payout, win.balance, win.seq);
    END IF;
    PERFORM cc_achieve(ctx, p_user, 'slot_spins', 1);
    PERFORM cc_emit_profile(ctx, p_user);
    answer := jsonb_build_object('round_id', p_round, 'outcome', p_outcome, 'bet', p_bet, 'payout', p_payout,
        'balance_after', win.balance, 'level', progress.level, 'exp', progress.exp,
        'action_event_id', act.event_id, 'event_id', round_event,
        'fairness', jsonb_build_object('server_seed_hash', p_seed_hash, 'nonce', p_nonce));
    status := 200;
    body := convert_to(answer::text, 'UTF8');
    IF p_key IS NOT NULL THEN body := cc_idem_end(p_user, 'slot', p_key, status, answer); END IF;
END $$;
