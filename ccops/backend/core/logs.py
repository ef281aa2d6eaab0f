"""Logging of the backend: one handler, and no credential that a URL or a message carried."""

from __future__ import annotations

import copy
import logging
import re
from typing import cast

from uvicorn.config import LOGGING_CONFIG

# A token in a query (also of a client that should not do that), a bearer, any JWT.
_CREDENTIAL = re.compile(
    r"(?P<keep>(?:token|password|secret)=|bearer[ .])[^&\s\"',]+|eyJ[\w-]+\.[\w-]+\.[\w-]*", re.IGNORECASE
)


def redact(text: str) -> str:
    """Return `text` without tokens."""
    return _CREDENTIAL.sub(lambda found: (found["keep"] or "") + "***", text)


class Redact(logging.Filter):
    """Takes credentials out of a record before any handler sees it."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record through, redacted."""
        if isinstance(record.msg, str):
            record.msg = redact(record.msg)
        if isinstance(record.args, tuple):
            record.args = tuple(redact(arg) if isinstance(arg, str) else arg for arg in record.args)
        return True


def config(level: str) -> dict[str, object]:
    """Return uvicorn's logging configuration with our filter and our loggers."""
    made = cast(dict[str, dict[str, dict[str, object]]], copy.deepcopy(LOGGING_CONFIG))
    made["filters"] = {"redact": {"()": Redact}}
    for handler in made["handlers"].values():
        handler["filters"] = ["redact"]
    made["loggers"]["ccops.backend"] = {"handlers": ["default"], "level": level, "propagate": False}
    return cast(dict[str, object], made)
