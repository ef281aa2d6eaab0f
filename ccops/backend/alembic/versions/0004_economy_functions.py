"""Install the SQL functions anew; the text is embedded, so it never changes its meaning."""

from importlib import import_module

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

FUNCTIONS = {
    "01_emit.sql": r"""
-- Append one event to the outbox and return its id.
-- ctx: {trace_id, request_id, env}. p_stem NULL = not for Kafka; p_realtime false = no frame.
-- Invariant: the caller holds the user's wallet row, so outbox ids of one user grow in commit order.
CREATE OR REPLACE FUNCTION cc_emit(
    ctx jsonb, p_user bigint, p_type text, p_stem text, p_realtime boolean, p_data jsonb,
    p_event uuid DEFAULT gen_random_uuid()
) RETURNS uuid LANGUAGE sql VOLATILE AS $$
    INSERT INTO outbox (event_id, trace_id, request_id, user_id, type, topic, realtime, payload)
    VALUES (p_event, ctx->>'trace_id', ctx->>'request_id', p_user, p_type,
            'cc.' || p_stem || '.' || (ctx->>'env'), p_realtime, p_data)
    RETURNING event_id;
$$;
""",
    "02_fail.sql": r"""
-- Refuse with a declared error code; the transaction rolls back, so a retry may succeed later.
CREATE OR REPLACE FUNCTION cc_fail(p_code text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'CC001', MESSAGE = p_code;
END $$;
""",
    "03_lock_wallet.sql": r"""
-- Take the user's wallet row lock: the single lock that orders everything one user does.
CREATE OR REPLACE FUNCTION cc_lock_wallet(p_user bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM wallets WHERE user_id = p_user FOR NO KEY UPDATE;
    IF NOT FOUND THEN PERFORM cc_fail('NOT_FOUND'); END IF;
END $$;
""",
    "04_post.sql": r"""
-- Move gold: guarded update, ledger row with the wallet version as seq, ledger event. Never read-then-write:
-- the WHERE is re-evaluated after the lock wait, and ck_wallets_gold_nonneg is the second net.
CREATE OR REPLACE FUNCTION cc_post(
    ctx jsonb, p_user bigint, p_delta bigint, p_counter text, p_reason text, p_ref_type text, p_ref_id text,
    OUT balance bigint, OUT seq bigint, OUT event_id uuid
) LANGUAGE plpgsql AS $$
BEGIN
    UPDATE wallets w SET gold = w.gold + p_delta, version = w.version + 1, updated_at = now()
     WHERE w.user_id = p_user AND w.gold + p_delta >= 0
    RETURNING w.gold, w.version INTO balance, seq;
    IF NOT FOUND THEN PERFORM cc_fail('INSUFFICIENT_GOLD'); END IF;
    event_id := gen_random_uuid();
    INSERT INTO gold_ledger (user_id, seq, delta, balance_after, counter_account, reason, ref_type, ref_id,
                             event_id, trace_id, request_id)
    VALUES (p_user, seq, p_delta, balance, p_counter, p_reason, p_ref_type, p_ref_id,
            event_id, ctx->>'trace_id', ctx->>'request_id');
    PERFORM cc_emit(ctx, p_user, 'ledger', 'economy.ledger', false, jsonb_build_object(
        'seq', seq, 'delta', p_delta, 'balance_after', balance, 'counter_account', p_counter,
        'reason', p_reason, 'ref_type', p_ref_type, 'ref_id', p_ref_id), event_id);
END $$;
""",
    "05_idem.sql": r"""
-- Begin an idempotent request. NULL: it is ours to do. A row: it was done, replay it.
-- A twin that runs at the same moment blocks on the primary key until we commit or roll back
-- (lock_timeout turns too long a wait into IDEMPOTENCY_IN_PROGRESS).
-- Beginning twice in one transaction is allowed: a row without an answer is visible only to its own.
CREATE OR REPLACE FUNCTION cc_idem_begin(p_user bigint, p_scope text, p_key text, p_hash bytea)
RETURNS idempotency_keys LANGUAGE plpgsql AS $$
DECLARE
    found_row idempotency_keys;
BEGIN
    INSERT INTO idempotency_keys (user_id, scope, key, request_hash, expires_at)
    VALUES (p_user, p_scope, p_key, p_hash, now() + interval '24 hours')
    ON CONFLICT DO NOTHING;
    IF FOUND THEN RETURN NULL; END IF;
    SELECT * INTO found_row FROM idempotency_keys
     WHERE user_id = p_user AND scope = p_scope AND key = p_key;
    -- Swept away between the two statements: without the row nothing would guard the money.
    IF NOT FOUND THEN PERFORM cc_fail('BUSY'); END IF;
    IF found_row.request_hash <> p_hash THEN PERFORM cc_fail('IDEMPOTENCY_KEY_REUSED'); END IF;
    IF found_row.response_status IS NULL THEN RETURN NULL; END IF;
    RETURN found_row;
END $$;

-- Keep the answer in the transaction of the money: "charged but not recorded" can't exist.
CREATE OR REPLACE FUNCTION cc_idem_end(
    p_user bigint, p_scope text, p_key text, p_status integer, p_body jsonb
) RETURNS bytea LANGUAGE sql VOLATILE AS $$
    UPDATE idempotency_keys
       SET response_status = p_status, response_body = convert_to(p_body::text, 'UTF8')
     WHERE user_id = p_user AND scope = p_scope AND key = p_key
    RETURNING response_body;
$$;

-- How every idempotent function begins: `replayed` = answer status and body, and do nothing.
-- Without a key (p_key NULL) the work is always ours.
--     SELECT * INTO status, body, replayed FROM cc_replay(p_user, 'streak', p_key, p_hash);
--     IF replayed THEN RETURN; END IF;
CREATE OR REPLACE FUNCTION cc_replay(
    p_user bigint, p_scope text, p_key text, p_hash bytea,
    OUT status integer, OUT body bytea, OUT replayed boolean
) LANGUAGE plpgsql AS $$
DECLARE
    earlier idempotency_keys;
BEGIN
    replayed := false;
    IF p_key IS NULL THEN RETURN; END IF;
    earlier := cc_idem_begin(p_user, p_scope, p_key, p_hash);
    replayed := earlier.key IS NOT NULL;
    status := earlier.response_status;
    body := earlier.response_body;
END $$;

-- How it ends: the answer's bytes, kept under the key when there is one.
--     body := cc_answer(p_user, 'streak', p_key, status, jsonb_build_object(..));
CREATE OR REPLACE FUNCTION cc_answer(
    p_user bigint, p_scope text, p_key text, p_status integer, p_body jsonb
) RETURNS bytea LANGUAGE plpgsql AS $$
BEGIN
    IF p_key IS NULL THEN RETURN convert_to(p_body::text, 'UTF8'); END IF;
    RETURN cc_idem_end(p_user, p_scope, p_key, p_status, p_body);
END $$;
""",
    "06_progress.sql": r"""
-- Earn experience. p_levels are the exp thresholds of level 2, 3, ... in ascending order.
CREATE OR REPLACE FUNCTION cc_earn_exp(
    p_user bigint, p_exp bigint, p_levels bigint[], OUT exp bigint, OUT level integer
) LANGUAGE sql VOLATILE AS $$
    UPDATE users u
       SET exp = u.exp + p_exp,
           level = 1 + (SELECT count(*) FROM unnest(p_levels) AS threshold WHERE threshold <= u.exp + p_exp)
     WHERE u.id = p_user
    RETURNING u.exp, u.level;
$$;

-- Tell the user's sockets what their profile is now. Read under the wallet lock, so it is never stale.
CREATE OR REPLACE FUNCTION cc_emit_profile(ctx jsonb, p_user bigint) RETURNS uuid LANGUAGE sql VOLATILE AS $$
    SELECT cc_emit(ctx, p_user, 'profile_update', NULL, true, jsonb_build_object(
               'changes', jsonb_build_object('gold_balance', w.gold, 'level', u.level, 'exp', u.exp),
               'wallet_version', w.version))
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

-- Count p_by towards every achievement of a metric; each change is an event, an unlock happens once.
CREATE OR REPLACE FUNCTION cc_achieve(ctx jsonb, p_user bigint, p_metric text, p_by bigint)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    goal record;
    now_row record;
BEGIN
    FOR goal IN SELECT code, threshold FROM achievements WHERE metric = p_metric ORDER BY code LOOP
        INSERT INTO user_achievements AS ua (user_id, code, progress, unlocked_at)
        VALUES (p_user, goal.code, least(p_by, goal.threshold),
                CASE WHEN p_by >= goal.threshold THEN now() END)
        ON CONFLICT (user_id, code) DO UPDATE
           SET progress = least(ua.progress + p_by, goal.threshold),
               unlocked_at = coalesce(ua.unlocked_at,
                   CASE WHEN ua.progress + p_by >= goal.threshold THEN now() END)
         WHERE ua.progress < goal.threshold
        RETURNING ua.progress, ua.unlocked_at IS NOT NULL AS unlocked INTO now_row;
        IF FOUND THEN
            PERFORM cc_emit(ctx, p_user, 'achievement_progress', 'events.progress', true, jsonb_build_object(
                'achievement_code', goal.code, 'progress', now_row.progress,
                'goal', goal.threshold, 'unlocked', now_row.unlocked));
        END IF;
    END LOOP;
END $$;
""",
    "10_signup.sql": r"""
-- Create an account: invite use, user, wallet, seed, starting gold, one transaction.
-- Lock order: invite row (hot, but the insert can only fail after it), then fresh rows of nobody else.
CREATE OR REPLACE FUNCTION cc_signup(
    ctx jsonb, p_public uuid, p_site_id text, p_nickname text, p_password_hash text, p_birth bytea,
    p_phone bytea, p_invite text, p_gold bigint, p_seed bytea, p_seed_hash text, p_client_seed text
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    new_user bigint;
    invite invite_codes;
BEGIN
    UPDATE invite_codes SET used_count = used_count + 1
     WHERE code = p_invite AND (max_uses IS NULL OR used_count < max_uses)
       AND (expires_at IS NULL OR expires_at > now())
    RETURNING * INTO invite;
    IF NOT FOUND THEN
        PERFORM cc_fail(CASE WHEN EXISTS (
            SELECT 1 FROM invite_codes WHERE code = p_invite AND used_count >= max_uses
        ) THEN 'INVITE_EXHAUSTED' ELSE 'INVITE_INVALID' END);
    END IF;
    INSERT INTO users (public_id, site_id, nickname, password_hash, birth_date_enc, phone_enc)
    VALUES (p_public, p_site_id, p_nickname, p_password_hash, p_birth, p_phone)
    RETURNING id INTO new_user;
    INSERT INTO invite_redemptions (user_id, code) VALUES (new_user, p_invite);
    INSERT INTO wallets (user_id) VALUES (new_user);
    INSERT INTO user_seeds (user_id, server_seed_enc, server_seed_hash, client_seed)
    VALUES (new_user, p_seed, p_seed_hash, p_client_seed);
    IF p_gold > 0 THEN
        PERFORM cc_post(ctx, new_user, p_gold, 'mint:signup', 'signup', 'user', new_user::text);
    END IF;
    PERFORM cc_emit(ctx, new_user, 'signup', 'auth.security', false, jsonb_build_object('result', 'ok'));
    RETURN new_user;
END $$;
""",
    "20_streak_claim.sql": r"""
-- Claim the daily streak. pk_streak_claims decides: one claim a user, action type and calendar day.
-- p_rewards[n] is the gold of day n (the last entry repeats). Lock order: idempotency row, wallet row.
CREATE OR REPLACE FUNCTION cc_streak_claim(
    ctx jsonb, p_user bigint, p_action text, p_day date, p_rewards bigint[], p_exp bigint, p_levels bigint[],
    p_key text, p_hash bytea, OUT status integer, OUT body bytea, OUT replayed boolean
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
    PERFORM cc_lock_wallet(p_user);
    IF EXISTS (SELECT 1 FROM streak_claims
                WHERE user_id = p_user AND action_type = p_action AND claim_day = p_day) THEN
        PERFORM cc_fail('ALREADY_CLAIMED');
    END IF;
    INSERT INTO user_streaks AS s (user_id, action_type, current, longest, last_claim_day)
    VALUES (p_user, p_action, 1, 1, p_day)
    ON CONFLICT (user_id, action_type) DO UPDATE
       SET current = CASE WHEN s.last_claim_day = p_day - 1 THEN s.current + 1 ELSE 1 END,
           longest = greatest(s.longest, CASE WHEN s.last_claim_day = p_day - 1 THEN s.current + 1 ELSE 1 END),
           last_claim_day = p_day
    RETURNING s.current INTO streak;
    reward := p_rewards[least(streak, array_length(p_rewards, 1))];
    post := cc_post(ctx, p_user, reward, 'mint:streak', 'streak', 'streak', p_action || ':' || p_day);
    -- The primary key is the second net under the EXISTS above.
    INSERT INTO streak_claims (user_id, action_type, claim_day, reward_gold, ledger_seq)
    VALUES (p_user, p_action, p_day, reward, post.seq);
    progress := cc_earn_exp(p_user, p_exp, p_levels);
    event := cc_emit(ctx, p_user, 'streak_update', 'events.progress', true, jsonb_build_object(
        'action_type', p_action, 'streak_count', streak, 'claimed_day', p_day));
    PERFORM cc_emit_reward(ctx, p_user, 'streak', reward, post.balance, post.seq);
    PERFORM cc_achieve(ctx, p_user, 'streak_claims', 1);
    PERFORM cc_emit_profile(ctx, p_user);
    status := 200;
    body := cc_answer(p_user, 'streak', p_key, status, jsonb_build_object(
        'claimed', true, 'action_type', p_action, 'streak_count', streak, 'claimed_day', p_day,
        'reward', reward, 'balance_after', post.balance, 'level', progress.level, 'exp', progress.exp,
        'event_id', event));
END $$;
""",
    "30_action.sql": r"""
-- Record one user action. The same event id from the same user is a duplicate, not an error.
CREATE OR REPLACE FUNCTION cc_action(
    ctx jsonb, p_user bigint, p_event uuid, p_type text, p_context jsonb, p_client_ts timestamptz,
    OUT id bigint, OUT event_id uuid, OUT server_ts timestamptz, OUT duplicate boolean
) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM cc_lock_wallet(p_user);
    event_id := coalesce(p_event, gen_random_uuid());
    INSERT INTO user_actions AS a (event_id, trace_id, user_id, action_type, context, client_ts, created_at)
    VALUES (cc_action.event_id, ctx->>'trace_id', p_user, p_type, p_context, p_client_ts, clock_timestamp())
    ON CONFLICT ON CONSTRAINT uq_user_actions_event_id DO NOTHING
    RETURNING a.id, a.created_at INTO id, server_ts;
    duplicate := NOT FOUND;
    IF duplicate THEN
        SELECT a.id, a.created_at INTO id, server_ts FROM user_actions a
         WHERE a.event_id = cc_action.event_id AND a.user_id = p_user;
        -- Somebody else's id: refuse without saying whose.
        IF NOT FOUND THEN PERFORM cc_fail('BUSY'); END IF;
        RETURN;
    END IF;
    PERFORM cc_emit(ctx, p_user, 'user_action', 'actions.events', true, jsonb_build_object(
        'action_type', p_type, 'client_ts', p_client_ts, 'context', p_context, 'server_ts', server_ts), event_id);
END $$;
""",
    "40_slot_spin.sql": r"""
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
""",
    "50_buy.sql": r"""
-- Buy. `item`: gold is debited, 200 SUCCESS. `gold_pack`: a PENDING transaction for the payment provider, 202.
-- Lock order: idempotency row, wallet row, inserts. Refusals roll the key back; a retry may succeed later.
CREATE OR REPLACE FUNCTION cc_buy(
    ctx jsonb, p_user bigint, p_product text, p_qty integer, p_tx uuid, p_provider text, p_receipt text,
    p_key text, p_hash bytea, OUT status integer, OUT body bytea, OUT replayed boolean
) LANGUAGE plpgsql AS $$
DECLARE
    earlier idempotency_keys;
    item products;
    buyer record;
    balance bigint;  -- stays NULL for a gold pack
    event uuid := gen_random_uuid();
    state text;
    answer jsonb;
    ranks constant text[] := ARRAY['STANDARD', 'PREMIUM', 'VIP', 'ADMIN'];
BEGIN
    replayed := false;
    earlier := cc_idem_begin(p_user, 'buy', p_key, p_hash);
    IF earlier.key IS NOT NULL THEN
        status := earlier.response_status; body := earlier.response_body; replayed := true;
        RETURN;
    END IF;
    SELECT * INTO item FROM products WHERE id = p_product;
    IF NOT FOUND OR item.kind NOT IN ('item', 'gold_pack') THEN PERFORM cc_fail('NOT_FOUND'); END IF;
    IF NOT item.active OR item.ends_at <= now() OR item.starts_at > now() THEN
        PERFORM cc_fail('PRODUCT_ENDED');
    END IF;
    SELECT rank, age_verified_at INTO buyer FROM users WHERE id = p_user;
    IF array_position(ranks, buyer.rank) < array_position(ranks, item.min_rank) THEN
        PERFORM cc_fail('RANK_REQUIRED');
    END IF;
    IF item.adult_only AND buyer.age_verified_at IS NULL THEN PERFORM cc_fail('AGE_VERIFICATION_REQUIRED'); END IF;
    -- Refused before anything is charged: a pack whose gold does not fit could never be settled.
    PERFORM item.gold_amount * p_qty;
    PERFORM cc_lock_wallet(p_user);
    state := CASE item.kind WHEN 'item' THEN 'SUCCESS' ELSE 'PENDING' END;
    INSERT INTO shop_transactions (public_id, user_id, product_id, qty, kind, unit_price, status,
        idempotency_key, provider, receipt, amount_cents, trace_id, request_id, settled_at)
    VALUES (p_tx, p_user, item.id, p_qty, item.kind, coalesce(item.price_gold, item.price_cents), state, p_key,
        CASE WHEN item.kind = 'gold_pack' THEN p_provider END,
        CASE WHEN item.kind = 'gold_pack' THEN p_receipt END,
        item.price_cents * p_qty, ctx->>'trace_id', ctx->>'request_id',
        CASE WHEN state = 'SUCCESS' THEN now() END);
    IF item.kind = 'item' THEN
        SELECT p.balance INTO balance
          FROM cc_post(ctx, p_user, -(item.price_gold * p_qty), 'sink:shop', 'purchase', 'shop_tx', p_tx::text) p;
    END IF;
    PERFORM cc_emit(ctx, p_user, 'purchase_update', 'shop.transactions', true, jsonb_strip_nulls(jsonb_build_object(
        'transaction_id', p_tx, 'status', state, 'product_id', item.id, 'kind', item.kind, 'qty', p_qty,
        'amount_gold', item.price_gold * p_qty, 'amount_cents', item.price_cents * p_qty)), event);
    IF item.kind = 'item' THEN
        PERFORM cc_achieve(ctx, p_user, 'purchases', 1);
        PERFORM cc_emit_profile(ctx, p_user);
    END IF;
    answer := jsonb_strip_nulls(jsonb_build_object('success', state = 'SUCCESS', 'transaction_id', p_tx,
        'status', state, 'product_id', item.id, 'kind', item.kind, 'qty', p_qty,
        'receipt', CASE WHEN item.kind = 'gold_pack' THEN p_receipt END,
        'balance_after', balance, 'event_id', event));
    status := CASE item.kind WHEN 'item' THEN 200 ELSE 202 END;
    body := cc_idem_end(p_user, 'buy', p_key, status, answer);
END $$;
""",
    "51_settle.sql": r"""
-- Apply one payment event. Two once-guards: payment_events' primary key (the same event twice) and
-- status = 'PENDING' (another event for a final transaction). Answers: processed | duplicate | unknown |
-- ignored (FAILED after SUCCESS) | review (the amount differs: money is kept for a person to decide).
CREATE OR REPLACE FUNCTION cc_settle(
    ctx jsonb, p_provider text, p_event text, p_type text, p_receipt text, p_amount bigint, p_payload jsonb,
    OUT outcome text, OUT user_id bigint
) LANGUAGE plpgsql AS $$
DECLARE
    tx shop_transactions;
    item products;
    post record;
    gold bigint;
    state text;
    own_ctx jsonb;
BEGIN
    INSERT INTO payment_events AS e (provider, event_id, type, receipt, amount_cents, payload)
    VALUES (p_provider, p_event, p_type, p_receipt, p_amount, p_payload)
    ON CONFLICT ON CONSTRAINT pk_payment_events DO NOTHING;
    IF NOT FOUND AND EXISTS (SELECT 1 FROM payment_events e
                              WHERE e.provider = p_provider AND e.event_id = p_event
                                AND e.processed_at IS NOT NULL) THEN
        outcome := 'duplicate';
        RETURN;
    END IF;
    SELECT * INTO tx FROM shop_transactions t WHERE t.provider = p_provider AND t.receipt = p_receipt;
    IF NOT FOUND THEN
        outcome := 'unknown';  -- kept unprocessed: the purchase may not have committed yet
        RETURN;
    END IF;
    user_id := tx.user_id;
    PERFORM cc_lock_wallet(tx.user_id);
    -- Two deliveries of a kept event both come this far; the lock made the second wait for the first.
    IF EXISTS (SELECT 1 FROM payment_events e WHERE e.provider = p_provider AND e.event_id = p_event
                  AND e.processed_at IS NOT NULL) THEN
        outcome := 'duplicate';
        RETURN;
    END IF;
    -- Everything a payment causes is part of the buyer's trace, whoever delivers the news.
    own_ctx := ctx || jsonb_build_object('trace_id', tx.trace_id);
    state := CASE WHEN p_type <> 'payment.succeeded' THEN 'FAILED'
                  WHEN p_amount IS DISTINCT FROM tx.amount_cents THEN 'REVIEW' ELSE 'SUCCESS' END;
    UPDATE shop_transactions t
       SET status = state, settled_at = now(),
           failure_reason = CASE state WHEN 'FAILED' THEN 'declined' WHEN 'REVIEW' THEN 'amount_mismatch' END
     WHERE t.id = tx.id AND t.status = 'PENDING';
    outcome := CASE WHEN NOT FOUND THEN 'ignored' WHEN state = 'REVIEW' THEN 'review' ELSE 'processed' END;
    IF outcome <> 'ignored' THEN
        IF state = 'SUCCESS' THEN
            SELECT * INTO item FROM products WHERE id = tx.product_id;
            gold := item.gold_amount * tx.qty;
            post := cc_post(own_ctx, tx.user_id, gold, 'pay:gateway', 'gold_pack', 'shop_tx', tx.public_id::text);
        END IF;
        PERFORM cc_emit(own_ctx, tx.user_id, 'purchase_update', 'shop.transactions', true,
            jsonb_strip_nulls(jsonb_build_object('transaction_id', tx.public_id, 'status', state,
                'product_id', tx.product_id, 'kind', tx.kind, 'qty', tx.qty, 'amount_cents', p_amount,
                'reason', CASE state WHEN 'FAILED' THEN 'declined' WHEN 'REVIEW' THEN 'amount_mismatch' END)));
        IF state = 'SUCCESS' THEN
            PERFORM cc_emit_reward(own_ctx, tx.user_id, 'gold_pack', gold, post.balance, post.seq);
            PERFORM cc_achieve(own_ctx, tx.user_id, 'purchases', 1);
            PERFORM cc_emit_profile(own_ctx, tx.user_id);
        END IF;
    END IF;
    UPDATE payment_events e SET processed_at = now(), outcome = cc_settle.outcome
     WHERE e.provider = p_provider AND e.event_id = p_event;
END $$;
""",
    "60_events.sql": r"""
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
""",
    "90_ledger_append_only.sql": r"""
-- The ledger is append-only: corrections are new rows.
CREATE OR REPLACE FUNCTION cc_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'gold_ledger is append-only';
END $$;

CREATE OR REPLACE TRIGGER gold_ledger_append_only BEFORE UPDATE OR DELETE ON gold_ledger
    FOR EACH ROW EXECUTE FUNCTION cc_refuse_change();
""",
}

# By their OID name, so that a changed argument list replaces a function instead of overloading it.
_DROP = """
DO $$
DECLARE
    f regprocedure;
BEGIN
    FOR f IN SELECT p.oid::regprocedure FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
              WHERE n.nspname = current_schema() AND starts_with(p.proname, 'cc_') LOOP
        EXECUTE 'DROP FUNCTION ' || f || ' CASCADE';
    END LOOP;
END $$;
"""


def upgrade() -> None:
    _install(FUNCTIONS)


def downgrade() -> None:
    # Module names that begin with a digit can only be imported by name.
    _install(import_module("ccops.backend.alembic.versions.0002_functions").FUNCTIONS)


def _install(functions: dict[str, str]) -> None:
    connection = op.get_bind()
    connection.exec_driver_sql(_DROP)
    for text in functions.values():
        connection.exec_driver_sql(text.replace("%", "%%"))  # the driver looks for placeholders
