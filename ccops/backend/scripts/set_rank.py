"""Give an account a rank from the command line: `python -m ccops.backend.scripts.set_rank SITE_ID RANK`.

For operators who hold the database's password, when no administrator can log in. It leaves an audit row in
which the account stands for itself (action `set_rank.cli`).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence

from ccops.backend.core.config import settings

_RANKS = ("STANDARD", "PREMIUM", "VIP", "ADMIN")
_FIND = "SELECT id FROM users WHERE lower(site_id) = lower(%s) AND erased_at IS NULL"
_SET = "SELECT previous FROM cc_set_rank(%s, %s, %s, %s, 'command line', 'set_rank.cli')"


def main(argv: Sequence[str] | None = None) -> int:
    """Change the rank; exit 1 when there is no such account, 2 for a wrong rank."""
    import psycopg

    from ccops.backend.db import call_context

    parser = argparse.ArgumentParser(prog="python -m ccops.backend.scripts.set_rank")
    parser.add_argument("site_id")
    parser.add_argument("rank", choices=_RANKS)
    given = parser.parse_args(argv)
    with psycopg.connect(settings.database_url, connect_timeout=10) as conn:
        found = conn.execute(_FIND, (given.site_id,)).fetchone()
        if found is None:
            sys.stderr.write(f"there is no account {given.site_id!r}\n")
            return 1
        changed = conn.execute(_SET, (json.dumps(call_context()), found[0], found[0], given.rank))
        row = changed.fetchone()
    sys.stdout.write(f"{given.site_id}: {row[0] if row else '?'} -> {given.rank}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
