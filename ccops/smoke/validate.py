"""Find scenarios by name, list them, and check many files at once."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ccops.core.errors import UsageError
from ccops.core.profile import Project
from ccops.smoke.findings import Finding
from ccops.smoke.loader import check_file, label_of
from ccops.smoke.model import Place, Scenario
from ccops.smoke.vocabulary import check_vocabulary

__all__ = ["Listed", "catalogue", "check_vocabulary", "find", "scenario_files", "validate"]

_FRAGMENTS = "fragments"
_SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class Listed:
    """One scenario file: the model, or what is wrong with it."""

    name: str
    path: Path
    label: str
    scenario: Scenario | None
    findings: tuple[Finding, ...]


def scenario_files(project: Project) -> list[Path]:
    """Return the scenario files of a project by name, without fragments."""
    folder = project.scenarios
    files = [path for path in folder.rglob("*") if path.suffix in _SUFFIXES and path.is_file()]
    own = [path for path in files if not _hidden(path.relative_to(folder))]
    return sorted(own, key=lambda path: (path.stem, str(path)))


def _hidden(inside: Path) -> bool:
    return inside.parts[0] == _FRAGMENTS or any(part.startswith(".") for part in inside.parts)


def catalogue(project: Project) -> list[Listed]:
    """Return every scenario of the project; a file with errors is listed with them."""
    return [_listed(path, project.root) for path in scenario_files(project)]


def _listed(path: Path, root: Path | None) -> Listed:
    label = label_of(path, root)
    try:
        scenario, findings = check_file(path, root=root)
    except UsageError as err:
        return Listed(path.stem, path, label, None, (Finding(Place(label, 1, 1), err.message, err.evidence),))
    if scenario is not None and scenario.name != path.stem:
        message = f"the scenario is called {scenario.name!r} and its file {path.stem!r}"
        findings = [Finding(scenario.place, message, "people look for it by the file's name")]
        scenario = None
    return Listed(path.stem, path, label, scenario, tuple(findings))


def find(project: Project, name: str) -> Path:
    """Return the file of the scenario `name`, or `name` itself when it is a path to a file.

    Raises UsageError with the nearest known name.
    """
    given = Path(name).expanduser()
    if "/" in name or given.suffix in _SUFFIXES:
        return _find_file(project, given, name)
    files = {path.stem: path for path in scenario_files(project)}
    if name in files:
        return files[name]
    near = difflib.get_close_matches(name, files, n=1)
    raise UsageError(
        "SCENARIO_UNKNOWN",
        f"there is no scenario {name!r}",
        evidence=f"{project.scenarios} has: {', '.join(files) or 'no scenario'}",
        next_step=f"did you mean {near[0]}?" if near else "ccops smoke list",
    )


def _find_file(project: Project, given: Path, name: str) -> Path:
    for path in (given, project.root / given, project.scenarios / given):
        if path.is_file():
            return path
    raise UsageError(
        "SCENARIO_UNKNOWN",
        f"there is no file {name}",
        evidence=f"looked in {Path.cwd()}, {project.root} and {project.scenarios}",
        next_step="ccops smoke list",
    )


def validate(paths: Iterable[Path], *, root: Path | None = None) -> list[Finding]:
    """Return every error of every file, and names that two files share."""
    findings: list[Finding] = []
    first: dict[str, str] = {}
    for path in paths:
        listed = _listed(path, root)
        findings += listed.findings
        if listed.name in first and first[listed.name] != listed.label:
            message = f"a scenario {listed.name!r} is also in {first[listed.name]}"
            findings.append(Finding(Place(listed.label, 1, 1), message))
        first.setdefault(listed.name, listed.label)
    return findings
