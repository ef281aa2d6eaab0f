"""Silences of Alertmanager, the expired ones too: what nobody heard counts as no page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from ccops.core.errors import Unreachable
from ccops.rules.tune.intervals import moment
from ccops.rules.tune.model import Interval

if TYPE_CHECKING:
    import httpx


def silence_history(client: httpx.Client) -> tuple[Interval, ...]:
    """Return when who was silenced. `client` is that of `open_alertmanager`.

    Alertmanager forgets expired silences after its retention, five days by default.
    """
    answer = client.get("/silences")
    answer.raise_for_status()
    plain = answer.json()
    if not isinstance(plain, list):
        raise Unreachable(
            "ALERTMANAGER_ANSWER_UNKNOWN",
            f"{client.base_url} does not answer /silences as Alertmanager does",
            evidence=answer.text[:200],
            next_step="CCOPS_ALERTMANAGER_URL must name an Alertmanager",
        )
    return tuple(_interval(item) for item in plain if isinstance(item, dict))


def _interval(item: Mapping[str, object]) -> Interval:
    matchers = item.get("matchers")
    return Interval(
        moment(item.get("startsAt")),
        moment(item.get("endsAt")),
        f"silence {item.get('id', '')}",
        tuple(map(_matcher, _mappings(matchers))),
    )


def _matcher(item: Mapping[str, object]) -> tuple[str, str, str]:
    equal = item.get("isEqual", True) is not False
    op = ("=~" if equal else "!~") if item.get("isRegex") else ("=" if equal else "!=")
    return str(item.get("name", "")), op, str(item.get("value", ""))


def _mappings(value: object) -> Iterable[Mapping[str, object]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else ()
