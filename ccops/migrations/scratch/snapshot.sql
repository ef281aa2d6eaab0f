-- What exists, one row an object: (kind, name, definition). alembic_version is not part of a schema.
WITH ns AS (SELECT oid, nspname FROM pg_namespace
            WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'),
     rel AS (SELECT c.*, ns.nspname, concat(ns.nspname, '.', c.relname) AS full_name
             FROM pg_class c JOIN ns ON ns.oid = c.relnamespace
             WHERE c.relname NOT IN ('alembic_version', 'alembic_version_pkc'))
SELECT 'schema', nspname::text, '' FROM ns
UNION ALL SELECT 'relation', full_name,
       concat_ws(' ', relkind, relpersistence, array_to_string(reloptions, ','), relrowsecurity)
  FROM rel WHERE relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
UNION ALL SELECT 'view', full_name, pg_get_viewdef(oid) FROM rel WHERE relkind IN ('v', 'm')
UNION ALL SELECT 'column', concat(full_name, '.', attname),
       concat_ws(' ', format_type(atttypid, atttypmod), CASE WHEN attnotnull THEN 'not null' END,
                 'default ' || pg_get_expr(d.adbin, d.adrelid), attidentity, attgenerated, attcollation)
  FROM rel JOIN pg_attribute a ON a.attrelid = rel.oid AND attnum > 0 AND NOT attisdropped
  LEFT JOIN pg_attrdef d ON d.adrelid = rel.oid AND d.adnum = attnum
  WHERE relkind IN ('r', 'p', 'v', 'm', 'f')
UNION ALL SELECT 'constraint', concat(full_name, '.', conname),
       concat(pg_get_constraintdef(k.oid), CASE WHEN NOT convalidated THEN ' not validated' END)
  FROM pg_constraint k JOIN rel ON rel.oid = conrelid WHERE contype <> 'n'
UNION ALL SELECT 'index', full_name,
       concat(pg_get_indexdef(rel.oid), CASE WHEN NOT indisvalid THEN ' INVALID' END)
  FROM rel JOIN pg_index i ON i.indexrelid = rel.oid
UNION ALL SELECT 'trigger', concat(full_name, '.', tgname), concat(pg_get_triggerdef(t.oid), ' ', tgenabled)
  FROM pg_trigger t JOIN rel ON rel.oid = tgrelid WHERE NOT tgisinternal
UNION ALL SELECT 'policy', concat(full_name, '.', polname),
       concat_ws(' ', polcmd, pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid))
  FROM pg_policy p JOIN rel ON rel.oid = polrelid
UNION ALL SELECT 'function', concat(ns.nspname, '.', proname, '(', pg_get_function_identity_arguments(p.oid), ')'),
       CASE WHEN prokind IN ('a', 'w') THEN prokind::text ELSE pg_get_functiondef(p.oid) END
  FROM pg_proc p JOIN ns ON ns.oid = pronamespace
  WHERE NOT EXISTS (SELECT 1 FROM pg_depend x WHERE x.objid = p.oid AND x.deptype = 'e')
UNION ALL SELECT 'enum', concat(ns.nspname, '.', typname), string_agg(enumlabel, ',' ORDER BY enumsortorder)
  FROM pg_type t JOIN ns ON ns.oid = typnamespace JOIN pg_enum e ON e.enumtypid = t.oid
  GROUP BY ns.nspname, typname
UNION ALL SELECT 'domain', concat(ns.nspname, '.', typname), concat_ws(' ', format_type(typbasetype, typtypmod), typnotnull)
  FROM pg_type t JOIN ns ON ns.oid = typnamespace WHERE typtype = 'd'
UNION ALL SELECT 'sequence', concat(schemaname, '.', sequencename),
       concat_ws(' ', data_type, increment_by, min_value, max_value, cycle)
  FROM pg_sequences WHERE schemaname IN (SELECT nspname FROM ns)
UNION ALL SELECT 'extension', extname::text, '' FROM pg_extension WHERE extname <> 'plpgsql'
UNION ALL SELECT 'comment', concat(full_name, '.', objsubid), description
  FROM pg_description JOIN rel ON rel.oid = objoid AND classoid = 'pg_class'::regclass
ORDER BY 1, 2, 3
