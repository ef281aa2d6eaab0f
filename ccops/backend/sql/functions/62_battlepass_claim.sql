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
