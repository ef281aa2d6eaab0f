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
