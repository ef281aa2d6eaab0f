"""Who runs this, for silences and audit logs."""

from __future__ import annotations

import getpass
import os
import socket


def actor() -> str:
    """Return user@host of whoever runs this."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a uid without a name, as in containers
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"
