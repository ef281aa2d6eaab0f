-- Refuse with a declared error code; the transaction rolls back, so a retry may succeed later.
CREATE OR REPLACE FUNCTION cc_fail(p_code text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'CC001', MESSAGE = p_code;
END $$;
