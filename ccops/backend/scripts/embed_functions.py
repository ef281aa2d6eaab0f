"""Write the newest function migration from sql/functions: `python -m ccops.backend.scripts.embed_functions`.

A landed revision never changes its meaning: before the first change after a landing, copy the constants below
to a new number. Until then the newest is rewritten in place. A test holds it against the files.
"""

from __future__ import annotations

import sys
from pathlib import Path

_BACKEND = Path(__file__).resolve().parent.parent
TARGET = _BACKEND / "alembic" / "versions" / "0004_economy_functions.py"

_HEAD = '''"""Install the SQL functions anew; the text is embedded, so it never changes its meaning."""

from importlib import import_module

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

FUNCTIONS = {
'''
_TAIL = '''}

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
'''


def rendered() -> str:
    """Return the migration's text for the files as they are now."""
    parts = [_HEAD]
    for path in sorted((_BACKEND / "sql" / "functions").glob("*.sql")):
        text = path.read_text(encoding="utf-8")
        parts.append(f'    "{path.name}": r"""\n{text}""",\n')
    return "".join([*parts, _TAIL])


def main() -> int:
    """Rewrite the migration; exit 0."""
    TARGET.write_text(rendered(), encoding="utf-8")
    sys.stdout.write(f"wrote {TARGET.name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
