"""Write the newest function migration from sql/functions: `python -m ccops.backend.scripts.embed_functions`.

Before the first release the one function migration is rewritten in place; afterwards each change of a
function is a new revision that embeds the new text. A test holds the newest against the files.
"""

from __future__ import annotations

import sys
from pathlib import Path

_BACKEND = Path(__file__).resolve().parent.parent
TARGET = _BACKEND / "alembic" / "versions" / "0002_functions.py"

_HEAD = '''"""Install the SQL functions; the text is embedded, so this revision never changes its meaning."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

FUNCTIONS = {
'''
_TAIL = '''}

# Called by their OID name, so the argument lists need not be repeated here.
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
    connection = op.get_bind()
    for text in FUNCTIONS.values():
        connection.exec_driver_sql(text.replace("%", "%%"))  # the driver looks for placeholders


def downgrade() -> None:
    op.get_bind().exec_driver_sql(_DROP)
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
