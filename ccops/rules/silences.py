"""Silences that belong to somebody: exact, leased, and read back after they were made.

Alertmanager (0.25 and newer) makes a second silence of a repeated POST, so the own one is looked for first;
an update must repeat the start and the matchers, else the old one ends and a new one begins. Matchers are
never regular expressions: the dots of a group's name would match anything, and other groups with it.
Nobody ends or changes a silence of another owner through here.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from ccops.clients.alertmanager import open_alertmanager
from ccops.core.clock import Clock, iso
from ccops.core.errors import Refused, Unreachable, UsageError

if TYPE_CHECKING:
    import httpx

KEY = "CCOPS_ALERTMANAGER_URL"
LONGEST_LEASE = timedelta(hours=2)
_SETTLE_S = 3.0
_SKEW = timedelta(seconds=5)  # below it ours is the better one: theirs is told in whole seconds
_ALIVE = frozenset({"active", "pending"})
_OVER = frozenset({"expired", "gone"})


@dataclass(frozen=True, slots=True)
class Silence:
    """A silence as Alertmanager has it. `exact` is false when a matcher is a pattern or a negation."""

    ident: str
    owner: str
    comment: str
    matchers: Mapping[str, str]
    starts_at: datetime
    ends_at: datetime
    state: str
    exact: bool = True

    @property
    def alive(self) -> bool:
        """Return whether it silences now or will."""
        return self.state in _ALIVE

    def fits(self, matchers: Mapping[str, str], owner: str) -> bool:
        """Return whether it is the one that `owner` made of exactly `matchers`."""
        return self.exact and self.owner == owner and self.matchers == matchers

    def mutes(self, labels: Mapping[str, str]) -> bool:
        """Return whether an alert with `labels` is silenced by it; false for what is not exact."""
        return self.exact and all(labels.get(name) == value for name, value in self.matchers.items())


class Silencer:
    """Makes, extends and ends silences. Every method raises Unreachable."""

    def __init__(self, client: httpx.Client, clock: Clock) -> None:
        self._client, self._clock = client, clock
        self._date: datetime | None = None

    def begin(self, matchers: Mapping[str, str], owner: str, comment: str, lease: timedelta) -> Silence:
        """Silence `matchers` until `lease` from now; the owner's own silence is extended, never shortened."""
        own = self.find(matchers, owner)
        now = self._now()
        ends_at = max(now + lease, own.ends_at) if own else now + lease
        body: dict[str, object] = {
            "matchers": exactly(matchers),
            "startsAt": iso(own.starts_at if own else now),
            "endsAt": iso(ends_at),
            "createdBy": owner,
            "comment": comment,
        }
        if own:
            body["id"] = own.ident
        answer = self._client.post("/silences", json=body)
        answer.raise_for_status()
        return self._verified(str(answer.json()["silenceID"]), matchers, owner)

    def find(self, matchers: Mapping[str, str], owner: str) -> Silence | None:
        """Return the owner's living silence of exactly `matchers`, the one that lasts longest."""
        own = [one for one in self.living() if one.fits(matchers, owner)]
        return max(own, key=lambda one: one.ends_at, default=None)

    def living(self) -> tuple[Silence, ...]:
        """Return every silence that is active or pending, of whatever owner, by the moment it ends."""
        answer = self._client.get("/silences")
        answer.raise_for_status()
        self._date = _date(answer.headers.get("date", ""))
        plain = answer.json()
        found = [_silence(item) for item in plain if isinstance(item, dict)]
        return tuple(sorted((one for one in found if one.alive), key=lambda one: one.ends_at))

    def end(self, ident: str, owner: str = "") -> bool:
        """End a silence and return whether it was alive; one that has ended or that nobody knows is fine.

        Raises Refused when `owner` is named and another one made it.
        """
        found = self._get(ident)
        if owner and found is not None and found.owner != owner:
            raise _foreign(found, owner)
        if found is None or not found.alive:
            return False
        answer = self._client.delete(f"/silence/{ident}")
        if not answer.is_success and self._state(ident) not in _OVER:
            answer.raise_for_status()
        return True

    def _now(self) -> datetime:
        """Return the moment by the clock that ends silences, where ours is another: theirs, to the second."""
        own = self._clock.now()
        return own if self._date is None or abs(own - self._date) < _SKEW else self._date

    def _state(self, ident: str) -> str:
        found = self._get(ident)
        return found.state if found else "gone"

    def _get(self, ident: str) -> Silence | None:
        answer = self._client.get(f"/silence/{ident}")
        if answer.status_code == 404:
            return None
        answer.raise_for_status()
        return _silence(answer.json())

    def _verified(self, ident: str, matchers: Mapping[str, str], owner: str) -> Silence:
        """Read the silence back; its clock may be a little behind ours, so that it is pending at first."""
        until = time.monotonic() + _SETTLE_S
        while True:
            found = self._get(ident)
            if found and found.state == "active" and found.fits(matchers, owner):
                return found
            if found is None or found.state != "pending" or time.monotonic() > until:
                raise Unreachable(
                    "SILENCE_LOST",
                    f"the silence {ident} is {found.state if found else 'gone'}, not active as it was made",
                    evidence=f"matchers {dict(found.matchers) if found else {}}",
                    next_step="look at the clocks of both machines, then again",
                )
            time.sleep(0.1)


@contextmanager
def open_silencer(url: str, clock: Clock, *, timeout: float = 5.0) -> Iterator[Silencer]:
    """Yield the silencer of the Alertmanager at `url`."""
    with open_alertmanager(url, timeout=timeout) as client:
        yield Silencer(client, clock)


def owner_of(name: str) -> str:
    """Return the author that marks silences of `name`: a run, or a person."""
    return f"ccops/{name}"


def exactly(matchers: Mapping[str, str]) -> list[dict[str, object]]:
    """Return `matchers` as Alertmanager wants them."""
    return [
        {"name": name, "value": value, "isRegex": False, "isEqual": True} for name, value in matchers.items()
    ]


def check_lease(lease: timedelta) -> timedelta:
    """Return `lease`. Raises UsageError for none, and for more than two hours: it could be forgotten."""
    if timedelta(0) < lease <= LONGEST_LEASE:
        return lease
    raise UsageError(
        "SILENCE_LEASE",
        f"a silence of {lease} is not possible",
        evidence="more than nothing and two hours at most: what nobody ends must not hide an outage",
        next_step="--for 2h, and again when it is over",
    )


def _silence(item: Mapping[str, object]) -> Silence:
    listed = item.get("matchers")
    found = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    status = item.get("status")
    plain = [one for one in found if not one.get("isRegex") and one.get("isEqual") is not False]
    return Silence(
        ident=str(item.get("id", "")),
        owner=str(item.get("createdBy", "")),
        comment=str(item.get("comment", "")),
        matchers={str(one.get("name")): str(one.get("value")) for one in found},
        starts_at=_moment(item.get("startsAt")),
        ends_at=_moment(item.get("endsAt")),
        state=str(status.get("state")) if isinstance(status, dict) else "",
        exact=len(plain) == len(found) > 0,
    )


def _date(header: str) -> datetime | None:
    try:
        return parsedate_to_datetime(header)
    except ValueError:
        return None


def _moment(text: object) -> datetime:
    found = datetime.fromisoformat(text) if isinstance(text, str) else datetime.fromtimestamp(0, UTC)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _foreign(found: Silence, owner: str) -> Refused:
    return Refused(
        "SILENCE_NOT_OWN",
        f"the silence {found.ident} belongs to {found.owner}",
        evidence=f"you are {owner}; it ends by itself at {iso(found.ends_at)}: {found.comment}",
        next_step="ask them, or name their name: --as " + (found.owner.removeprefix("ccops/") or "NAME"),
    )
