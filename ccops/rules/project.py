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
    if options.time_scale != _ONE and profile.protected:
        raise Refused(
            "TIME_SCALE_PROTECTED",
            f"{profile.env} is protected; its windows are not shortened",
            evidence="CCOPS_PROTECTED=1: rules with short windows would page people for nothing",
            next_step="leave --time-scale out, or use an unprotected environment",
        )
    resolved = resolved_of(profile, options.sets)
    templates = templates_of(profile.project)
    cache = profile.project.home / "cache" / "templates"
    rendered = render_set(templates, profile.env, resolved, time_scale=options.time_scale, cache=cache)
    return RuleSet(profile, resolved, rendered)


def rule_sets(
    project: Project, names: tuple[str, ...], options: Options | None = None
) -> tuple[RuleSet, ...]:
    """Return the rules of several environments. Raises UsageError with the faults of all of them."""
    done, failed = [], []
    for name in names:
        try:
            done.append(rule_set(load_profile(name, project), options))
        except UsageError as error:
            failed.append(error)
    if len(failed) == 1:
        raise failed[0]
    if failed:
        raise UsageError(
            "THRESHOLDS_INVALID",
            f"{len(failed)} environments can't be rendered",
            evidence="\n".join(dict.fromkeys(error.evidence or error.message for error in failed)),
            next_step=failed[0].next_step,
        )
    return tuple(done)
