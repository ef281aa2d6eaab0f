"""What a command printed, as its evidence may hold it."""

from __future__ import annotations

import json

from ccops.core.masking import mask_urls


def envelope_in(out: bytes) -> dict[str, object] | None:
    """Return the envelope that is all of `out`; None when it is none."""
    try:
        plain = _clean(json.loads(out))
    except (ValueError, RecursionError):
        return None
    return plain if isinstance(plain, dict) and "schema" in plain and "issues" in plain else None


def _clean(value: object) -> object:
    """Return JSON without passwords in addresses, and without halves of a character: no file holds one."""
    if isinstance(value, str):
        return mask_urls(value.encode("utf-8", "backslashreplace").decode())
    if isinstance(value, dict):
        return {str(_clean(key)): _clean(item) for key, item in value.items()}
    return [_clean(item) for item in value] if isinstance(value, list) else value
