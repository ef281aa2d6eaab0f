"""Lay out a project folder from the packaged copy: all of it or nothing, and nothing is ever overwritten."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from ccops.core.errors import Refused, UsageError
from ccops.core.profile import Project, packaged_project
from ccops.profiles.check import check_envs, failing
from ccops.profiles.firstprofile import First, check, text_of

_TREES = ("rules_templates", "scenarios", "compose")
_FILES = ("docker-compose.yml", *(f"env/{name}.env" for name in ("dev", "staging", "prod")))
# A checkout may hold these beside what it ships; the first holds passwords.
_NEVER = frozenset({"compose/secrets", "compose/rules"})
# State and passwords of a stack that is started here are in the first.
_IGNORED = ".ccops/\ncompose/secrets/\ncompose/rules/\n"


@dataclass(frozen=True, slots=True)
class Part:
    """One file of the new project."""

    data: bytes
    program: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """What `init` would do in `folder`: `create` is missing there, `same` is there with the same bytes."""

    folder: Path
    env: str
    parts: Mapping[str, Part]
    create: tuple[str, ...]
    same: tuple[str, ...]

    @property
    def profile(self) -> str:
        return f"env/{self.env}.env"


def planned(folder: Path, first: First) -> Plan:
    """Return what is to be done. Raises UsageError for an impossible profile, Refused where files differ."""
    check(first)
    root = folder.expanduser().absolute()
    parts = {**_packaged(), f"env/{first.env}.env": Part(text_of(first).encode())}
    if not os.path.lexists(root / ".gitignore"):
        parts[".gitignore"] = Part(_IGNORED.encode())
    found = {name: _at(root, name, part) for name, part in sorted(parts.items())}
    if clashes := list(dict.fromkeys(place for place in found.values() if place not in {"", "same"})):
        raise Refused(
            "INIT_EXISTS",
            f"{len(clashes)} file(s) in {root} are there and differ; nothing was changed",
            evidence="\n".join(clashes),
            next_step="name another folder, or move them away",
        )
    create = tuple(name for name, said in found.items() if not said)
    return Plan(root, first.env, parts, create, tuple(name for name in found if name not in create))


def carried_out(plan: Plan) -> None:
    """Write what is missing. Raises UsageError for a profile that the check refuses, Refused where it can't.

    A folder that is not there yet appears whole; in one that is, every file is added without replacing any,
    and what was added is taken away again when one can't be.
    """
    if not plan.create:
        return
    try:
        if plan.folder.is_dir():
            with _staged(plan, plan.folder) as scratch:
                _add(plan, scratch)
        else:
            plan.folder.parent.mkdir(parents=True, exist_ok=True)
            with _staged(plan, plan.folder.parent) as scratch:
                scratch.rename(plan.folder)
    except OSError as error:
        raise Refused(
            "INIT_IMPOSSIBLE",
            f"the project can't be written: {error.strerror}",
            evidence=str(error.filename2 or error.filename or plan.folder),
            next_step="name a folder of yours that is not there yet",
        ) from error


@contextmanager
def _staged(plan: Plan, beside: Path) -> Iterator[Path]:
    """Yield a scratch folder with the whole project, checked; what is left of it is removed."""
    scratch = Path(tempfile.mkdtemp(prefix=".ccops-init-", dir=beside))
    try:
        for name, part in plan.parts.items():
            path = scratch / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(part.data)
            path.chmod(0o755 if part.program else 0o644)
        if bad := failing(check_envs(Project(scratch, scratch), (plan.env,))):
            raise UsageError(
                "INIT_INVALID",
                f"{plan.profile} would have {len(bad)} finding(s)",
                evidence="\n".join(f"{one.where}: {one.message}" for one in bad),
                next_step="ccops init --help",
            )
        scratch.chmod(0o755)
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _add(plan: Plan, scratch: Path) -> None:
    files, folders = list[Path](), list[Path]()
    try:
        for name in plan.create:
            path = plan.folder / name
            for folder in reversed([one for one in path.parents if plan.folder in one.parents]):
                if not folder.is_dir():
                    folder.mkdir()
                    folders.append(folder)
            _place(scratch / name, path)
            files.append(path)
    except BaseException:
        for path in files:
            path.unlink(missing_ok=True)
        for folder in reversed(folders):
            with suppress(OSError):  # somebody put a file of theirs there
                folder.rmdir()
        raise


def _place(source: Path, target: Path) -> None:
    """Give `source` its second name. Raises FileExistsError rather than replace anything."""
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno not in {errno.EPERM, errno.ENOTSUP, errno.EXDEV, errno.EMLINK}:
            raise
        # A file system without links: at least nothing is replaced.
        try:
            with target.open("xb") as file:
                file.write(source.read_bytes())
        except FileExistsError:
            raise
        except BaseException:
            target.unlink(missing_ok=True)
            raise
        target.chmod(source.stat().st_mode & 0o777)


def _at(root: Path, name: str, part: Part) -> str:
    """Return nothing for a free place, `same` for the same bytes, else what is in the way."""
    here = root
    for word in ("", *Path(name).parts[:-1]):
        here = here / word
        if os.path.lexists(here) and not here.is_dir():
            return str(here)
    path = root / name
    if not os.path.lexists(path):
        return ""
    return "same" if path.is_file() and path.read_bytes() == part.data else str(path)


def _packaged() -> dict[str, Part]:
    """Return the files of the packaged project by their path from its root."""
    root = packaged_project()
    paths = [root / name for name in _FILES]
    paths += [path for tree in _TREES for path in (root / tree).rglob("*") if path.is_file()]
    found = {}
    for path in paths:
        name = path.relative_to(root)
        hidden = any(word.startswith((".", "__")) for word in name.parts)
        if not hidden and not any(str(folder) in _NEVER for folder in name.parents):
            found[str(name)] = Part(path.read_bytes(), bool(path.stat().st_mode & 0o100))
    return found
