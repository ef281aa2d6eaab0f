"""Check env files: keys, types, ranges, order, and what a protected environment refuses. Reads files only."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence

from ccops.core.errors import UsageError
from ccops.core.output import Issue
from ccops.core.profile import Profile, Project
from ccops.profiles.envfile import EnvFile, read_env
from ccops.profiles.kinds import Wrong, is_secret, parsed
from ccops.profiles.known import Known, known_keys
from ccops.profiles.order import order_findings
from ccops.profiles.protect import protected_issues
from ccops.rules.project import environments
from ccops.rules.thresholds import PREFIXES, judge

# Without these nobody can say what a profile is about.
REQUIRED = ("CCOPS_STACK", "CCOPS_PROTECTED", "APP_ENV")
_SYSTEMS = ("BACKEND_URL", "DATABASE_URL", "REDIS_URL", "KAFKA_BOOTSTRAP", "CLICKHOUSE_URL", "PROMETHEUS_URL")


def check_envs(project: Project, names: Sequence[str]) -> tuple[Issue, ...]:
    """Return what is wrong with env/NAME.env for each of `names`, by file and line.

    The order of thresholds is judged over all files of the project; of it only what is about `names` counts.
    Raises UsageError when there is no such environment or something can't be read.
    """
    present = environments(project)
    if missing := [name for name in names if name not in present]:
        near = difflib.get_close_matches(missing[0], present, n=1)
        raise UsageError(
            "ENV_UNKNOWN",
            f"there is no environment {missing[0]!r}",
            evidence=f"{project.root / 'env'} has: {', '.join(present) or 'no *.env file'}",
            next_step=f"--env {near[0]}" if near else "ccops env check --all-envs",
        )
    files = {name: read_env(project, name) for name in present}
    found = [issue for name in names for issue in check_file(project, files[name])]
    known = known_keys(project, files[names[0]]) if names else None
    if known is not None:
        order = order_findings(known.thresholds, list(files.values()))
        found += [one for one in order if any(name in one.where + one.evidence for name in _labels(names))]
    return tuple(sorted(found, key=_place))


def order_issues(project: Project, changed: Profile) -> tuple[Issue, ...]:
    """Return what is wrong with the order of thresholds now that `changed` was written."""
    files = [read_env(project, name) for name in environments(project)]
    known = known_keys(project, next(one for one in files if one.env == changed.env))
    label = f"env/{changed.env}.env"
    return tuple(one for one in order_findings(known.thresholds, files) if label in one.where + one.evidence)


def check_file(project: Project, file: EnvFile) -> tuple[Issue, ...]:
    """Return what is wrong with one env file by itself."""
    known = known_keys(project, file)
    found = [*file.issues, *_required(file, known), *_values(file, known), *_thresholds(file, known)]
    found += _names(file)
    if file.protected:
        found += protected_issues(file, known)
        found += _reachable(file)
    return tuple(found)


def _required(file: EnvFile, known: Known) -> Iterator[Issue]:
    needed = [key for key in REQUIRED if key not in file.values]
    needed += [
        key
        for key, schema in known.settings.items()
        if key not in file.values and "default" not in schema and not schema.get("secret")
    ]
    for key in needed:
        yield Issue(
            "ENV_KEY_MISSING", f"{key} is missing", next_step=f"add {key}= to {file.label}", where=file.label
        )


def _values(file: EnvFile, known: Known) -> Iterator[Issue]:
    for key, value in file.values.items():
        schema = known.schema(key)
        if schema is None:
            if not key.upper().startswith(PREFIXES):  # else judged with the thresholds
                near = known.nearest(key)
                said = f"did you mean {near}?" if near else "neither ccops nor the backend reads it"
                yield Issue("ENV_KEY_UNKNOWN", f"{key}: {said}", where=value.origin)
            continue
        try:
            parsed(value.text, schema)
        except Wrong as error:
            shown = "" if is_secret(key, schema) or "://" in value.text else f"it is {value.text!r}"
            yield Issue("ENV_VALUE_INVALID", f"{key} {error}", evidence=shown, where=value.origin)


def _thresholds(file: EnvFile, known: Known) -> Iterator[Issue]:
    _, faults = judge(known.thresholds, file.env, file.values, {})
    for fault in faults:
        yield Issue(fault.code, f"{fault.key}: {fault.why}", where=fault.origin)


def _names(file: EnvFile) -> Iterator[Issue]:
    """Yield what contradicts the name of the file, or the profile's own word about protection."""
    app = file.values.get("APP_ENV")
    if app is not None and app.text != file.env:
        yield Issue(
            "ENV_NAME_MISMATCH",
            f"APP_ENV is {app.text!r} in the profile {file.env!r}",
            evidence="topics and consumer groups end with it: commands would reach another environment's",
            next_step=f"APP_ENV={file.env}",
            where=app.origin,
        )
    backend = file.values.get("PROTECTED")
    if backend is not None and (backend.text.lower() in {"1", "true", "yes", "on"}) != file.protected:
        yield Issue(
            "ENV_PROTECTION_MISMATCH",
            f"PROTECTED={backend.text} contradicts CCOPS_PROTECTED={file.text('CCOPS_PROTECTED')}",
            next_step="remove PROTECTED: it follows CCOPS_PROTECTED",
            where=backend.origin,
        )


def _reachable(file: EnvFile) -> Iterator[Issue]:
    """Tell which systems a protected profile has no address for: the process environment is not asked."""
    missing = [f"CCOPS_{name}" for name in _SYSTEMS if f"CCOPS_{name}" not in file.values]
    if missing and file.text("CCOPS_STACK") == "external":
        yield Issue(
            "ENV_TARGET_MISSING",
            f"{len(missing)} system(s) have no address, and a protected profile takes none from the process",
            severity="note",
            evidence=", ".join(missing),
            next_step=f"add those that commands shall reach to {file.label}",
            where=file.label,
        )


def failing(issues: Iterable[Issue]) -> list[Issue]:
    """Return the findings that make a check fail: a note does not."""
    return [one for one in issues if one.severity != "note"]


def _labels(names: Sequence[str]) -> list[str]:
    return [f"env/{name}.env" for name in names]


def _place(one: Issue) -> tuple[str, int, str]:
    path, _, line = one.where.partition(":")
    return path, int(line) if line.isdigit() else 0, one.code
