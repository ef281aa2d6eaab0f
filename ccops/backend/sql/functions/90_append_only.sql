-- The ledger and the audit chain are append-only: corrections are new rows.
CREATE OR REPLACE FUNCTION cc_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
END $$;

CREATE OR REPLACE TRIGGER gold_ledger_append_only BEFORE UPDATE OR DELETE ON gold_ledger
    FOR EACH ROW EXECUTE FUNCTION cc_refuse_change();

CREATE OR REPLACE TRIGGER audit_log_append_only BEFORE UPDATE OR DELETE ON audit_log
    FOR EACH ROW EXECUTE FUNCTION cc_refuse_change();
