"""The sides of a comparison of rules: an environment as it is, as it was at a git reference, or as loaded."""

from __future__ import annotations

import io
import tarfile
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ccops.core.errors import UsageError
from ccops.core.git import git
from ccops.core.profile import Profile, Project, load_profile
from ccops.rules.flat import FlatRule, flatten
from ccops.rules.project import TEMPLATES, rule_set
from ccops.rules.server import LoadedGroup, loaded_groups, open_server
from ccops.rules.thresholds import FILE


@dataclass(frozen=True, slots=True)
class Side:
    """The rules of one side, and what to call it. `ignored` counts groups of others on a server."""

    name: str
    rules: tuple[FlatRule, ...]
    ignored: int = 0


def of_profile(profile: Profile) -> Side:
    """Return the rules that the working tree renders for `profile`."""
    rendered = rule_set(profile).rendered
    return Side(profile.env, flatten((file.name, file.text) for file in rendered.files))


def of_git(profile: Profile, reference: str) -> Side:
    """Return the rules of the same environment at a git reference, rendered by the engine of today.

    Raises UsageError when git knows no such commit, or it holds no rules for this environment.
    """
    root = profile.project.root
    commit = _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{reference}^{{commit}}")
    if commit is None:
        raise UsageError(
            "GIT_REF_INVALID",
            f"git knows no commit {reference!r}",
            evidence=f"asked in {root}",
            next_step="--against origin/main, or the address of a Prometheus server",
        )
    hash_ = commit.decode().strip()
    with tempfile.TemporaryDirectory(prefix="ccops-rules-") as folder:
        old = _extracted(root, hash_, Path(folder), reference)
        project = Project(old, profile.project.home)
        rendered = rule_set(load_profile(profile.env, project, {})).rendered
        rules = flatten((file.name, file.text) for file in rendered.files)
    return Side(f"{profile.env} at {reference}", rules)


def of_server(url: str, ours: Sequence[FlatRule], *, timeout: float = 5.0) -> Side:
    """Return what the Prometheus at `url` has loaded of our rules.

    Groups count when they come from a folder of rule files that has one of ours; others are only counted.
    """
    with open_server(url, timeout=timeout) as client:
        groups = loaded_groups(client)
    names = {rule.group for rule in ours}
    folders = {_folder(group) for group in groups if group.name in names}
    mine = [group for group in groups if _folder(group) in folders]
    rules = tuple(rule for group in mine for rule in _flat(group))
    return Side(url, rules, len(groups) - len(mine))


def is_address(text: str) -> bool:
    """Return whether `text` names a server rather than a commit."""
    return text.startswith(("http://", "https://"))


def _folder(group: LoadedGroup) -> str:
    return str(PurePosixPath(group.file).parent)


def _flat(group: LoadedGroup) -> list[FlatRule]:
    return [
        FlatRule(
            file=PurePosixPath(group.file).name,
            group=group.name,
            alerting=rule.alerting,
            name=rule.name,
            expr=rule.query,
            for_s=rule.duration_s,
            keep_firing_for_s=rule.keep_firing_for_s,
            labels=dict(rule.labels),
            annotations=dict(rule.annotations),
            interval_s=group.interval_s,
            limit=group.limit,
        )
        for rule in group.rules
    ]


def _extracted(root: Path, commit: str, folder: Path, reference: str) -> Path:
    """Write templates and env files of `commit` into `folder`; return the project's root there."""
    prefix = (_git(root, "rev-parse", "--show-prefix") or b"").decode().strip()
    wanted = [f"{prefix}{TEMPLATES}", f"{prefix}env"]
    top = (_git(root, "rev-parse", "--show-toplevel") or b"").decode().strip()
    archive = _git(Path(top), "archive", "--format=tar", commit, "--", *wanted)
    if archive is not None:
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            tar.extractall(folder, filter="data")
        if (folder / prefix / TEMPLATES / FILE).is_file():
            return folder / prefix
    raise UsageError(
        "RULES_NOT_AT_REF",
        f"{reference} has no {TEMPLATES}/{FILE} and env",
        evidence=f"commit {commit[:12]}",
        next_step="name a commit that has both",
    )


def _git(root: Path, *args: str) -> bytes | None:
    """Return what git printed; None when it refused."""
    answer = git(root, *args)
    if answer.code is None:
        raise UsageError(
            "GIT_MISSING",
            "git can't be asked",
            evidence=answer.said,
            next_step="install git, or use --env twice",
        )
    return answer.out if answer.good else None
