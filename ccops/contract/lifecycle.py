"""Deprecation, announced ends and stability of operations. The day of today comes from the policy."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

from ccops.contract.collect import Collector
from ccops.contract.match import Operation
from ccops.contract.model import Verdict

_STABILITY = ("draft", "alpha", "beta", "stable")


def sunset(raw: Mapping[str, object]) -> tuple[date | None, bool]:
    """Return (the announced end, whether what is written can be read)."""
    written = raw.get("x-sunset")
    if written is None:
        return None, True
    try:
        return date.fromisoformat(str(written)[:10]), True
    except ValueError:
        return None, False


def removed(collector: Collector, operation: Operation) -> None:
    """Note an operation that is gone, by what had been announced."""
    raw, at, today = operation.raw, (operation.at, ""), collector.policy.today
    end, readable = sunset(raw)
    gone = f"{operation.name} is gone"
    if raw.get("deprecated") is not True:
        collector.add(
            "OPERATION_REMOVED",
            operation.name,
            Verdict.REFUTED,
            at,
            message=f"{gone}; it was never deprecated",
            reason="what clients call is gone",
        )
    elif end is not None and end > today:
        collector.add(
            "OPERATION_REMOVED_BEFORE_SUNSET",
            operation.name,
            Verdict.REFUTED,
            at,
            old=end.isoformat(),
            message=f"{gone} before {end}",
            reason=f"it was promised until {end}, today is {today}",
        )
    else:
        passed = end is not None
        collector.add(
            "OPERATION_REMOVED_DEPRECATED",
            operation.name,
            Verdict.PROVED if passed else Verdict.UNKNOWN,
            at,
            old=end.isoformat() if end else None,
            message=f"{gone}; it was deprecated" + (f" until {end}" if end else ""),
            reason="its announced end has passed"
            if passed
            else "no readable `x-sunset` said when"
            if not readable
            else "deprecated, but nobody was told when it would go",
        )


def compare(collector: Collector, old: Operation, new: Operation) -> None:
    """Note what happened to the marks of an operation that is still there."""
    was, is_now = old.raw.get("deprecated") is True, new.raw.get("deprecated") is True
    at = (old.at, new.at)
    if was != is_now:
        code = "OPERATION_DEPRECATED" if is_now else "OPERATION_REACTIVATED"
        word = "deprecated" if is_now else "no longer deprecated"
        collector.add(
            code, old.name, Verdict.PROVED, at, message=f"{old.name} is {word}", reason="it still answers"
        )
    if is_now:
        _sunsets(collector, old, new)
    levels = [_STABILITY.index(one) if one in _STABILITY else -1 for one in map(_stability, (old, new))]
    if levels[0] > levels[1]:
        collector.add(
            "STABILITY_DECREASED",
            old.name,
            Verdict.REFUTED,
            at,
            old=_stability(old),
            new=_stability(new),
            message=f"{old.name} is less stable than it was promised to be",
            reason="a promise was taken back",
        )


def _stability(operation: Operation) -> str:
    return str(operation.raw.get("x-stability-level", ""))


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day else None


def _sunsets(collector: Collector, old: Operation, new: Operation) -> None:
    before, _ = sunset(old.raw)
    after, readable = sunset(new.raw)
    at = (old.at, f"{new.at}/x-sunset" if "x-sunset" in new.raw else new.at)
    today = collector.policy.today
    earliest = today + timedelta(days=collector.policy.sunset_days)
    if not readable:
        code, reason = "SUNSET_UNREADABLE", "nobody can rely on it"
    elif before is not None and after is None:
        code, reason = "SUNSET_REMOVED", "an announcement was taken back"
    elif after is None or after == before:
        return
    elif before is not None and after < before and after < earliest:
        code, reason = "SUNSET_BROUGHT_FORWARD", f"nothing before {earliest} is fair, today is {today}"
    elif before is None and after < earliest:
        code, reason = "SUNSET_TOO_SOON", f"nothing before {earliest} is fair, today is {today}"
    else:
        return
    message = f"{new.name}: x-sunset {new.raw.get('x-sunset', 'is gone')!s:.40}"
    collector.add(
        code, old.name, Verdict.REFUTED, at, message=message, reason=reason, old=_iso(before), new=_iso(after)
    )
