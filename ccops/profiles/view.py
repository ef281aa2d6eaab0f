"""The values of an environment with their origin, ready to be shown: no secret leaves this module."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from ccops.core.masking import MASK, mask_urls
from ccops.core.profile import Value
from ccops.profiles.kinds import Wrong, default_of, is_secret, parsed
from ccops.profiles.known import Known
from ccops.rules.values import BadValue


@dataclass(frozen=True, slots=True)
class Row:
    """One setting: whose it is (tool, threshold, backend, unknown), what may be shown, where it is from."""

    key: str
    owner: str
    shown: str
    origin: str
    secret: bool = False


@dataclass(frozen=True, slots=True)
class Difference:
    """One setting that is another in two environments."""

    key: str
    owner: str
    left: Row
    right: Row


def rows(env: str, values: Mapping[str, Value], known: Known, *, defaults: bool) -> tuple[Row, ...]:
    """Return what is set in `values`, the thresholds' defaults, and with `defaults` the backend's."""
    effective = _effective(env, values, known, backend=defaults)
    return tuple(sorted((_row(key, one, known) for key, one in effective.items()), key=_rank))


def differences(
    envs: tuple[str, str], values: tuple[Mapping[str, Value], Mapping[str, Value]], known: Known
) -> tuple[Difference, ...]:
    """Return what differs between two environments, defaults included. Secrets are compared, never shown."""
    left, right = (_effective(env, one, known, backend=True) for env, one in zip(envs, values, strict=True))
    nothing = Value("", "not set")
    found = []
    for key in sorted({*left, *right}):
        one, other = left.get(key, nothing), right.get(key, nothing)
        if _meaning(key, one, known) != _meaning(key, other, known):
            pair = _row(key, one, known), _row(key, other, known)
            found.append(Difference(key, pair[0].owner, *pair))
    return tuple(sorted(found, key=lambda one: _rank(one.left)))


def secrets_of(values: Mapping[str, Value], known: Known) -> Iterable[str]:
    """Return the texts that must not leave the process."""
    for key, value in values.items():
        if is_secret(key, known.schema(key)):
            yield from (part for part in (value.text, *value.text.split(",")) if part)


def _effective(env: str, values: Mapping[str, Value], known: Known, *, backend: bool) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for name, threshold in known.thresholds.items():
        if env in threshold.defaults:
            found[name] = Value(threshold.defaults[env], "default")
    if backend:
        for name, schema in known.settings.items():
            default = default_of(schema)
            if default is not None:
                text = str(int(default)) if isinstance(default, bool) else str(default)
                found[name] = Value(text, "default")
    return found | dict(values)


def _row(key: str, value: Value, known: Known) -> Row:
    schema = known.schema(key)
    secret = is_secret(key, schema)
    return Row(key, _owner(key, known), _shown(value.text, secret=secret), value.origin, secret)


def _shown(text: str, *, secret: bool) -> str:
    if not secret or not text:
        return mask_urls(text)
    try:
        parts = urlsplit(text) if "://" in text else None
        port = f":{parts.port}" if parts and parts.port else ""
    except ValueError:
        parts = None
    if parts is None or not parts.hostname:
        return MASK
    user = f"{MASK}@" if parts.username or parts.password else ""
    return f"{parts.scheme}://{user}{parts.hostname}{port}{parts.path}"


def _meaning(key: str, value: Value, known: Known) -> object:
    """Return what a text means, so that `1` and `true`, `20` and `20.0` are no difference."""
    if key in known.thresholds:
        try:
            return known.thresholds[key].parse(value.text)
        except BadValue:
            return value.text
    schema = known.schema(key)
    if schema is None or value.origin == "not set":
        return (value.text, value.origin == "not set")
    try:
        return (parsed(value.text, schema), False)
    except Wrong:
        return value.text


def _owner(key: str, known: Known) -> str:
    if key in known.thresholds:
        return "threshold"
    if key.startswith("CCOPS_"):
        return "tool"
    return "backend" if key in known.settings else "unknown"


def _rank(row: Row) -> tuple[int, str]:
    return ("tool", "threshold", "backend", "unknown").index(row.owner), row.key
