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
