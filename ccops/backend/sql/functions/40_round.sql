-- What every game does when a round of a user is over: record, totals, experience, events, achievements.
-- p_result is win, lose or draw. p_seq is the ledger row of the payout (NULL when nothing was paid).
-- The caller holds the wallet row and has posted bet and payout.
CREATE OR REPLACE FUNCTION cc_round_record(
    ctx jsonb, p_user bigint, p_game text, p_round uuid, p_bet bigint, p_payout bigint, p_result text,
    p_outcome jsonb, p_nonce bigint, p_seed_hash text, p_balance bigint, p_seq bigint, p_metric text,
    p_exp bigint, p_levels bigint[], OUT event_id uuid, OUT level integer, OUT exp bigint
) LANGUAGE plpgsql AS $$
DECLARE
    stats game_stats;
BEGIN
    event_id := gen_random_uuid();
    INSERT INTO game_rounds (public_id, event_id, trace_id, user_id, game, bet, payout, outcome,
                             server_seed_hash, nonce)
    VALUES (p_round, cc_round_record.event_id, ctx->>'trace_id', p_user, p_game, p_bet, p_payout, p_outcome,
            p_seed_hash, p_nonce);
    INSERT INTO game_stats AS g (user_id, game, plays, wins, losses, wagered, paid)
    VALUES (p_user, p_game, 1, (p_result = 'win')::int, (p_result = 'lose')::int, p_bet, p_payout)
    ON CONFLICT (user_id, game) DO UPDATE
       SET plays = g.plays + 1, wins = g.wins + excluded.wins, losses = g.losses + excluded.losses,
           wagered = g.wagered + excluded.wagered, paid = g.paid + excluded.paid, updated_at = now()
    RETURNING * INTO stats;
    SELECT e.level, e.exp INTO level, exp FROM cc_earn_exp(p_user, p_exp, p_levels) AS e;
    PERFORM cc_emit(ctx, p_user, 'round', 'games.rounds', false, jsonb_build_object(
        'round_id', p_round, 'game', p_game, 'bet', p_bet, 'payout', p_payout, 'outcome', p_outcome,
        'nonce', p_nonce), event_id);
    PERFORM cc_emit(ctx, p_user, 'stats_update', NULL, true, jsonb_build_object('stats', jsonb_build_object(
        'game_type', p_game, 'plays', stats.plays, 'wins', stats.wins, 'losses', stats.losses,
        'wagered', stats.wagered, 'paid', stats.paid)));
    IF p_payout > 0 THEN
        PERFORM cc_emit_reward(ctx, p_user, p_game, p_payout, p_balance, p_seq);
    END IF;
    PERFORM cc_achieve(ctx, p_user, p_metric, 1);
    PERFORM cc_emit_profile(ctx, p_user);
END $$;

-- Settle one round of a game that a seed decides at once (slot, gacha, rps). The outcome was derived from the
-- seed and p_nonce; the nonce guard makes a round unrepeatable: if another round took the nonce first, or the
-- seed was rotated, nothing happens (NONCE_USED) and the caller retries.
-- The bet must be covered by the balance before the win: bet and payout are two postings, in that order.
CREATE OR REPLACE FUNCTION cc_round(
    ctx jsonb, p_user bigint, p_game text, p_round uuid, p_bet bigint, p_payout bigint, p_result text,
    p_outcome jsonb, p_nonce bigint, p_seed_hash text, p_action text, p_metric text, p_exp bigint,
    p_levels bigint[], p_key text, p_hash bytea,
    OUT status integer, OUT body bytea, OUT replayed boolean
) LANGUAGE plpgsql AS $$
DECLARE
    post record;
    act record;
    done record;
BEGIN
    SELECT * INTO status, body, replayed FROM cc_replay(p_user, p_game, p_key, p_hash);
    IF replayed THEN RETURN; END IF;
    PERFORM cc_lock_wallet(p_user);
    UPDATE user_seeds SET nonce = nonce + 1
     WHERE user_id = p_user AND nonce = p_nonce AND server_seed_hash = p_seed_hash;
    IF NOT FOUND THEN PERFORM cc_fail('NONCE_USED'); END IF;
    post := cc_post(ctx, p_user, -p_bet, 'house:' || p_game, 'bet', 'round', p_round::text);
    IF p_payout > 0 THEN
        post := cc_post(ctx, p_user, p_payout, 'house:' || p_game, 'win', 'round', p_round::text);
    END IF;
    act := cc_action(ctx, p_user, NULL, p_action,
        jsonb_build_object('round_id', p_round, 'game', p_game, 'bet', p_bet, 'payout', p_payout), NULL);
    done := cc_round_record(ctx, p_user, p_game, p_round, p_bet, p_payout, p_result, p_outcome, p_nonce,
        p_seed_hash, post.balance, post.seq, p_metric, p_exp, p_levels);
    status := 200;
    body := cc_answer(p_user, p_game, p_key, status, jsonb_build_object(
        'round_id', p_round, 'outcome', p_outcome, 'bet', p_bet, 'payout', p_payout,
        'balance_after', post.balance, 'level', done.level, 'exp', done.exp,
        'action_event_id', act.event_id, 'event_id', done.event_id,
        'fairness', jsonb_build_object('server_seed_hash', p_seed_hash, 'nonce', p_nonce)));
END $$;
