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
