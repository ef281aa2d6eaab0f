"""From a profile to a checked job of rules: what the command and a scenario apply."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ccops.core.errors import Refused
from ccops.core.profile import Profile
from ccops.rules.apply import Job
from ccops.rules.folder import folder_of, mounted
from ccops.rules.loading import Place
from ccops.rules.places import prometheus_of
from ccops.rules.project import Options, RuleSet, rule_set

_SHOWN = 8


def job_of(
    profile: Profile,
    options: Options,
    *,
    rules_dir: Path | None = None,
    reason: str = "",
    timeout_s: float = 0.0,
    tell: Callable[[str], None] = lambda _: None,
) -> Job:
    """Return the rendered and checked rules of `profile` for its server.

    Raises UsageError for a bad threshold or an unknown folder, Refused for rules with findings and for a
    time scale on a protected profile, Unreachable when the profile names no server.
    """
    rules = rule_set(profile, options)
    _check(rules)
    chosen = folder_of(profile, rules_dir)
    place = Place(prometheus_of(profile), chosen, timeout_s, tell, mounted=mounted(profile, chosen))
    return Job(profile, {file.name: file.text for file in rules.rendered.files}, place, reason)


def _check(rules: RuleSet) -> None:
    """Refuse rules in which `ccops rules check` finds an error."""
    from ccops.rules.catalogue import load_catalogue
    from ccops.rules.check import Settings, check_rendered
    from ccops.rules.check.engine import SCRAPE_INTERVAL_S

    env = rules.rendered.env
    # A stack of ours scrapes every second, so that rules whose windows are scaled down still work.
    scrape_s = 1.0 if rules.profile.ours else SCRAPE_INTERVAL_S
    checked = check_rendered(rules.rendered, Settings(load_catalogue(env=env), scrape_s=scrape_s))
    found = [one for one in checked.findings if one.severity == "error"]
    if found:
        raise Refused(
            "RULES_CHECK_FAILED",
            f"{len(found)} finding(s) in the rules of {env}; nothing was changed",
            evidence="\n".join(f"{one.file}:{one.line}: {one.code} {one.message}" for one in found[:_SHOWN]),
            next_step=f"ccops rules check --env {env}",
        )
