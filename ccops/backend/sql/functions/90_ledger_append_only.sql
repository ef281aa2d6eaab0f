-- The ledger is append-only: corrections are new rows.
CREATE OR REPLACE FUNCTION cc_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'gold_ledger is append-only';
END $$;

CREATE OR REPLACE TRIGGER gold_ledger_append_only BEFORE UPDATE OR DELETE ON gold_ledger
    FOR EACH ROW EXECUTE FUNCTION cc_refuse_change();
