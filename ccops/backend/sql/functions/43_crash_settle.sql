-- What has become of an open bet at `p_at`: a multiplier in hundredths = cashed out by itself, 0 = lost,
-- NULL = still flying. p_crash is the round's crash point. A point of 1.00 crashes before anybody can leave,
-- otherwise the multiplier may reach the point and not exceed it.
CREATE OR REPLACE FUNCTION cc_crash_fate(p_round crash_rounds, p_bet crash_bets, p_crash integer, p_at timestamptz)
RETURNS integer LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
        WHEN p_at < p_round.starts_at THEN NULL
        WHEN p_crash = 100 THEN 0
        WHEN p_bet.auto_x100 <= least(p_crash, cc_crash_x100(p_round, p_at)) THEN p_bet.auto_x100
        WHEN cc_crash_x100(p_round, p_at) > p_crash THEN 0
    END;
$$;

-- Close an open bet at p_x100 hundredths (0 = lost): status gate, payout, round record. The caller holds the
-- wallet row, and every way to close a bet takes it first, so exactly one of them finds the bet open.
CREATE OR REPLACE FUNCTION cc_crash_close(
    ctx jsonb, p_user bigint, p_round crash_rounds, p_x100 integer, p_auto boolean, p_exp bigint,
    p_levels bigint[], OUT payout bigint, OUT balance bigint, OUT event_id uuid, OUT level integer,
    OUT exp bigint
) LANGUAGE plpgsql AS $$
DECLARE
    b crash_bets;
    post record;
    done record;
    ledger_seq bigint;
BEGIN
    UPDATE crash_bets AS c
       SET status = CASE WHEN p_x100 > 0 THEN 'CASHED' ELSE 'LOST' END, cashed_x100 = nullif(p_x100, 0),
           payout = c.bet * p_x100 / 100, ended_at = clock_timestamp()
     WHERE c.round_id = p_round.id AND c.user_id = p_user AND c.status = 'OPEN'
    RETURNING * INTO b;
    IF NOT FOUND THEN PERFORM cc_fail('ALREADY_CASHED'); END IF;
    payout := b.payout;
    IF payout > 0 THEN
        post := cc_post(ctx, p_user, payout, 'house:crash', 'win', 'crash', b.public_id::text);
        balance := post.balance;
        ledger_seq := post.seq;
    ELSE
        SELECT w.gold INTO balance FROM wallets w WHERE w.user_id = p_user;
    END IF;
    done := cc_round_record(ctx, p_user, 'crash', b.public_id, b.bet, payout,
        CASE WHEN payout > 0 THEN 'win' ELSE 'lose' END,
        jsonb_build_object('crash_round', p_round.public_id, 'cashed_x100', b.cashed_x100, 'auto', p_auto),
        p_round.id, p_round.seed_hash, balance, ledger_seq, 'crash_rounds', p_exp, p_levels);
    event_id := done.event_id;
    level := done.level;
    exp := done.exp;
END $$;

-- Cash out now, by the database's clock at the moment this call arrives, whatever it waits for afterwards.
CREATE OR REPLACE FUNCTION cc_crash_cashout(
    ctx jsonb, p_user bigint, p_round bigint, p_crash integer, p_exp bigint, p_levels bigint[], p_key text,
    p_hash bytea, OUT status integer, OUT body bytea, OUT replayed boolean
) LANGUAGE plpgsql AS $$
DECLARE
    arrived timestamptz := clock_timestamp();
    r crash_rounds;
    b crash_bets;
    x100 integer;
    by_itself boolean;
    done record;
BEGIN
    SELECT * INTO status, body, replayed FROM cc_replay(p_user, 'crash_cashout', p_key, p_hash);
    IF replayed THEN RETURN; END IF;
    PERFORM cc_lock_wallet(p_user);
    SELECT * INTO r FROM crash_rounds WHERE id = p_round;
    SELECT * INTO b FROM crash_bets WHERE round_id = p_round AND user_id = p_user;
    IF b.status = 'CASHED' THEN PERFORM cc_fail('ALREADY_CASHED'); END IF;
    IF b.status = 'LOST' THEN PERFORM cc_fail('CRASHED'); END IF;
    IF b.status IS NULL OR arrived < r.starts_at THEN PERFORM cc_fail('ROUND_CLOSED'); END IF;
    x100 := cc_crash_fate(r, b, p_crash, arrived);
    IF x100 = 0 THEN PERFORM cc_fail('CRASHED'); END IF;
    by_itself := x100 IS NOT NULL;
    x100 := coalesce(x100, cc_crash_x100(r, arrived));
    done := cc_crash_close(ctx, p_user, r, x100, by_itself, p_exp, p_levels);
    status := 200;
    body := cc_answer(p_user, 'crash_cashout', p_key, status, jsonb_build_object(
        'round_id', r.public_id, 'bet_id', b.public_id, 'bet', b.bet, 'cashed_x100', x100, 'auto', by_itself,
        'payout', done.payout, 'balance_after', done.balance, 'level', done.level, 'exp', done.exp,
        'event_id', done.event_id));
END $$;

-- Settle one bet for which the time has come (the worker's half of the same gate): win, lose, or NULL when
-- there is nothing to do.
CREATE OR REPLACE FUNCTION cc_crash_settle(
    ctx jsonb, p_user bigint, p_round bigint, p_crash integer, p_exp bigint, p_levels bigint[]
) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    r crash_rounds;
    b crash_bets;
    x100 integer;
BEGIN
    PERFORM cc_lock_wallet(p_user);
    SELECT * INTO r FROM crash_rounds WHERE id = p_round;
    SELECT * INTO b FROM crash_bets WHERE round_id = p_round AND user_id = p_user AND status = 'OPEN';
    IF NOT FOUND THEN RETURN NULL; END IF;
    x100 := cc_crash_fate(r, b, p_crash, clock_timestamp());
    IF x100 IS NULL THEN RETURN NULL; END IF;
    PERFORM cc_crash_close(ctx, p_user, r, x100, x100 > 0, p_exp, p_levels);
    RETURN CASE WHEN x100 > 0 THEN 'win' ELSE 'lose' END;
END $$;
