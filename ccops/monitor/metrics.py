"""`ccops metrics verify`: what must be measured is measured, and counts what happens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass

from ccops.core.bundle import contract_folder
from ccops.core.errors import ExitCode, UsageError, worst
from ccops.core.output import Issue
from ccops.core.profile import Profile
from ccops.monitor import profiles, switching
from ccops.monitor.counting import Growths
from ccops.monitor.during import parse_command, run_during, settle
from ccops.monitor.legacyws import Say, switched, touch
from ccops.monitor.profiles import MetricProfile, profile_named
from ccops.monitor.scraping import Scraper, endpoints
from ccops.monitor.wanted import Delta, Judged, parse_delta


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be verified: a profile, deltas, or both. `within_s`: growth that shows later is too late."""

    profile: MetricProfile | None = None
    deltas: tuple[Delta, ...] = ()
    command: tuple[str, ...] = ()
    restart: bool = False
    urls: tuple[str, ...] = ()
    within_s: float = 3.0


@dataclass(frozen=True, slots=True)
class Verified:
    """What was found. `command_code` is None when no command ran."""

    places: Mapping[str, str]
    names: Sequence[str] = ()
    judged: Sequence[Judged] = ()
    issues: Sequence[Issue] = ()
    restarts: int = 0
    command_code: int | None = None
    touched: str = ""

    @property
    def exit_code(self) -> ExitCode:
        """Return the worst of the findings and of how the command ended; a code that is not ours is a 1."""
        own = ExitCode.NEGATIVE if self.issues else ExitCode.OK
        code = self.command_code or 0
        known = ExitCode(code) if code in set(ExitCode) else ExitCode.NEGATIVE
        return worst((own, known))


def wish_of(
    profile: str,
    deltas: Sequence[str] = (),
    command: str = "",
    restart: bool = False,
    urls: Sequence[str] = (),
    within_s: float = 3.0,
) -> Wish:
    """Return the wish that the options state. Raises UsageError for options that don't go together."""
    wanted = profile_named(profile or "core") if profile or not deltas else None
    made = Wish(
        wanted,
        tuple(parse_delta(text) for text in deltas),
        tuple(parse_command(command)) if command else (),
        restart,
        tuple(urls),
        within_s,
    )
    acts = bool(made.command or (wanted and wanted.result))
    if made.deltas and not acts:
        raise _mismatch("--delta needs something that happens", "--during 'ccops smoke run legacy-ws'")
    if made.command and not (made.deltas or (wanted and wanted.result)):
        raise _mismatch("--during needs a --delta to look for", "--delta 'NAME{label=\"value\"} >= 1'")
    if restart and not (wanted and wanted.result):
        raise _mismatch("--restart goes with the legacy-ws profiles alone", "--profile legacy-ws-accepted")
    return made


def _mismatch(said: str, next_step: str) -> UsageError:
    return UsageError(
        "METRICS_OPTIONS",
        said,
        evidence="counters are read before and after, and their growth is judged",
        next_step=f"ccops metrics verify {next_step}",
    )


def verify_metrics(profile: Profile, wish: Wish, say: Say) -> Verified:
    """Verify `wish`. Raises Refused, Unreachable, UsageError and Degraded as its parts do."""
    places = endpoints(profile, wish.urls)
    result = wish.profile.result if wish.profile else ""
    backend = places.get("backend", next(iter(places.values())))
    around = switched(profile, result == "accepted", backend, say) if wish.restart else nullcontext()
    with around, Scraper(places) as scraper:
        return _verify(profile, wish, scraper, backend)


def _verify(profile: Profile, wish: Wish, scraper: Scraper, backend: str) -> Verified:
    growths = Growths()
    first = scraper.scrape()
    growths.feed(first)
    names, issues = _presence(profile, wish, scraper)
    if left := switching.left(profile):
        issues.append(Issue("LEGACY_WS_LEFT_SWITCHED", left.said, next_step=left.next_step))
    result = wish.profile.result if wish.profile else ""
    touched = touch(backend) if result else ""
    code = run_during(wish.command, scraper, growths) if wish.command else None
    deltas = [*wish.deltas, *map(parse_delta, wish.profile.deltas if wish.profile else ())]
    judged = settle(deltas, scraper, growths, wish.within_s) if deltas else []
    issues += [_not_grown(one) for one in judged if not one.holds]
    if code:
        said = f"the command ended with {code}"
        issues.append(Issue("METRICS_COMMAND_FAILED", said, evidence=" ".join(wish.command)))
    if result and touched != result and not wish.restart:
        said = f"the old games socket {touched} and not {result}: it is switched the other way"
        again = f"ccops metrics verify --profile {wish.profile.name if wish.profile else ''} --restart"
        issues.append(Issue("LEGACY_WS_OTHER_WAY", said, next_step=again))
    return Verified(scraper.places, names, judged, issues, growths.restarts, code, touched)


def _presence(profile: Profile, wish: Wish, scraper: Scraper) -> tuple[list[str], list[Issue]]:
    if wish.profile is None:
        return [], []
    contract = profiles.declared(contract_folder(profile), profile.get("APP_ENV", profile.env))
    return profiles.verify(wish.profile, contract, scraper.scrape())


def _not_grown(one: Judged) -> Issue:
    if not one.series:
        return Issue("METRIC_MISSING", f"no endpoint has a series of {one.delta.text}")
    parts = ", ".join(f"{place} {grown:+g}" for place, grown in one.by_place.items())
    return Issue(
        "METRIC_DELTA", f"{one.delta.text} does not hold", evidence=f"it grew by {one.grown:g} ({parts})"
    )
