"""From options to a window of time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from ccops.core.errors import UsageError
from ccops.data.reconcile_model import Window

DEFAULT_LAST_S = 86_400.0  # the outbox keeps its rows for a day: longer windows can say less
DEFAULT_SETTLE_S = 10.0


def window(
    now: datetime, *, since: str = "", until: str = "", last_s: float | None = None, settle_s: float
) -> Window:
    """Return the window: `since`..`until`, or the last `last_s` seconds up to the settle margin before now.

    Raises UsageError for times without a zone, in the wrong order or in the future, and for two beginnings.
    """
    if since and last_s is not None:
        raise _invalid("--since and --last both say where the window begins", "leave one of them out")
    end = _moment("--until", until) if until else now - timedelta(seconds=settle_s)
    if since:
        begin = _moment("--since", since)
    else:
        begin = end - timedelta(seconds=DEFAULT_LAST_S if last_s is None else last_s)
    if begin >= end:
        raise _invalid(
            f"{begin.isoformat()} is not before {end.isoformat()}", "--last 10m, or a later --until"
        )
    if end > now:
        raise _invalid(f"--until {end.isoformat()} is in the future", "leave --until out")
    return Window(begin, end, settle_s)


def _moment(option: str, text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise _invalid(f"{option} {text!r} is no ISO 8601 time", "for example 2026-11-22T09:00:00Z") from None
    if moment.tzinfo is None:
        # A guessed zone would compare another hour and call it clean.
        raise _invalid(f"{option} {text!r} has no time zone", f"{option} {text}Z, or with your offset")
    return moment.astimezone(UTC)


def _invalid(message: str, next_step: str) -> UsageError:
    return UsageError("WINDOW_INVALID", message, next_step=f"ccops data reconcile: {next_step}")
