"""What `ccops alerts` does and how it looks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from ccops.clients.alertmanager import open_alertmanager
from ccops.core.actor import actor
from ccops.core.clock import SystemClock, iso
from ccops.core.errors import UsageError
from ccops.core.output import Report
from ccops.core.profile import Profile
from ccops.rules.alerts import Alert, check_alert, check_ident, listed, parse_matchers
from ccops.rules.places import alertmanager_of
from ccops.rules.silences import Silence, Silencer, check_lease, open_silencer, owner_of

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True, slots=True)
class Call:
    """Which alert, and in whose name (empty: whoever runs this)."""

    name: str
    match: tuple[str, ...] = ()
    owner: str = ""

    @property
    def author(self) -> str:
        """Return the owner as it stands in Alertmanager."""
        return owner_of(self.owner.strip() or actor())


def list_report(profile: Profile) -> Report:
    """Ask for alerts and silences. Raises Unreachable."""
    clock = SystemClock()
    with open_alertmanager(alertmanager_of(profile)) as client:
        found, silences = listed(client), Silencer(client, clock).living()
    now = clock.now()
    return Report(
        "ccops.alerts.list/v1",
        {
            "alerts": [_alert_row(one) for one in found],
            "silences": [_silence_row(one, now) for one in silences],
        },
        env=profile.env,
        text=lambda console: _print(console, found, silences, now),
    )


def silence_report(profile: Profile, call: Call, lease: str, reason: str, *, any_name: bool) -> Report:
    """Silence what `call` names for `lease`. Raises UsageError, Refused or Unreachable."""
    matchers = parse_matchers(call.name, call.match)
    length = check_lease(_duration(lease))
    if not reason.strip():
        raise UsageError(
            "SILENCE_REASON", "a silence needs a reason", next_step='--reason "INC-42: why it is quiet"'
        )
    if not any_name:
        check_alert(call.name, profile)
    clock = SystemClock()
    with open_silencer(alertmanager_of(profile), clock) as silencer:
        extended = silencer.find(matchers, call.author) is not None
        made = silencer.begin(matchers, call.author, reason.strip(), length)
    said = f"silenced until {iso(made.ends_at)} by {made.owner}{' (extended)' if extended else ''}"
    return Report(
        "ccops.alerts.silence/v1",
        {"changed": True, "extended": extended, "silence": _silence_row(made, clock.now())},
        env=profile.env,
        text=lambda console: console.print(f"{_exactly(made)}\n{said}\nid {made.ident}", markup=False),
    )


def unsilence_report(profile: Profile, call: Call, ident: str) -> Report:
    """End the caller's silence: the one with `ident`, or all of exactly what `call` names."""
    if bool(ident) == bool(call.name):
        raise UsageError(
            "USAGE",
            "unsilence takes the name of an alert, or --id",
            evidence="both were given" if ident else "neither was given",
            next_step="ccops alerts list    shows both",
        )
    if ident:
        check_ident(ident, call.match)
    matchers = {} if ident else parse_matchers(call.name, call.match)
    with open_silencer(alertmanager_of(profile), SystemClock()) as silencer:
        found = [ident] if ident else _own(silencer, matchers, call.author)
        idents = [one for one in found if silencer.end(one, call.author)]
    said = f"ended {', '.join(idents)}" if idents else f"{call.author} has no such silence: nothing to do"
    return Report(
        "ccops.alerts.unsilence/v1",
        {"changed": bool(idents), "ended": idents},
        env=profile.env,
        text=lambda console: console.print(said, markup=False),
    )


def _own(silencer: Silencer, matchers: dict[str, str], author: str) -> list[str]:
    return [one.ident for one in silencer.living() if one.fits(matchers, author)]


def _duration(text: str) -> timedelta:
    from ccops.rules.values import BadValue, parse_duration

    try:
        return timedelta(seconds=float(parse_duration(text)))
    except BadValue as error:
        raise UsageError("SILENCE_LEASE", f"--for {text}: {error}", next_step="--for 30m") from None


def _alert_row(one: Alert) -> dict[str, object]:
    return {
        "name": one.name,
        "state": one.state,
        "severity": one.labels.get("severity"),
        "starts_at": iso(one.starts_at),
        "labels": dict(one.labels),
        "silenced_by": list(one.silenced_by),
        "summary": one.annotations.get("summary"),
        "runbook_url": one.annotations.get("runbook_url"),
    }


def _silence_row(one: Silence, now: datetime) -> dict[str, object]:
    return {
        "id": one.ident,
        "owner": one.owner,
        "reason": one.comment,
        "matchers": dict(one.matchers),
        "exact": one.exact,
        "state": one.state,
        "ends_at": iso(one.ends_at),
        "left_s": max(0, round((one.ends_at - now).total_seconds())),
    }


def _print(console: Console, found: Sequence[Alert], silences: Sequence[Silence], now: datetime) -> None:
    ringing = sum(one.state == "active" for one in found)
    lines = [f"{ringing} ringing, {len(found) - ringing} silenced, {len(silences)} silence(s)"]
    for one in found:
        others = ", ".join(
            f"{key}={value}"
            for key, value in sorted(one.labels.items())
            if key not in {"alertname", "severity"}
        )
        lines.append(
            f"  {one.state:<10} {one.labels.get('severity', ''):<8} {one.name}  since {iso(one.starts_at)}"
        )
        lines += [f"    {text}" for text in (one.annotations.get("summary", ""), others) if text]
    for silence in silences:
        left = max(0, round((silence.ends_at - now).total_seconds() / 60))
        lines.append(f"  silence    {_exactly(silence)}")
        lines.append(f"    {silence.owner}, {left} min left, until {iso(silence.ends_at)}: {silence.comment}")
        lines.append(f"    id {silence.ident}")
    console.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)


def _exactly(one: Silence) -> str:
    said = ", ".join(f"{name}={value}" for name, value in one.matchers.items())
    return said if one.exact else f"{said} (not exact)"
