"""Hide secrets by value in everything that leaves the process."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable
from urllib.parse import quote

MASK = "***"
_URL_PASSWORD = re.compile(r"(?P<head>[a-z][a-z0-9+.-]*://[^\s:/@]*:)[^\s@/]+(?=@)")
_QUERY_PASSWORD = re.compile(
    r"(?P<head>[?&](?:\w*_)?(?:ssl)?(?:password|passwd|pwd|token|secret|api_?key)=)(?![{<$])[^&#\s\"'*]+",
    re.IGNORECASE,
)
# Whoever holds a JWT is its user, and a token that nobody captured is known to nobody by value.
_JWT = re.compile(r"\beyJ[\w-]{6,}\.[\w-]*(?:\.[\w-]*)?")
_FIELD = re.compile(r'(?P<head>\\?"(?:\w+_)?(?:token|password|secret)\\?"\s*:\s*\\?")[^"\\]+')
_SHORTEST = 4  # masking "1" would blank every number of a report


class Masker:
    """Replace known secret values, and their usual encodings, by `***`."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._forms: set[str] = set()
        for secret in secrets:
            self.add(secret)

    def add(self, secret: str) -> None:
        """Remember `secret` with its URL, JSON and base64 forms. Very short values are left out."""
        if len(secret) < _SHORTEST:
            return
        raw = secret.encode()
        self._forms |= {
            secret,
            quote(secret, safe=""),
            json.dumps(secret)[1:-1],
            base64.b64encode(raw).decode(),
            base64.urlsafe_b64encode(raw).decode().rstrip("="),
        }

    def text(self, value: str) -> str:
        """Return `value` without any remembered secret and without passwords inside URLs."""
        for form in sorted(self._forms, key=len, reverse=True):
            value = value.replace(form, MASK)
        return mask_urls(value)

    def data(self, value: object) -> object:
        """Return a copy of JSON-like `value` with every string masked."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.text(str(key)): self.data(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.data(item) for item in value]
        return value


def mask_urls(value: str) -> str:
    """Return `value` without passwords in URLs, JWTs, and JSON fields that are named as secrets."""
    value = _URL_PASSWORD.sub(rf"\g<head>{MASK}", value)
    value = _QUERY_PASSWORD.sub(rf"\g<head>{MASK}", value)
    return _FIELD.sub(rf"\g<head>{MASK}", _JWT.sub(MASK, value))
