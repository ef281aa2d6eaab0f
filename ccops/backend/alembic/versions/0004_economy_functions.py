"""Install the SQL functions anew; the text is embedded, so it never changes its meaning."""

from importlib import import_module

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

FUNCTIONS = {
    "01_emit.sql": r"""
-- The Kafka topic of a stem in the caller's environment. NULL stays NULL: not for Kafka.
CREATE OR REPLACE FUNCTION cc_topic(ctx jsonb, p_stem text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT 'cc.' || p_stem || '.' || (ctx->>'env');
$$;

-- Append one event to the outbox and return its id.
-- ctx: {trace_id, request_id, env}. p_stem NULL = not for Kafka; p_realtime false = no frame.
-- Invariant: the caller holds the user's wallet row, so outbox ids of one user grow in commit order.
CREATE OR REPLACE FUNCTION cc_emit(
    ctx jsonb, p_user bigint, p_type text, p_stem text, p_realtime boolean, p_data jsonb,
    p_event uuid DEFAULT gen_random_uuid()
) RETURNS uuid LANGUAGE sql VOLATILE AS $$
    INSERT INTO outbox (event_id, trace_id, request_id, user_id, type, topic, realtime, payload)
    VALUES (p_event, ctx->>'trace_id', ctx->>'request_id', p_user, p_type,
            cc_topic(ctx, p_stem), p_realtime, p_data)
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

-- The same for what users do themselves. A closed account does nothing: its access token may outlive it where
-- Redis has lost the mark. What others do to it (a payment, a refund, an administrator) goes on.
CREATE OR REPLACE FUNCTION cc_lock_own(p_user bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM cc_lock_wallet(p_user);
    IF NOT EXISTS (SELECT 1 FROM users WHERE id = p_user AND is_active) THEN PERFORM cc_fail('UNAUTHORIZED'); END IF;
END $$;
""",
    "04_post.sql": r"""
-- Move gold: guarded update, ledger row with the wallet version as seq. Never read-then-write: the WHERE is
-- re-evaluated after the lock wait, and ck_wallets_gold_nonneg is the second net.
-- The caller tells about it: an event 'ledger' with the id p_event and the data of cc_ledger_data.
CREATE OR REPLACE FUNCTION cc_move(
    ctx jsonb, p_user bigint, p_delta bigint, p_counter text, p_reason text, p_ref_type text, p_ref_id text,
    p_event uuid, OUT balance bigint, OUT seq bigint
) LANGUAGE plpgsql AS $$
BEGIN
    UPDATE wallets w SET gold = w.gold + p_delta, version = w.version + 1, updated_at = now()
     WHERE w.user_id = p_user AND w.gold + p_delta >= 0
    RETURNING w.gold, w.version INTO balance, seq;
    IF NOT FOUND THEN PERFORM cc_fail('INSUFFICIENT_GOLD'); END IF;
    INSERT INTO gold_ledger (user_id, seq, delta, balance_after, counter_account, reason, ref_type, ref_id,
                             event_id, trace_id, request_id)
    VALUES (p_user, seq, p_delta, balance, p_counter, p_reason, p_ref_type, p_ref_id,
            p_event, ctx->>'trace_id', ctx->>'request_id');
END $$;

-- What an event says. Plain expressions: the planner puts them where they are called, at no cost.
CREATE OR REPLACE FUNCTION cc_ledger_data(
    p_seq bigint, p_delta bigint, p_balance bigint, p_counter text, p_reason text, p_ref_type text, p_ref_id text
) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object(
        'seq', p_seq, 'delta', p_delta, 'balance_after', p_balance, 'counter_account', p_counter,
        'reason', p_reason, 'ref_type', p_ref_type, 'ref_id', p_ref_id);
$$;

-- Move gold and tell about it.
CREATE OR REPLACE FUNCTION cc_post(
    ctx jsonb, p_user bigint, p_delta bigint, p_counter text, p_reason text, p_ref_type text, p_ref_id text,
    OUT balance bigint, OUT seq bigint, OUT event_id uuid
) LANGUAGE plpgsql AS $$
BEGIN
    event_id := gen_random_uuid();
    SELECT m.balance, m.seq INTO balance, seq
      FROM cc_move(ctx, p_user, p_delta, p_counter, p_reason, p_ref_type, p_ref_id, event_id) m;
    PERFORM cc_emit(ctx, p_user, 'ledger', 'economy.ledger', false,
        cc_ledger_data(seq, p_delta, balance, p_counter, p_reason, p_ref_type, p_ref_id), event_id);
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
    "11_audit.sql": r"""
-- Append one row to the audit chain and return its id. Call it last in the transaction: the lock below is
-- shared by all administrators and held until commit, so that ids and hashes grow in commit order.
-- p_before and p_after hold what changed and never personal data.
CREATE OR REPLACE FUNCTION cc_audit(
    ctx jsonb, p_actor bigint, p_action text, p_target text, p_before jsonb, p_after jsonb, p_reason text
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    made audit_log;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('ccops.audit'));
    made.id := nextval(pg_get_serial_sequence('audit_log', 'id'));
    made.created_at := clock_timestamp();
    SELECT hash INTO made.prev_hash FROM audit_log ORDER BY id DESC LIMIT 1;
    made.prev_hash := coalesce(made.prev_hash, sha256('ccops.audit'::bytea));
    -- jsonb writes itself in one way only: this text is canonical. Invariant audit_chain_unbroken repeats it.
    made.hash := sha256(made.prev_hash || convert_to(jsonb_build_array(
        made.id, p_actor, p_action, p_target, p_before, p_after, p_reason, ctx->>'trace_id',
        ctx->>'request_id', extract(epoch FROM made.created_at))::text, 'UTF8'));
    INSERT INTO audit_log (id, actor_id, action, target, before, after, reason, trace_id, request_id,
                           created_at, prev_hash, hash) OVERRIDING SYSTEM VALUE
    VALUES (made.id, p_actor, p_action, p_target, p_before, p_after, p_reason, ctx->>'trace_id',
            ctx->>'request_id', made.created_at, made.prev_hash, made.hash);
    RETURN made.id;
END $$;
""",
    "12_sessions.sql": r"""
-- Say that something happened to an account. p_data: `event` and what belongs to it, never personal data.
CREATE OR REPLACE FUNCTION cc_security(ctx jsonb, p_user bigint, p_data jsonb) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM cc_lock_wallet(p_user);
    PERFORM cc_emit(ctx, p_user, 'security', 'auth.security', false, p_data);
END $$;

-- Revoke every session of a user and return the families closed by it.
-- Repeats until nothing is left: a rotation that committed while the UPDATE waited for its parent has a child
-- that the UPDATE's snapshot did not see; the next statement's does.
CREATE OR REPLACE FUNCTION cc_revoke_all(ctx jsonb, p_user bigint, p_reason text) RETURNS uuid[]
LANGUAGE plpgsql AS $$
DECLARE
    families uuid[] := '{}';
    found_now uuid[];
BEGIN
    LOOP
        WITH closed AS (
            UPDATE refresh_tokens SET revoked_at = now(), revoke_reason = p_reason
             WHERE user_id = p_user AND revoked_at IS NULL RETURNING family_id
        ) SELECT array_agg(DISTINCT family_id) INTO found_now FROM closed;
        EXIT WHEN found_now IS NULL;
        families := families || found_now;
    END LOOP;
    RETURN ARRAY(SELECT DISTINCT unnest(families));
END $$;

-- The same on the user's own wish, said as an event. Lock order: wallet row, tokens.
CREATE OR REPLACE FUNCTION cc_logout_all(ctx jsonb, p_user bigint) RETURNS uuid[] LANGUAGE plpgsql AS $$
DECLARE
    families uuid[];
BEGIN
    PERFORM cc_lock_wallet(p_user);
    families := cc_revoke_all(ctx, p_user, 'logout_all');
    PERFORM cc_security(ctx, p_user, jsonb_build_object(
        'event', 'logout_all', 'sessions', cardinality(families)));
    RETURN families;
END $$;

-- Close a family one of whose tokens came back after it was used. The event is said by the first to close it.
CREATE OR REPLACE FUNCTION cc_refresh_reused(ctx jsonb, p_user bigint, p_family uuid) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    closed integer := 0;
    closed_now integer;
BEGIN
    PERFORM cc_lock_wallet(p_user);
    LOOP
        UPDATE refresh_tokens SET revoked_at = now(), revoke_reason = 'reused'
         WHERE family_id = p_family AND revoked_at IS NULL;
        GET DIAGNOSTICS closed_now = ROW_COUNT;
        EXIT WHEN closed_now = 0;
        closed := closed + closed_now;
    END LOOP;
    IF closed > 0 THEN
        PERFORM cc_security(ctx, p_user, jsonb_build_object('event', 'refresh_reused', 'sessions', 1));
    END IF;
END $$;

-- Erase personal data on the user's wish. The ledger and what hangs on it stay, under a pseudonym that
-- nobody can have taken before. Doing it again changes nothing and returns the same moment.
CREATE OR REPLACE FUNCTION cc_erase(
    ctx jsonb, p_user bigint, OUT moment timestamptz, OUT families uuid[]
) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM cc_lock_wallet(p_user);
    UPDATE users
       SET site_id = 'erased:' || gen_random_uuid(), nickname = 'erased:' || gen_random_uuid(),
           phone_enc = NULL, birth_date_enc = NULL, age_verified_at = NULL, password_hash = '!',
           rank = 'STANDARD', is_active = false, last_login_at = NULL, erased_at = now()
     WHERE id = p_user AND erased_at IS NULL
    RETURNING erased_at INTO moment;
    IF NOT FOUND THEN
        SELECT erased_at INTO moment FROM users WHERE id = p_user;
        families := cc_revoke_all(ctx, p_user, 'erased');
        RETURN;
    END IF;
    families := cc_revoke_all(ctx, p_user, 'erased');
    PERFORM cc_security(ctx, p_user, jsonb_build_object('event', 'erased', 'sessions', cardinality(families)));
END $$;
""",
    "13_admin.sql": r"""
-- What administrators write. Each function: the rank as it is now, the change, one audit row.
CREATE OR REPLACE FUNCTION cc_require_admin(p_actor bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM users WHERE id = p_actor AND rank = 'ADMIN' AND is_active;
    IF NOT FOUND THEN PERFORM cc_fail('RANK_REQUIRED'); END IF;
END $$;

-- Change a rank. The same rank again is no change: no audit row, audit_id NULL.
-- Lock order: wallet (for the event's place in the outbox), both users by id, audit chain. Two
-- administrators who demote each other at the same moment: one wins, the other is none any more.
CREATE OR REPLACE FUNCTION cc_set_rank(
    ctx jsonb, p_actor bigint, p_user bigint, p_rank text, p_reason text, p_action text,
    OUT previous text, OUT audit_id bigint
) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM cc_lock_wallet(p_user);
    PERFORM 1 FROM users WHERE id IN (p_actor, p_user) ORDER BY id FOR NO KEY UPDATE;
    -- On the command line the user stands for itself: whoever has the database needs no rank.
    IF p_action <> 'set_rank.cli' THEN PERFORM cc_require_admin(p_actor); END IF;
    SELECT rank INTO previous FROM users WHERE id = p_user AND erased_at IS NULL;
    IF NOT FOUND THEN PERFORM cc_fail('NOT_FOUND'); END IF;
    IF previous = p_rank THEN RETURN; END IF;
    UPDATE users SET rank = p_rank WHERE id = p_user;
    PERFORM cc_security(ctx, p_user, jsonb_build_object(
        'event', 'rank_changed', 'rank', p_rank, 'previous_rank', previous));
    audit_id := cc_audit(ctx, p_actor, p_action, 'user:' || p_user, jsonb_build_object('rank', previous),
        jsonb_build_object('rank', p_rank), p_reason);
END $$;

-- Correct a balance. p_version: the wallet version the administrator saw, NULL = whatever it is.
-- Lock order: idempotency row (of the administrator), wallet row (of the user), audit chain.
CREATE OR REPLACE FUNCTION cc_gold_adjust(
    ctx jsonb, p_actor bigint, p_user bigint, p_delta bigint, p_reason text, p_version bigint, p_key text,
    p_hash bytea, OUT status integer, OUT body bytea, OUT replayed boolean
) LANGUAGE plpgsql AS $$
DECLARE
    held wallets;
    adjustment uuid := gen_random_uuid();
    post record;
    audit bigint;
BEGIN
    SELECT * INTO status, body, replayed FROM cc_replay(p_actor, 'gold_adjust', p_key, p_hash);
    IF replayed THEN RETURN; END IF;
    PERFORM cc_require_admin(p_actor);
    PERFORM cc_lock_wallet(p_user);
    SELECT * INTO held FROM wallets WHERE user_id = p_user;
    IF held.version <> p_version THEN PERFORM cc_fail('VERSION_MISMATCH'); END IF;
    post := cc_post(ctx, p_user, p_delta, CASE WHEN p_delta > 0 THEN 'mint:adjust' ELSE 'sink:adjust' END,
        'adjust', 'adjust', adjustment::text);
    IF p_delta > 0 THEN PERFORM cc_emit_reward(ctx, p_user, 'adjust', p_delta, post.balance, post.seq); END IF;
    PERFORM cc_emit_profile(ctx, p_user);
    audit := cc_audit(ctx, p_actor, 'gold_adjust', 'user:' || p_user,
        jsonb_build_object('gold', held.gold, 'version', held.version),
        jsonb_build_object('gold', post.balance, 'version', post.seq, 'adjustment_id', adjustment), p_reason);
    status := 200;
    body := cc_answer(p_actor, 'gold_adjust', p_key, status, jsonb_build_object(
        'adjustment_id', adjustment, 'user_id', p_user, 'delta', p_delta, 'balance_after', post.balance,
        'wallet_version', post.seq, 'audit_id', audit, 'event_id', post.event_id));
END $$;

-- Create an invite code; pk_invite_codes refuses one that exists.
CREATE OR REPLACE FUNCTION cc_create_invite(
    ctx jsonb, p_actor bigint, p_code text, p_max_uses integer, p_expires timestamptz
) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    PERFORM cc_require_admin(p_actor);
    INSERT INTO invite_codes (code, max_uses, expires_at, created_by)
    VALUES (p_code, p_max_uses, p_expires, p_actor);
    RETURN cc_audit(ctx, p_actor, 'create_invite', 'invite:' || p_code, '{}',
        jsonb_build_object('max_uses', p_max_uses, 'expires_at', p_expires), '');
END $$;

-- Create a promo code; pk_promo_codes refuses one that exists.
CREATE OR REPLACE FUNCTION cc_create_promo(
    ctx jsonb, p_actor bigint, p_code text, p_gold bigint, p_max_uses integer, p_starts timestamptz,
    p_expires timestamptz, OUT starts_at timestamptz, OUT audit_id bigint
) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM cc_require_admin(p_actor);
    INSERT INTO promo_codes AS p (code, gold, max_uses, starts_at, expires_at, created_by)
    VALUES (p_code, p_gold, p_max_uses, coalesce(p_starts, now()), p_expires, p_actor)
    RETURNING p.starts_at INTO starts_at;
    audit_id := cc_audit(ctx, p_actor, 'create_promo', 'promo:' || p_code, '{}', jsonb_build_object(
        'gold', p_gold, 'max_uses', p_max_uses, 'starts_at', starts_at, 'expires_at', p_expires), '');
END $$;

-- The administrator that the settings name. A player's account of that name is left alone: promoting it
-- would promote whoever holds its sessions. Returns what was done: created, updated, unchanged or taken.
CREATE OR REPLACE FUNCTION cc_admin_account(
    ctx jsonb, p_site_id text, p_password_hash text, p_seed bytea, p_seed_hash text, p_client_seed text
) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    known users;
    made bigint;
BEGIN
    SELECT * INTO known FROM users WHERE lower(site_id) = lower(p_site_id) FOR NO KEY UPDATE;
    IF FOUND THEN
        IF known.rank <> 'ADMIN' OR NOT known.is_active THEN RETURN 'taken'; END IF;
        IF p_password_hash IS NULL THEN RETURN 'unchanged'; END IF;
        UPDATE users SET password_hash = p_password_hash WHERE id = known.id;
        PERFORM cc_revoke_all(ctx, known.id, 'password');
        PERFORM cc_audit(ctx, known.id, 'seed.admin_password', 'user:' || known.id, '{}', '{}', '');
        RETURN 'updated';
    END IF;
    INSERT INTO users (public_id, site_id, nickname, password_hash, rank)
    VALUES (gen_random_uuid(), p_site_id,
            CASE WHEN EXISTS (SELECT 1 FROM users WHERE lower(nickname) = lower(p_site_id))
                 THEN 'admin:' || gen_random_uuid() ELSE p_site_id END, p_password_hash, 'ADMIN')
    RETURNING id INTO made;
    INSERT INTO wallets (user_id) VALUES (made);
    INSERT INTO user_seeds (user_id, server_seed_enc, server_seed_hash, client_seed)
    VALUES (made, p_seed, p_seed_hash, p_client_seed);
    PERFORM cc_audit(ctx, made, 'seed.admin', 'user:' || made, '{}', '{"rank": "ADMIN"}', '');
    RETURN 'created';
END $$;
""",
    "20_streak_claim.sql": r"""
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
""",
    "30_action.sql": r"""
-- Record one user action. The same event id from the same user is a duplicate, not an error.
CREATE OR REPLACE FUNCTION cc_action(
    ctx jsonb, p_user bigint, p_event uuid, p_type text, p_context jsonb, p_client_ts timestamptz,
    OUT id bigint, OUT event_id uuid, OUT server_ts timestamptz, OUT duplicate boolean
) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM cc_lock_own(p_user);
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
    "40_round.sql": r"""
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
""",
    "41_rotate.sql": r"""
-- Reveal the seed that decided the user's rounds so far and commit to a new one. The nonce goes on counting,
-- so a round is named by user, game and nonce for ever. A round in flight that read the old seed finds it
-- gone (NONCE_USED) and is drawn anew: no round can be decided by a seed that its player knows.
CREATE OR REPLACE FUNCTION cc_seed_rotate(
    p_user bigint, p_seed_hash text, p_server_seed text, p_new_enc bytea, p_new_hash text, p_client_seed text,
    OUT first_nonce bigint, OUT nonce bigint, OUT client_seed text, OUT old_client_seed text
) LANGUAGE plpgsql AS $$
DECLARE
    old user_seeds;
BEGIN
    PERFORM cc_lock_own(p_user);
    SELECT * INTO old FROM user_seeds WHERE user_id = p_user AND server_seed_hash = p_seed_hash;
    IF NOT FOUND THEN PERFORM cc_fail('NONCE_USED'); END IF;
    first_nonce := coalesce((SELECT max(r.next_nonce) FROM revealed_seeds r WHERE r.user_id = p_user), 0);
    INSERT INTO revealed_seeds (user_id, server_seed_hash, server_seed, client_seed, first_nonce, next_nonce)
    VALUES (p_user, p_seed_hash, p_server_seed, old.client_seed, cc_seed_rotate.first_nonce, old.nonce);
    UPDATE user_seeds s
       SET server_seed_enc = p_new_enc, server_seed_hash = p_new_hash,
           client_seed = coalesce(p_client_seed, s.client_seed), rotated_at = now()
     WHERE s.user_id = p_user
    RETURNING s.nonce, s.client_seed INTO nonce, client_seed;
    old_client_seed := old.client_seed;
END $$;
""",
    "42_crash_bet.sql": r"""
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
""",
    "43_crash_settle.sql": r"""
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
""",
    "50_buy.sql": r"""
CREATE OR REPLACE FUNCTION cc_purchase_data(
    p_tx uuid, p_status text, p_product text, p_kind text, p_qty integer, p_gold bigint, p_cents bigint, p_reason text
) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_strip_nulls(jsonb_build_object(
        'transaction_id', p_tx, 'status', p_status, 'product_id', p_product, 'kind', p_kind, 'qty', p_qty,
        'amount_gold', p_gold, 'amount_cents', p_cents, 'reason', p_reason));
$$;

-- Tell the buyer and the shop topic what has become of a purchase.
CREATE OR REPLACE FUNCTION cc_emit_purchase(
    ctx jsonb, tx shop_transactions, p_status text, p_reason text, p_event uuid DEFAULT gen_random_uuid()
) RETURNS uuid LANGUAGE plpgsql AS $$
BEGIN
    RETURN cc_emit(ctx, tx.user_id, 'purchase_update', 'shop.transactions', true, cc_purchase_data(
        tx.public_id, p_status, tx.product_id, tx.kind, tx.qty,
        CASE WHEN tx.amount_cents IS NULL THEN tx.unit_price * tx.qty END, tx.amount_cents, p_reason), p_event);
END $$;

-- Open a season's pass for a buyer. False: they own it already (the primary key is the once-guard).
CREATE OR REPLACE FUNCTION cc_open_pass(p_user bigint, p_product text, p_tx uuid) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO battle_pass_owners (season, user_id, shop_tx_id)
    SELECT season, p_user, p_tx FROM products WHERE id = p_product AND season IS NOT NULL
    ON CONFLICT DO NOTHING;
    RETURN FOUND;
END $$;

-- What one person can't have twice, or not at all: a pass that is owned, being paid for, or over. A payment that
-- was started and not made holds nobody up for longer than a quarter of an hour. If it comes after all, cc_deliver
-- finds the pass owned, and a person decides (REVIEW).
CREATE OR REPLACE FUNCTION cc_check_pass(p_user bigint, item products, p_qty integer) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    season battle_pass_seasons;
BEGIN
    SELECT * INTO season FROM battle_pass_seasons WHERE id = item.season;
    IF NOT FOUND THEN PERFORM cc_fail('NOT_FOUND'); END IF;
    IF season.ends_at <= now() OR season.starts_at > now() THEN PERFORM cc_fail('PRODUCT_ENDED'); END IF;
    IF p_qty > 1
       OR EXISTS (SELECT 1 FROM battle_pass_owners o WHERE o.season = item.season AND o.user_id = p_user)
       OR EXISTS (SELECT 1 FROM shop_transactions t JOIN products p ON p.id = t.product_id
                   WHERE t.user_id = p_user AND t.status = 'PENDING' AND p.season = item.season
                     AND t.created_at > now() - interval '15 minutes') THEN
        PERFORM cc_fail('LIMIT_REACHED');
    END IF;
END $$;

-- Buy. Priced in gold: debited and delivered now, 200 SUCCESS. Priced in cents: a PENDING transaction for
-- the payment provider, 202; what it will credit is fixed here, so a later price change changes nothing.
--
-- Lock order: wallet row, inserts; the last of them is the idempotency row. Here it need not come first to hold
-- back a twin: a key belongs to its user, so a twin waits for the wallet row and then finds the answer. So the
-- row is written once, with the answer in it, and not twice. Every statement after the lock has a snapshot of
-- its own (READ COMMITTED): what the twin committed is seen. Refusals roll back; a retry may succeed later.
CREATE OR REPLACE FUNCTION cc_buy(
    ctx jsonb, p_user bigint, p_product text, p_qty integer, p_tx uuid, p_provider text, p_receipt text,
    p_key text, p_hash bytea, OUT status integer, OUT body bytea, OUT replayed boolean
) LANGUAGE plpgsql AS $$
DECLARE
    buyer record;
    earlier record;
    item products;
    paid_in_gold boolean;
    state text;
    price bigint;  -- of all p_qty, in gold; NULL when it is paid in cents
    cents bigint;
    promised bigint := 0;
    balance bigint;  -- stays NULL until gold has moved
    seq bigint;
    moved uuid := gen_random_uuid();
    event uuid := gen_random_uuid();
    ranks constant text[] := ARRAY['STANDARD', 'PREMIUM', 'VIP', 'ADMIN'];
BEGIN
    -- cc_lock_own, and what is asked about the buyer, in one statement.
    SELECT u.rank, u.age_verified_at, u.is_active, u.level, u.exp, w.gold INTO buyer
      FROM wallets w JOIN users u ON u.id = w.user_id WHERE w.user_id = p_user FOR NO KEY UPDATE OF w;
    IF NOT FOUND THEN PERFORM cc_fail('NOT_FOUND'); END IF;
    SELECT i.request_hash, i.response_status, i.response_body INTO earlier
      FROM idempotency_keys i WHERE i.user_id = p_user AND i.scope = 'buy' AND i.key = p_key;
    replayed := FOUND;
    IF replayed THEN
        IF earlier.request_hash <> p_hash THEN PERFORM cc_fail('IDEMPOTENCY_KEY_REUSED'); END IF;
        status := earlier.response_status;
        body := earlier.response_body;
        RETURN;
    END IF;
    SELECT * INTO item FROM products WHERE id = p_product;
    IF NOT FOUND OR item.kind = 'limited' THEN PERFORM cc_fail('NOT_FOUND'); END IF;
    IF NOT item.active OR item.ends_at <= now() OR item.starts_at > now() THEN
        PERFORM cc_fail('PRODUCT_ENDED');
    END IF;
    IF NOT buyer.is_active THEN PERFORM cc_fail('UNAUTHORIZED'); END IF;
    IF array_position(ranks, buyer.rank) < array_position(ranks, item.min_rank) THEN
        PERFORM cc_fail('RANK_REQUIRED');
    END IF;
    IF item.adult_only AND buyer.age_verified_at IS NULL THEN PERFORM cc_fail('AGE_VERIFICATION_REQUIRED'); END IF;
    IF item.kind = 'battle_pass' THEN PERFORM cc_check_pass(p_user, item, p_qty); END IF;
    paid_in_gold := item.price_gold IS NOT NULL;
    IF paid_in_gold THEN
        status := 200;
        state := 'SUCCESS';
        price := item.price_gold * p_qty;
    ELSE
        status := 202;
        state := 'PENDING';
        cents := item.price_cents * p_qty;
        promised := item.gold_amount * p_qty;
        -- Refused before anybody pays: what does not fit the wallet raises AMOUNT_OUT_OF_RANGE here.
        PERFORM buyer.gold + promised;
    END IF;
    INSERT INTO shop_transactions (public_id, user_id, product_id, qty, kind, unit_price, status,
        idempotency_key, provider, receipt, amount_cents, gold_amount, trace_id, request_id, settled_at)
    VALUES (p_tx, p_user, item.id, p_qty, item.kind, coalesce(item.price_gold, item.price_cents), state, p_key,
        CASE WHEN NOT paid_in_gold THEN p_provider END, CASE WHEN NOT paid_in_gold THEN p_receipt END,
        cents, promised, ctx->>'trace_id', ctx->>'request_id', CASE WHEN paid_in_gold THEN now() END);
    IF paid_in_gold THEN
        SELECT m.balance, m.seq INTO balance, seq
          FROM cc_move(ctx, p_user, -price, 'sink:shop', 'purchase', 'shop_tx', p_tx::text, moved) m;
        IF item.kind = 'battle_pass' AND NOT cc_open_pass(p_user, item.id, p_tx) THEN
            PERFORM cc_fail('LIMIT_REACHED');
        END IF;
        -- What cc_post, cc_emit_purchase and cc_emit_profile tell, in one statement: three cost twice as much.
        INSERT INTO outbox (event_id, trace_id, request_id, user_id, type, topic, realtime, payload)
        VALUES (moved, ctx->>'trace_id', ctx->>'request_id', p_user, 'ledger', cc_topic(ctx, 'economy.ledger'),
                false, cc_ledger_data(seq, -price, balance, 'sink:shop', 'purchase', 'shop_tx', p_tx::text)),
               (event, ctx->>'trace_id', ctx->>'request_id', p_user, 'purchase_update',
                cc_topic(ctx, 'shop.transactions'), true,
                cc_purchase_data(p_tx, state, item.id, item.kind, p_qty, price, cents, NULL)),
               (gen_random_uuid(), ctx->>'trace_id', ctx->>'request_id', p_user, 'profile_update', NULL, true,
                cc_profile_data(balance, buyer.level, buyer.exp, seq));
        PERFORM cc_achieve(ctx, p_user, 'purchases', 1);
    ELSE
        PERFORM cc_emit(ctx, p_user, 'purchase_update', 'shop.transactions', true,
            cc_purchase_data(p_tx, state, item.id, item.kind, p_qty, price, cents, NULL), event);
    END IF;
    body := convert_to(jsonb_strip_nulls(jsonb_build_object(
        'success', paid_in_gold, 'transaction_id', p_tx, 'status', state, 'product_id', item.id,
        'kind', item.kind, 'qty', p_qty, 'receipt', CASE WHEN NOT paid_in_gold THEN p_receipt END,
        'balance_after', balance, 'event_id', event))::text, 'UTF8');
    INSERT INTO idempotency_keys (user_id, scope, key, request_hash, response_status, response_body, expires_at)
    VALUES (p_user, 'buy', p_key, p_hash, status, body, now() + interval '24 hours');
END $$;

-- Tell a buyer's sockets that a purchase was refused. Realtime only: nothing happened that others must know.
-- The original purchase is named when the key was used for another one.
CREATE OR REPLACE FUNCTION cc_buy_refused(
    ctx jsonb, p_user bigint, p_product text, p_qty integer, p_status text, p_reason text, p_key text
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    -- A frame about nothing must not wait behind money for long; without the lock it could be out of order.
    PERFORM set_config('lock_timeout', '250ms', true);
    PERFORM cc_lock_wallet(p_user);
    PERFORM cc_emit(ctx, p_user, 'purchase_update', NULL, true, jsonb_strip_nulls(jsonb_build_object(
        'transaction_id', CASE WHEN p_status = 'IDEMPOTENCY_CONFLICT' THEN
            (SELECT convert_from(response_body, 'UTF8')::jsonb->>'transaction_id' FROM idempotency_keys
              WHERE user_id = p_user AND scope = 'buy' AND key = p_key) END,
        'status', p_status, 'product_id', p_product,
        'kind', coalesce((SELECT kind FROM products WHERE id = p_product), 'unknown'),
        'qty', p_qty, 'reason', p_reason)));
END $$;
""",
    "51_settle.sql": r"""
-- Give a buyer what a payment has paid for. `refused` says why it can't be given, and then nothing was changed.
-- The caller holds the wallet row.
CREATE OR REPLACE FUNCTION cc_deliver(
    ctx jsonb, tx shop_transactions, OUT refused text, OUT balance bigint, OUT seq bigint
) LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT gold FROM wallets WHERE user_id = tx.user_id) > 9223372036854775807 - tx.gold_amount THEN
        refused := 'wallet_full';
    ELSIF tx.kind = 'limited' THEN
        refused := nullif(cc_limited_capture(tx), '');
    ELSIF tx.kind = 'battle_pass' AND NOT cc_open_pass(tx.user_id, tx.product_id, tx.public_id) THEN
        refused := 'limit';
    END IF;
    IF refused IS NULL AND tx.gold_amount > 0 THEN
        SELECT p.balance, p.seq INTO balance, seq
          FROM cc_post(ctx, tx.user_id, tx.gold_amount, 'pay:gateway', 'gold_pack', 'shop_tx', tx.public_id::text) p;
    END IF;
END $$;

-- Give a transaction its new state and tell everybody. The caller has checked that it may change,
-- and holds the wallet row.
CREATE OR REPLACE FUNCTION cc_conclude(
    ctx jsonb, tx shop_transactions, p_status text, p_reason text, p_balance bigint, p_seq bigint
) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
    event uuid;
BEGIN
    UPDATE shop_transactions SET status = p_status, settled_at = now(), failure_reason = p_reason
     WHERE id = tx.id;
    IF p_status = 'FAILED' AND tx.kind = 'limited' THEN PERFORM cc_limited_fail(tx); END IF;
    event := cc_emit_purchase(ctx, tx, p_status, p_reason);
    IF p_status = 'SUCCESS' THEN
        IF p_seq IS NOT NULL THEN
            PERFORM cc_emit_reward(ctx, tx.user_id, 'gold_pack', tx.gold_amount, p_balance, p_seq);
        END IF;
        PERFORM cc_achieve(ctx, tx.user_id, 'purchases', 1);
        PERFORM cc_emit_profile(ctx, tx.user_id);
    END IF;
    RETURN event;
END $$;

-- Apply one payment event. Two once-guards: payment_events' primary key (the same event twice) and the
-- status under the wallet lock (another event for the same transaction). Answers:
-- processed | duplicate | unknown | ignored (nothing left to decide: FAILED after SUCCESS, a second SUCCESS)
-- | review (money arrived that we can't or must not turn into goods by ourselves; a person decides).
-- Lock order: payment event, wallet row, hold, stock, inserts.
CREATE OR REPLACE FUNCTION cc_settle(
    ctx jsonb, p_provider text, p_event text, p_type text, p_receipt text, p_amount bigint, p_payload jsonb,
    OUT outcome text, OUT flow text
) LANGUAGE plpgsql AS $$
DECLARE
    known payment_events;
    tx shop_transactions;
    given record;
    reason text;
    state text;
    own_ctx jsonb;
BEGIN
    INSERT INTO payment_events (provider, event_id, type, receipt, amount_cents, payload)
    VALUES (p_provider, p_event, p_type, p_receipt, p_amount, p_payload)
    ON CONFLICT ON CONSTRAINT pk_payment_events DO NOTHING;
    IF NOT FOUND THEN
        -- The first text of an event id is the one that counts, also while it waits for its purchase.
        SELECT * INTO known FROM payment_events e WHERE e.provider = p_provider AND e.event_id = p_event;
        IF known.processed_at IS NOT NULL
           OR (known.type, known.receipt, known.amount_cents) IS DISTINCT FROM (p_type, p_receipt, p_amount) THEN
            outcome := 'duplicate';
            RETURN;
        END IF;
    END IF;
    SELECT * INTO tx FROM shop_transactions t WHERE t.provider = p_provider AND t.receipt = p_receipt;
    IF NOT FOUND THEN
        outcome := 'unknown';  -- kept unprocessed: the purchase may not have committed yet
        RETURN;
    END IF;
    flow := tx.kind;
    PERFORM cc_lock_wallet(tx.user_id);
    -- Two deliveries of a kept event both come this far; the lock made the second wait for the first.
    IF EXISTS (SELECT 1 FROM payment_events e WHERE e.provider = p_provider AND e.event_id = p_event
                  AND e.processed_at IS NOT NULL) THEN
        outcome := 'duplicate';
        RETURN;
    END IF;
    SELECT * INTO tx FROM shop_transactions t WHERE t.id = tx.id;  -- as it is now that nobody else may move
    -- Everything a payment causes is part of the buyer's trace, whoever delivers the news.
    own_ctx := ctx || jsonb_build_object('trace_id', tx.trace_id);
    outcome := 'ignored';
    IF p_type <> 'payment.succeeded' THEN
        IF tx.status = 'PENDING' THEN outcome := 'processed'; state := 'FAILED'; reason := 'declined'; END IF;
    ELSIF tx.status IN ('PENDING', 'FAILED') THEN
        reason := CASE WHEN p_amount IS DISTINCT FROM tx.amount_cents THEN 'amount_mismatch'
                       WHEN tx.status = 'FAILED' THEN 'paid_after_failure' END;
        IF reason IS NULL THEN
            given := cc_deliver(own_ctx, tx);
            reason := given.refused;
        END IF;
        outcome := CASE WHEN reason IS NULL THEN 'processed' ELSE 'review' END;
        state := CASE WHEN reason IS NULL THEN 'SUCCESS' ELSE 'REVIEW' END;
    END IF;
    IF state = 'SUCCESS' THEN
        PERFORM cc_conclude(own_ctx, tx, state, NULL, given.balance, given.seq);
    ELSIF state IS NOT NULL THEN
        PERFORM cc_conclude(own_ctx, tx, state, reason, NULL, NULL);
    END IF;
    UPDATE payment_events e SET processed_at = now(), outcome = cc_settle.outcome
     WHERE e.provider = p_provider AND e.event_id = p_event;
END $$;

-- A person's decision about a payment that is open (PENDING or REVIEW). Approving needs the exact price.
-- Lock order: wallet row, hold, stock, inserts, audit chain.
CREATE OR REPLACE FUNCTION cc_settle_by_hand(
    ctx jsonb, p_actor bigint, p_tx uuid, p_amount bigint, p_approve boolean, p_reason text
) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    tx shop_transactions;
    given record;
    state text := CASE WHEN p_approve THEN 'SUCCESS' ELSE 'FAILED' END;
    event uuid;
    balance bigint;
BEGIN
    SELECT * INTO tx FROM shop_transactions WHERE public_id = p_tx;
    IF NOT FOUND THEN PERFORM cc_fail('NOT_FOUND'); END IF;
    PERFORM cc_lock_wallet(tx.user_id);
    SELECT * INTO tx FROM shop_transactions WHERE id = tx.id;
    IF tx.status NOT IN ('PENDING', 'REVIEW') THEN PERFORM cc_fail('ALREADY_FINAL'); END IF;
    IF p_approve THEN
        IF p_amount <> tx.amount_cents THEN PERFORM cc_fail('AMOUNT_MISMATCH'); END IF;
        given := cc_deliver(ctx, tx);
        IF given.refused IS NOT NULL THEN
            PERFORM cc_fail(CASE given.refused WHEN 'wallet_full' THEN 'AMOUNT_OUT_OF_RANGE'
                            WHEN 'limit' THEN 'LIMIT_REACHED' ELSE 'SOLD_OUT' END);
        END IF;
        balance := given.balance;
        event := cc_conclude(ctx, tx, state, NULL, given.balance, given.seq);
    ELSE
        event := cc_conclude(ctx, tx, state, 'declined', NULL, NULL);
    END IF;
    PERFORM cc_audit(ctx, p_actor, 'payment.settle', 'shop_tx:' || p_tx,
        jsonb_build_object('status', tx.status, 'failure_reason', tx.failure_reason),
        jsonb_build_object('status', state, 'amount_cents', p_amount), p_reason);
    RETURN jsonb_strip_nulls(jsonb_build_object('transaction_id', p_tx, 'status', state, 'kind', tx.kind,
        'balance_after', balance, 'event_id', event));
END $$;
""",
    "52_refund.sql": r"""
-- Refund: new ledger rows that cancel the old ones, never an edit. A gold pack takes its gold back (402 when it
-- is spent), what was bought for gold gives its price back, a pass is closed unless its premium rewards were
-- taken, a limited unit goes back on the shelf. Money paid outside is returned by the provider, not here.
-- Lock order: idempotency row (the administrator's), wallet row, hold, stock, inserts, audit chain.
CREATE OR REPLACE FUNCTION cc_refund(
    ctx jsonb, p_actor bigint, p_tx uuid, p_reason text, p_key text, p_hash bytea,
    OUT status integer, OUT body bytea, OUT replayed boolean
) LANGUAGE plpgsql AS $$
DECLARE
    tx shop_transactions;
    sale gold_ledger;
    post record;
    balance bigint;
    event uuid;
BEGIN
    SELECT * INTO status, body, replayed FROM cc_replay(p_actor, 'refund', p_key, p_hash);
    IF replayed THEN RETURN; END IF;
    SELECT * INTO tx FROM shop_transactions WHERE public_id = p_tx;
    IF NOT FOUND THEN PERFORM cc_fail('NOT_FOUND'); END IF;
    PERFORM cc_lock_wallet(tx.user_id);
    -- As it is now that nobody else may move: a late payment gives its purchase another hold.
    UPDATE shop_transactions t SET status = 'REFUNDED', refunded_at = now(), failure_reason = 'refunded'
     WHERE t.id = tx.id AND t.status = 'SUCCESS' RETURNING t.* INTO tx;
    IF NOT FOUND THEN PERFORM cc_fail('NOT_REFUNDABLE'); END IF;
    IF tx.kind = 'battle_pass' THEN PERFORM cc_close_pass(tx); END IF;
    IF tx.kind = 'limited' THEN PERFORM cc_limited_return(tx); END IF;
    SELECT * INTO sale FROM gold_ledger l
     WHERE l.user_id = tx.user_id AND l.ref_type = 'shop_tx' AND l.ref_id = p_tx::text;
    event := gen_random_uuid();
    IF sale.id IS NOT NULL THEN
        post := cc_post(ctx, tx.user_id, -sale.delta, sale.counter_account, 'refund', 'shop_tx', p_tx::text);
        balance := post.balance;
    END IF;
    PERFORM cc_emit_purchase(ctx, tx, 'REFUNDED', 'refunded', event);
    IF sale.delta < 0 THEN
        PERFORM cc_emit_reward(ctx, tx.user_id, 'refund', -sale.delta, post.balance, post.seq);
    END IF;
    PERFORM cc_emit_profile(ctx, tx.user_id);
    PERFORM cc_audit(ctx, p_actor, 'payment.refund', 'shop_tx:' || p_tx, jsonb_build_object('status', 'SUCCESS'),
        jsonb_build_object('status', 'REFUNDED', 'gold', -sale.delta), p_reason);
    status := 200;
    body := cc_answer(p_actor, 'refund', p_key, status, jsonb_strip_nulls(jsonb_build_object(
        'transaction_id', p_tx, 'status', 'REFUNDED', 'kind', tx.kind, 'gold', -sale.delta,
        'balance_after', balance, 'event_id', event)));
END $$;

-- Close the pass that a purchase opened. Rewards of the premium track that were taken can't be given back.
CREATE OR REPLACE FUNCTION cc_close_pass(tx shop_transactions) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    pass_season text;
BEGIN
    DELETE FROM battle_pass_owners o WHERE o.user_id = tx.user_id AND o.shop_tx_id = tx.public_id
    RETURNING o.season INTO pass_season;
    IF EXISTS (SELECT 1 FROM battle_pass_claims c
                WHERE c.user_id = tx.user_id AND c.season = pass_season AND c.track = 'premium') THEN
        PERFORM cc_fail('NOT_REFUNDABLE');
    END IF;
END $$;

-- Put what a refunded purchase had captured back on the shelf, for everybody and for this buyer's limit.
CREATE OR REPLACE FUNCTION cc_limited_return(tx shop_transactions) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    hold limited_holds;
BEGIN
    UPDATE limited_holds h SET status = 'RELEASED', ended_at = now()
     WHERE h.id = tx.hold_id AND h.status = 'CAPTURED' RETURNING * INTO hold;
    IF NOT FOUND THEN PERFORM cc_fail('NOT_REFUNDABLE'); END IF;
    UPDATE limited_user_counts SET bought = bought - hold.qty
     WHERE package_id = hold.package_id AND user_id = hold.user_id;
    PERFORM cc_limited_stock(hold.package_id, 0, -hold.qty);
END $$;

-- Change a product. Purchases keep what they were promised; the unit a product is priced in never changes.
CREATE OR REPLACE FUNCTION cc_product_change(
    ctx jsonb, p_actor bigint, p_product text, p_price bigint, p_gold_amount bigint, p_active boolean,
    p_reason text
) RETURNS products LANGUAGE plpgsql AS $$
DECLARE
    was products;
    item products;
BEGIN
    SELECT * INTO was FROM products WHERE id = p_product FOR NO KEY UPDATE;
    IF NOT FOUND THEN PERFORM cc_fail('NOT_FOUND'); END IF;
    UPDATE products
       SET price_gold = CASE WHEN price_gold IS NOT NULL THEN coalesce(p_price, price_gold) END,
           price_cents = CASE WHEN price_cents IS NOT NULL THEN coalesce(p_price, price_cents) END,
           gold_amount = coalesce(p_gold_amount, gold_amount), active = coalesce(p_active, active)
     WHERE id = p_product RETURNING * INTO item;
    PERFORM cc_audit(ctx, p_actor, 'product.change', 'product:' || p_product,
        jsonb_build_object('price', coalesce(was.price_gold, was.price_cents), 'gold_amount', was.gold_amount,
                           'active', was.active),
        jsonb_build_object('price', coalesce(item.price_gold, item.price_cents), 'gold_amount', item.gold_amount,
                           'active', item.active), p_reason);
    RETURN item;
END $$;
""",
    "53_limited.sql": r"""
-- Limited packages. A hold reserves stock until it expires; the transition of its status is the single gate.
-- Lock order: idempotency row, wallet row, hold, count of the user, stock row (every buyer's, so it is last).
-- The sweeper takes no wallet: hold, count, stock. Expiry is decided by the database's clock.

-- Move the two stock numbers; NULL = there is not enough, and nothing has moved.
CREATE OR REPLACE FUNCTION cc_limited_stock(p_package text, p_reserved integer, p_sold integer)
RETURNS integer LANGUAGE sql VOLATILE AS $$
    UPDATE limited_packages
       SET stock_reserved = stock_reserved + p_reserved, stock_sold = stock_sold + p_sold
     WHERE id = p_package AND stock_reserved + stock_sold + p_reserved + p_sold <= stock_total
    RETURNING stock_total - stock_reserved - stock_sold;
$$;

-- Count what one person holds or has bought; false = that would be over the limit.
CREATE OR REPLACE FUNCTION cc_limited_count(p_package text, p_user bigint, p_qty integer, p_limit integer)
RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO limited_user_counts AS c (package_id, user_id, bought)
    SELECT p_package, p_user, p_qty WHERE p_qty <= p_limit
    ON CONFLICT (package_id, user_id) DO UPDATE SET bought = c.bought + p_qty
     WHERE c.bought + p_qty <= p_limit;
    RETURN FOUND;
END $$;

-- End a hold that did not become a purchase and give back what it took; false = it had ended before.
CREATE OR REPLACE FUNCTION cc_limited_end(p_hold uuid, p_status text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    gone limited_holds;
BEGIN
    UPDATE limited_holds SET status = p_status, ended_at = now()
     WHERE id = p_hold AND status = 'HELD' RETURNING * INTO gone;
    IF NOT FOUND THEN RETURN false; END IF;
    UPDATE limited_user_counts SET bought = bought - gone.qty
     WHERE package_id = gone.package_id AND user_id = gone.user_id;
    PERFORM cc_limited_stock(gone.package_id, -gone.qty, 0);
    RETURN true;
END $$;

-- Return the user's live hold, locked. One that has expired is ended here: nobody waits for the sweeper.
-- A hold asked for by its id must be live: HOLD_EXPIRED tells the buyer that the promise is gone.
CREATE OR REPLACE FUNCTION cc_limited_live(p_user bigint, p_package text, p_named uuid)
RETURNS limited_holds LANGUAGE plpgsql AS $$
DECLARE
    hold limited_holds;
BEGIN
    IF p_named IS NULL THEN
        SELECT * INTO hold FROM limited_holds h
         WHERE h.package_id = p_package AND h.user_id = p_user AND h.status = 'HELD' FOR NO KEY UPDATE;
        IF hold.expires_at > now() THEN RETURN hold; END IF;
        IF hold.id IS NOT NULL THEN PERFORM cc_limited_end(hold.id, 'EXPIRED'); END IF;
        RETURN NULL;
    END IF;
    SELECT * INTO hold FROM limited_holds h
     WHERE h.id = p_named AND h.package_id = p_package AND h.user_id = p_user FOR NO KEY UPDATE;
    IF NOT FOUND THEN PERFORM cc_fail('NOT_FOUND'); END IF;
    IF hold.status <> 'HELD' OR hold.expires_at <= now() THEN PERFORM cc_fail('HOLD_EXPIRED'); END IF;
    RETURN hold;
END $$;

-- Refuse whom and when it is not for sale. A live hold is a promise: it outlives the end of the sale.
CREATE OR REPLACE FUNCTION cc_limited_admit(
    p_user bigint, pack limited_packages, item products, p_promised boolean
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    buyer record;
    ranks constant text[] := ARRAY['STANDARD', 'PREMIUM', 'VIP', 'ADMIN'];
BEGIN
    IF pack.id IS NULL THEN PERFORM cc_fail('NOT_FOUND'); END IF;
    SELECT rank, age_verified_at INTO buyer FROM users WHERE id = p_user;
    IF array_position(ranks, buyer.rank) < array_position(ranks, item.min_rank) THEN
        PERFORM cc_fail('RANK_REQUIRED');
    END IF;
    IF item.adult_only AND buyer.age_verified_at IS NULL THEN PERFORM cc_fail('AGE_VERIFICATION_REQUIRED'); END IF;
    IF p_promised THEN RETURN; END IF;
    IF greatest(pack.starts_at, item.starts_at) > now() THEN PERFORM cc_fail('NOT_STARTED'); END IF;
    IF NOT item.active OR least(pack.ends_at, item.ends_at) <= now() THEN PERFORM cc_fail('ENDED'); END IF;
    -- Only spares a refused crowd the work; the guarded UPDATE at the end decides.
    IF pack.stock_reserved + pack.stock_sold >= pack.stock_total THEN PERFORM cc_fail('SOLD_OUT'); END IF;
END $$;

-- Hold one for p_hold_s seconds, or as long as the package says.
CREATE OR REPLACE FUNCTION cc_limited_hold(
    p_user bigint, p_package text, p_hold uuid, p_hold_s integer, OUT expires_at timestamptz, OUT stock_left integer
) LANGUAGE plpgsql AS $$
DECLARE
    live limited_holds;
    pack limited_packages;
    item products;
BEGIN
    PERFORM cc_lock_own(p_user);
    live := cc_limited_live(p_user, p_package, NULL);
    IF live.id IS NOT NULL THEN PERFORM cc_fail('ALREADY_HELD'); END IF;
    SELECT * INTO pack FROM limited_packages WHERE id = p_package;
    SELECT * INTO item FROM products WHERE id = pack.product_id;
    PERFORM cc_limited_admit(p_user, pack, item, false);
    expires_at := now() + make_interval(secs => coalesce(pack.hold_s, p_hold_s));
    INSERT INTO limited_holds (id, package_id, user_id, status, expires_at)
    VALUES (p_hold, pack.id, p_user, 'HELD', cc_limited_hold.expires_at);
    IF NOT cc_limited_count(pack.id, p_user, 1, pack.per_user_limit) THEN PERFORM cc_fail('LIMIT_REACHED'); END IF;
    stock_left := cc_limited_stock(pack.id, 1, 0);
    IF stock_left IS NULL THEN PERFORM cc_fail('SOLD_OUT'); END IF;
END $$;

-- Give the user's hold back; false = there was none, which is what the caller wants too.
CREATE OR REPLACE FUNCTION cc_limited_release(p_user bigint, p_package text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    live limited_holds;
BEGIN
    PERFORM cc_lock_wallet(p_user);
    IF NOT EXISTS (SELECT 1 FROM limited_packages WHERE id = p_package) THEN PERFORM cc_fail('NOT_FOUND'); END IF;
    live := cc_limited_live(p_user, p_package, NULL);
    RETURN live.id IS NOT NULL AND cc_limited_end(live.id, 'RELEASED');
END $$;

-- Buy one. With a live hold the hold is used, without one stock is taken at once. A price in gold is paid here
-- and captures (200 SUCCESS); a price in cents waits for the provider while it is held (202 PENDING), and the
-- hold gets its whole time again. p_named: the hold the buyer insists on. p_hold: the id of a hold made here.
CREATE OR REPLACE FUNCTION cc_limited_buy(
    ctx jsonb, p_user bigint, p_package text, p_named uuid, p_hold uuid, p_hold_s integer, p_tx uuid,
    p_provider text, p_receipt text, p_key text, p_hash bytea,
    OUT status integer, OUT body bytea, OUT replayed boolean, OUT stock_left integer
) LANGUAGE plpgsql AS $$
DECLARE
    live limited_holds;
    pack limited_packages;
    item products;
    tx shop_transactions;
    until timestamptz;
    paid boolean;  -- now, in gold
    balance bigint;
    event uuid := gen_random_uuid();
BEGIN
    SELECT r.status, r.body, r.replayed INTO status, body, replayed
      FROM cc_replay(p_user, 'limited', p_key, p_hash) r;
    IF replayed THEN RETURN; END IF;
    PERFORM cc_lock_own(p_user);
    live := cc_limited_live(p_user, p_package, p_named);
    SELECT * INTO pack FROM limited_packages WHERE id = p_package;
    SELECT * INTO item FROM products WHERE id = pack.product_id;
    PERFORM cc_limited_admit(p_user, pack, item, live.id IS NOT NULL);
    IF live.shop_tx_id IS NOT NULL THEN PERFORM cc_fail('ALREADY_HELD'); END IF;  -- its payment is on its way
    paid := item.price_gold IS NOT NULL;
    until := now() + make_interval(secs => coalesce(pack.hold_s, p_hold_s));
    IF live.id IS NULL THEN
        INSERT INTO limited_holds (id, package_id, user_id, status, expires_at, ended_at, shop_tx_id)
        VALUES (p_hold, pack.id, p_user, CASE WHEN paid THEN 'CAPTURED' ELSE 'HELD' END, until,
                CASE WHEN paid THEN now() END, p_tx);
        IF NOT cc_limited_count(pack.id, p_user, 1, pack.per_user_limit) THEN
            PERFORM cc_fail('LIMIT_REACHED');
        END IF;
    ELSE
        UPDATE limited_holds h
           SET status = CASE WHEN paid THEN 'CAPTURED' ELSE 'HELD' END, shop_tx_id = p_tx,
               ended_at = CASE WHEN paid THEN now() END,
               expires_at = CASE WHEN paid THEN h.expires_at ELSE greatest(h.expires_at, until) END
         WHERE h.id = live.id AND h.status = 'HELD' AND h.expires_at > now() RETURNING h.expires_at INTO until;
        IF NOT FOUND THEN PERFORM cc_fail('HOLD_EXPIRED'); END IF;
    END IF;
    INSERT INTO shop_transactions (public_id, user_id, product_id, qty, kind, unit_price, status, idempotency_key,
        provider, receipt, amount_cents, gold_amount, hold_id, trace_id, request_id, settled_at)
    VALUES (p_tx, p_user, item.id, 1, 'limited', coalesce(item.price_gold, item.price_cents),
        CASE WHEN paid THEN 'SUCCESS' ELSE 'PENDING' END, p_key, CASE WHEN NOT paid THEN p_provider END,
        CASE WHEN NOT paid THEN p_receipt END, item.price_cents, CASE WHEN paid THEN 0 ELSE item.gold_amount END,
        coalesce(live.id, p_hold), ctx->>'trace_id', ctx->>'request_id', CASE WHEN paid THEN now() END)
    RETURNING * INTO tx;
    IF paid THEN
        SELECT p.balance INTO balance
          FROM cc_post(ctx, p_user, -item.price_gold, 'sink:shop', 'purchase', 'shop_tx', p_tx::text) p;
    END IF;
    PERFORM cc_emit_purchase(ctx, tx, tx.status, NULL, event);
    IF paid THEN
        PERFORM cc_achieve(ctx, p_user, 'purchases', 1);
        PERFORM cc_emit_profile(ctx, p_user);
    END IF;
    status := CASE WHEN paid THEN 200 ELSE 202 END;
    body := cc_answer(p_user, 'limited', p_key, status, jsonb_strip_nulls(jsonb_build_object(
        'success', paid, 'transaction_id', p_tx, 'status', tx.status,
        'package_id', pack.id, 'product_id', item.id, 'kind', 'limited', 'qty', 1,
        'hold_id', tx.hold_id, 'expires_at', CASE WHEN NOT paid THEN until END,
        'receipt', tx.receipt, 'balance_after', balance, 'event_id', event)));
    stock_left := cc_limited_stock(pack.id, paid::int * -(live.id IS NOT NULL)::int
        + (NOT paid AND live.id IS NULL)::int, paid::int);
    IF stock_left IS NULL THEN PERFORM cc_fail('SOLD_OUT'); END IF;
END $$;

-- A payment has arrived: its purchase becomes real. '' = it did; else why not (the money waits for a person).
-- The caller holds the wallet row, and its transition from PENDING makes this once.
CREATE OR REPLACE FUNCTION cc_limited_capture(tx shop_transactions) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    hold limited_holds;
BEGIN
    SELECT * INTO hold FROM limited_holds h WHERE h.id = tx.hold_id FOR NO KEY UPDATE;
    IF hold.status = 'HELD' AND hold.expires_at > now() THEN
        UPDATE limited_holds h SET status = 'CAPTURED', ended_at = now() WHERE h.id = hold.id;
        PERFORM cc_limited_stock(hold.package_id, -hold.qty, hold.qty);
        RETURN '';
    END IF;
    -- The sweeper has not been here yet: what it would give back is what the late payment takes.
    PERFORM cc_limited_end(hold.id, 'EXPIRED');
    RETURN cc_limited_late(tx, hold);
END $$;

-- The hold is gone: take a new one from the stock, in the transaction of the payment.
CREATE OR REPLACE FUNCTION cc_limited_late(tx shop_transactions, hold limited_holds)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    most integer;
    fresh uuid := gen_random_uuid();
BEGIN
    SELECT per_user_limit INTO STRICT most FROM limited_packages WHERE id = hold.package_id;
    IF NOT cc_limited_count(hold.package_id, tx.user_id, hold.qty, most) THEN RETURN 'limit'; END IF;
    IF cc_limited_stock(hold.package_id, 0, hold.qty) IS NULL THEN
        UPDATE limited_user_counts SET bought = bought - hold.qty
         WHERE package_id = hold.package_id AND user_id = tx.user_id;
        RETURN 'sold_out';
    END IF;
    INSERT INTO limited_holds (id, package_id, user_id, qty, status, expires_at, ended_at, shop_tx_id)
    VALUES (fresh, hold.package_id, tx.user_id, hold.qty, 'CAPTURED', now(), now(), tx.public_id);
    UPDATE shop_transactions t SET hold_id = fresh WHERE t.id = tx.id;
    RETURN '';
END $$;

-- The payment was declined: what it waited for goes back on sale. The caller holds the wallet row.
CREATE OR REPLACE FUNCTION cc_limited_fail(tx shop_transactions) RETURNS void LANGUAGE sql VOLATILE AS $$
    SELECT cc_limited_end(tx.hold_id, 'RELEASED');
$$;

-- The sweeper: end what has expired, in batches, and give each package its stock back at once.
-- Rows that somebody is capturing are skipped: whoever changes the status first has won.
CREATE OR REPLACE FUNCTION cc_limited_expire(p_limit integer)
RETURNS TABLE (hold_id uuid, shop_tx_id uuid) LANGUAGE plpgsql AS $$
DECLARE
    ids uuid[];
BEGIN
    WITH gone AS (
        UPDATE limited_holds h SET status = 'EXPIRED', ended_at = now()
         WHERE h.id IN (SELECT x.id FROM limited_holds x WHERE x.status = 'HELD' AND x.expires_at <= now()
                         ORDER BY x.id FOR NO KEY UPDATE SKIP LOCKED LIMIT p_limit)
        RETURNING h.id)
    SELECT array_agg(gone.id) INTO ids FROM gone;
    IF ids IS NULL THEN RETURN; END IF;
    UPDATE limited_user_counts c SET bought = c.bought - h.qty
      FROM limited_holds h
     WHERE h.id = ANY(ids) AND c.package_id = h.package_id AND c.user_id = h.user_id;
    PERFORM cc_limited_stock(s.package_id, -s.qty, 0)
       FROM (SELECT h.package_id, sum(h.qty)::integer AS qty FROM limited_holds h WHERE h.id = ANY(ids)
              GROUP BY h.package_id ORDER BY h.package_id) s;
    RETURN QUERY SELECT h.id, h.shop_tx_id FROM limited_holds h WHERE h.id = ANY(ids);
END $$;

-- Tell a buyer whose payment is still on its way that the hold ran out. The purchase stays PENDING: a late
-- payment may still find stock. In a transaction of its own: events need the wallet row, which comes before holds.
CREATE OR REPLACE FUNCTION cc_limited_lapsed(ctx jsonb, p_tx uuid) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    tx shop_transactions;
BEGIN
    SELECT * INTO tx FROM shop_transactions WHERE public_id = p_tx;
    IF NOT FOUND THEN RETURN false; END IF;
    PERFORM cc_lock_wallet(tx.user_id);
    SELECT * INTO tx FROM shop_transactions WHERE public_id = p_tx;
    IF tx.status <> 'PENDING' THEN RETURN false; END IF;
    PERFORM cc_emit_purchase(ctx || jsonb_build_object('trace_id', tx.trace_id), tx, 'PENDING', 'hold_expired');
    RETURN true;
END $$;

-- Tell a buyer's sockets that a purchase was refused, as cc_buy_refused does for the shop.
CREATE OR REPLACE FUNCTION cc_limited_refused(
    ctx jsonb, p_user bigint, p_package text, p_status text, p_reason text, p_key text
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    product text := (SELECT product_id FROM limited_packages WHERE id = p_package);
BEGIN
    -- A frame about nothing must not wait behind money for long; without the lock it could be out of order.
    PERFORM set_config('lock_timeout', '250ms', true);
    PERFORM cc_lock_wallet(p_user);
    PERFORM cc_emit(ctx, p_user, 'purchase_update', NULL, true, jsonb_strip_nulls(jsonb_build_object(
        'transaction_id', CASE WHEN p_status = 'IDEMPOTENCY_CONFLICT' THEN
            (SELECT convert_from(response_body, 'UTF8')::jsonb->>'transaction_id' FROM idempotency_keys
              WHERE user_id = p_user AND scope = 'limited' AND key = p_key) END,
        'status', p_status, 'product_id', coalesce(product, p_package),
        'kind', CASE WHEN product IS NULL THEN 'unknown' ELSE 'limited' END, 'qty', 1, 'reason', p_reason)));
END $$;
""",
    "54_promo.sql": r"""
-- Redeem a promo code: once a user (primary key), as often as the code allows (guarded count).
-- Lock order: idempotency row, wallet row, the user's redemption, the code's row (everybody's, so it is last).
CREATE OR REPLACE FUNCTION cc_promo_redeem(
    ctx jsonb, p_user bigint, p_code text, p_key text, p_hash bytea,
    OUT status integer, OUT body bytea, OUT replayed boolean
) LANGUAGE plpgsql AS $$
DECLARE
    promo promo_codes;
    post record;
    event uuid;
BEGIN
    SELECT r.status, r.body, r.replayed INTO status, body, replayed
      FROM cc_replay(p_user, 'promo', p_key, p_hash) r;
    IF replayed THEN RETURN; END IF;
    PERFORM cc_lock_own(p_user);
    SELECT * INTO promo FROM promo_codes WHERE code = p_code;
    IF NOT FOUND THEN PERFORM cc_fail('PROMO_UNKNOWN'); END IF;
    -- The wallet is ours, so its next version is the number of the ledger row below.
    INSERT INTO promo_redemptions (code, user_id, gold, ledger_seq)
    SELECT promo.code, p_user, promo.gold, w.version + 1 FROM wallets w WHERE w.user_id = p_user
    ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN PERFORM cc_fail('PROMO_USED'); END IF;
    IF promo.starts_at > now() OR promo.expires_at <= now() THEN PERFORM cc_fail('PROMO_EXPIRED'); END IF;
    -- Only spares a refused crowd the work; the guarded UPDATE at the end decides.
    IF promo.used_count >= promo.max_uses THEN PERFORM cc_fail('PROMO_EXHAUSTED'); END IF;
    post := cc_post(ctx, p_user, promo.gold, 'mint:promo', 'promo', 'promo', promo.code);
    event := cc_emit_reward(ctx, p_user, 'promo', promo.gold, post.balance, post.seq);
    PERFORM cc_emit_profile(ctx, p_user);
    status := 200;
    body := cc_answer(p_user, 'promo', p_key, status, jsonb_build_object('redeemed', true, 'code', promo.code,
        'reward', promo.gold, 'balance_after', post.balance, 'event_id', event));
    UPDATE promo_codes SET used_count = used_count + 1
     WHERE code = promo.code AND (max_uses IS NULL OR used_count < max_uses);
    IF NOT FOUND THEN PERFORM cc_fail('PROMO_EXHAUSTED'); END IF;
END $$;
""",
    "60_events.sql": r"""
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
""",
    "61_achievement_claim.sql": r"""
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
""",
    "62_battlepass_claim.sql": r"""
-- Claim one level of the running season. pk_battle_pass_claims: once a season, track and level.
-- p_gold: {season or 'default': {free: [gold of level 1, 2, ...], premium: [...]}}. The season is the one that
-- started last; after its end nothing is claimed. Lock order: idempotency row, wallet row (level and ownership
-- change only under it).
CREATE OR REPLACE FUNCTION cc_battlepass_claim(
    ctx jsonb, p_user bigint, p_level integer, p_track text, p_gold jsonb, p_key text, p_hash bytea,
    OUT status integer, OUT body bytea, OUT replayed boolean
) LANGUAGE plpgsql AS $$
DECLARE
    season battle_pass_seasons;
    mine record;
    gold bigint;
    post record;
BEGIN
    SELECT * INTO status, body, replayed FROM cc_replay(p_user, 'battlepass', p_key, p_hash);
    IF replayed THEN RETURN; END IF;
    PERFORM cc_lock_own(p_user);
    SELECT * INTO season FROM battle_pass_seasons s WHERE s.starts_at <= clock_timestamp()
     ORDER BY s.starts_at DESC, s.id DESC LIMIT 1;
    IF NOT FOUND THEN PERFORM cc_fail('NOT_FOUND'); END IF;
    IF season.ends_at <= clock_timestamp() THEN PERFORM cc_fail('ENDED'); END IF;
    gold := coalesce(p_gold->season.id, p_gold->'default')->p_track->>(p_level - 1);
    IF gold IS NULL THEN PERFORM cc_fail('NOT_FOUND'); END IF;
    IF p_track = 'premium' AND NOT EXISTS (
        SELECT 1 FROM battle_pass_owners o WHERE o.season = season.id AND o.user_id = p_user
    ) THEN
        PERFORM cc_fail('PREMIUM_REQUIRED');
    END IF;
    SELECT u.level, u.exp INTO mine FROM users u WHERE u.id = p_user;
    IF mine.level < p_level THEN PERFORM cc_fail('LEVEL_LOCKED'); END IF;
    IF EXISTS (SELECT 1 FROM battle_pass_claims c WHERE c.season = season.id AND c.user_id = p_user
                  AND c.track = p_track AND c.level = p_level) THEN
        PERFORM cc_fail('ALREADY_CLAIMED');
    END IF;
    post := cc_grant(ctx, p_user, gold, 'battle_pass', 'battle_pass', season.id || ':' || p_track || ':' || p_level);
    -- The primary key is the second net under the EXISTS above.
    INSERT INTO battle_pass_claims (season, user_id, track, level, reward_gold, ledger_seq)
    VALUES (season.id, p_user, p_track, p_level, gold, post.seq);
    PERFORM cc_emit_profile(ctx, p_user);
    status := 200;
    body := cc_answer(p_user, 'battlepass', p_key, status, jsonb_build_object(
        'claimed', true, 'season', season.id, 'track', p_track, 'level', p_level, 'reward', gold,
        'balance_after', post.balance, 'event_id', post.event_id));
END $$;
""",
    "63_reward_grant.sql": r"""
-- An administrator grants gold under a reference: uq_reward_grants_user_id_ref makes it once a user. The audit row
-- is part of the same transaction. Lock order: idempotency row (the administrator's), wallet row (the user's), audit chain.
CREATE OR REPLACE FUNCTION cc_reward_grant(
    ctx jsonb, p_admin bigint, p_user bigint, p_ref text, p_gold bigint, p_reason text, p_key text, p_hash bytea,
    OUT status integer, OUT body bytea, OUT replayed boolean
) LANGUAGE plpgsql AS $$
DECLARE
    post record;
    grant_id bigint;
BEGIN
    SELECT * INTO status, body, replayed FROM cc_replay(p_admin, 'grant', p_key, p_hash);
    IF replayed THEN RETURN; END IF;
    PERFORM cc_require_admin(p_admin);
    PERFORM cc_lock_wallet(p_user);
    IF EXISTS (SELECT 1 FROM reward_grants g WHERE g.user_id = p_user AND g.ref = p_ref) THEN
        PERFORM cc_fail('DUPLICATE_REF');
    END IF;
    post := cc_grant(ctx, p_user, p_gold, 'grant', 'grant', p_ref);
    INSERT INTO reward_grants (user_id, ref, gold, reason, granted_by, ledger_seq)
    VALUES (p_user, p_ref, p_gold, p_reason, p_admin, post.seq)
    RETURNING id INTO grant_id;
    PERFORM cc_emit_profile(ctx, p_user);
    PERFORM cc_audit(ctx, p_admin, 'reward_grant', 'user:' || p_user,
        jsonb_build_object('gold', post.balance - p_gold, 'version', post.seq - 1),
        jsonb_build_object('gold', post.balance, 'version', post.seq, 'grant_id', grant_id, 'ref', p_ref), p_reason);
    status := 201;
    body := cc_answer(p_admin, 'grant', p_key, status, jsonb_build_object(
        'grant_id', grant_id, 'user_id', p_user, 'ref', p_ref, 'gold', p_gold, 'balance_after', post.balance,
        'ledger_seq', post.seq, 'event_id', post.event_id));
END $$;
""",
    "90_append_only.sql": r"""
-- The ledger and the audit chain are append-only: corrections are new rows.
CREATE OR REPLACE FUNCTION cc_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
END $$;

CREATE OR REPLACE TRIGGER gold_ledger_append_only BEFORE UPDATE OR DELETE ON gold_ledger
    FOR EACH ROW EXECUTE FUNCTION cc_refuse_change();

CREATE OR REPLACE TRIGGER audit_log_append_only BEFORE UPDATE OR DELETE ON audit_log
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
    # ccops: allow=ALEMBIC_SQL_COMPUTED reason=it drops functions named cc_ that the next lines make again
    connection.exec_driver_sql(_DROP)
    for text in functions.values():
        connection.exec_driver_sql(text.replace("%", "%%"))  # the driver looks for placeholders
