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
