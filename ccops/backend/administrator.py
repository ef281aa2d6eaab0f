"""The administrator that the settings name: the first one can't come from a route."""

from __future__ import annotations

import asyncio
import hashlib
import json
import secrets
from typing import TYPE_CHECKING

from ccops.backend.core.config import settings

if TYPE_CHECKING:
    import psycopg


def keep(conn: psycopg.Connection) -> str:
    """Create the administrator, or give them the password of the settings.

    Returns `none` (the settings name nobody), `created`, `updated`, `unchanged`, or `taken`: the name is a
    player's, or the administrator was demoted; that account is left alone.
    """
    if not settings.admin_site_id:
        return "none"
    # Imported here: loading data for nobody needs no cryptography.
    from ccops.backend.core.security import encrypt_pii, hash_password, verify_password
    from ccops.backend.db import call_context

    query = "SELECT password_hash FROM users WHERE lower(site_id) = lower(%s)"
    row = conn.execute(query, (settings.admin_site_id,)).fetchone()
    password, changed = settings.admin_password, None
    if row is None or not asyncio.run(verify_password(str(row[0]), password)):
        changed = asyncio.run(hash_password(password))
    seed = secrets.token_bytes(32)
    answer = conn.execute(
        "SELECT cc_admin_account(%s, %s, %s, %s, %s, %s)",
        (
            json.dumps(call_context()),
            settings.admin_site_id,
            changed,
            encrypt_pii(seed.hex()),
            hashlib.sha256(seed).hexdigest(),
            secrets.token_hex(8),
        ),
    ).fetchone()
    return str(answer[0]) if answer else "none"
