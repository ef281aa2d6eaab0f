"""From a project and the name of an environment to its rendered rules: the way every command takes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from ccops.core.errors import Refused, UsageError
from ccops.core.profile import Profile, Project, load_profile
from ccops.rules.render import RenderedSet, render_set
from ccops.rules.thresholds import FILE, Resolved, load_thresholds, resolve

TEMPLATES = "rules_templates"
_ONE = Decimal(1)


@dataclass(frozen=True, slots=True)
class RuleSet:
    """One environment's profile, thresholds and rendered rules."""

    profile: Profile
    resolved: Resolved
    rendered: RenderedSet


@dataclass(frozen=True, slots=True)
class Options:
    """What a call changes: `--set` values and `--time-scale`."""

    sets: Mapping[str, str] = field(default_factory=dict)
    time_scale: Decimal = _ONE


def templates_of(project: Project) -> Path:
    """Return the folder of the project's templates. Raises UsageError when there is none."""
    folder = project.root / TEMPLATES
    if not (folder / FILE).is_file():
        raise UsageError(
            "TEMPLATES_MISSING",
            f"{folder} holds no {FILE}",
            evidence="rules are rendered from rules_templates/ of the project",
            next_step="name a project that has it by --project",
        )
    return folder


def environments(project: Project) -> tuple[str, ...]:
    """Return the names of the project's env/*.env."""
    return tuple(sorted(path.stem for path in (project.root / "env").glob("*.env")))


def resolved_of(profile: Profile, sets: Mapping[str, str] | None = None) -> Resolved:
    """Return the thresholds of `profile`. Raises UsageError that lists every bad one."""
    thresholds = load_thresholds(templates_of(profile.project) / FILE)
    return resolve(thresholds, profile.env, profile.values, sets or {}, os.environ)


def rule_set(profile: Profile, options: Options | None = None) -> RuleSet:
    """Return the rules of `profile`. Raises Refused when a protected profile is to be scaled in time."""
    options = options or Options()
    return _rendered(profile, _resolved(profile, options), options)


def rule_sets(
    project: Project, names: tuple[str, ...], options: Options | None = None
) -> tuple[RuleSet, ...]:
    """Return the rules of several environments. Raises UsageError with the faults of all of them."""
    options = options or Options()
    done, failed = [], []
    for name in names:
        try:
            profile = load_profile(name, project)
            done.append((profile, _resolved(profile, options)))
        except UsageError as error:
            failed.append(error)
    if failed:
        raise _together(failed)
    return tuple(_rendered(profile, resolved, options) for profile, resolved in done)


def _resolved(profile: Profile, options: Options) -> Resolved:
    if options.time_scale != _ONE and profile.protected:
        raise Refused(
            "TIME_SCALE_PROTECTED",
            f"{profile.env} is protected; its windows are not shortened",
            evidence="CCOPS_PROTECTED=1: rules with short windows would page people for nothing",
            next_step="leave --time-scale out, or use an unprotected environment",
        )
    return resolved_of(profile, options.sets)


def _rendered(profile: Profile, resolved: Resolved, options: Options) -> RuleSet:
    cache = profile.project.home / "cache" / "templates"
    templates = templates_of(profile.project)
    made = render_set(templates, profile.env, resolved, time_scale=options.time_scale, cache=cache)
    return RuleSet(profile, resolved, made)


def _together(errors: list[UsageError]) -> UsageError:
    if len(errors) == 1:
        return errors[0]
    return UsageError(
        "THRESHOLDS_INVALID",
        f"{len(errors)} environments can't be rendered",
        evidence="\n".join(dict.fromkeys(error.evidence or error.message for error in errors)),
        next_step=errors[0].next_step,
    )
