"""What a protected profile may not hold: default or weak secrets, test knobs, the invite code of the demo."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import cast
from urllib.parse import unquote, urlsplit

from ccops.core.output import Issue
from ccops.core.profile import Value
from ccops.profiles.envfile import EnvFile
from ccops.profiles.kinds import Schema, Wrong, default_of, is_secret, parsed
from ccops.profiles.known import Known

_SHORTEST = 16
_LEAST_DIFFERENT = 6
_WEAK = re.compile(
    r"insecure|changeme|change[-_]me|example|default|password|passwort|secret|letmein|qwerty|123456|admin|postgres",
    re.IGNORECASE,
)


def protected_issues(file: EnvFile, known: Known) -> Iterator[Issue]:
    """Yield what `file` says, or leaves at its default, that a protected environment refuses."""
    for key, schema in known.settings.items():
        value = file.values.get(key)
        yield from _declared(file, key, schema, value)
    for key, value in file.values.items():
        schema = known.schema(key) or {}
        if known.has(key) and is_secret(key, schema) and value.text and not _is_default(value.text, schema):
            yield from _weak(key, value)


def _declared(file: EnvFile, key: str, schema: Schema, value: Value | None) -> Iterator[Issue]:
    wanted = schema.get("when_protected")
    if wanted == "changed" and schema.get("secret"):
        if value is not None and _is_default(value.text, schema):
            yield Issue(
                "ENV_DEFAULT_SECRET",
                f"{key} is the default that everybody can read in the source",
                next_step=f"give {key} a value of its own, from the deployment rather than from this file",
                where=value.origin,
            )
    elif wanted in {"changed", "default"}:
        yield from _compared(file, key, schema, value, str(wanted))
    refused = cast("Sequence[object]", schema.get("refused_when_protected", ()))
    if value is not None and value.text in {str(one) for one in refused}:
        yield Issue(
            "ENV_PROTECTED_VALUE",
            f"{key}={value.text} is refused in a protected environment",
            evidence=str(schema.get("description", "")),
            next_step=f"remove {key}, or give it another value",
            where=value.origin,
        )


def _compared(file: EnvFile, key: str, schema: Schema, value: Value | None, wanted: str) -> Iterator[Issue]:
    default = default_of(schema)
    try:
        have = default if value is None else parsed(value.text, schema)
    except Wrong:
        return  # said elsewhere
    if (have == default) == (wanted == "default"):
        return
    said = "must be changed from" if wanted == "changed" else "must stay at"
    yield Issue(
        "ENV_PROTECTED_VALUE",
        f"{key} {said} its default {default!r} in a protected environment",
        evidence=str(schema.get("description", "")),
        next_step=f"set {key} in {file.label}" if wanted == "changed" else f"remove {key}",
        where=value.origin if value else file.label,
    )


def _weak(key: str, value: Value) -> Iterator[Issue]:
    """Yield one finding when a part of a secret is short, repetitive, or a word of every list."""
    reasons = [why for part in _parts(value.text) if (why := _weakness(part))]
    if reasons:
        yield Issue(
            "ENV_WEAK_SECRET",
            f"{key} holds a weak secret: {reasons[0]}",
            next_step="python -c 'import secrets; print(secrets.token_hex(32))'",
            where=value.origin,
        )


def _parts(text: str) -> list[str]:
    """Return the secrets in a value: the password of a URL, the keys of `kid:key,kid:key`, else all of it."""
    if "://" in text:
        try:
            password = urlsplit(text).password
        except ValueError:
            return []
        return [unquote(password)] if password else []
    return [one.rpartition(":")[2] for one in text.split(",") if one]


def _weakness(secret: str) -> str:
    if len(secret) < _SHORTEST:
        return f"shorter than {_SHORTEST} characters"
    if len(set(secret)) < _LEAST_DIFFERENT:
        return "almost the same character throughout"
    return "a word that everybody tries" if _WEAK.search(secret) else ""


def _is_default(text: str, schema: Mapping[str, object]) -> bool:
    return hashlib.sha256(text.encode()).hexdigest() == schema.get("default_sha256")
