"""What git knows about migration files. What it can't say is said, never guessed."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ccops.core.errors import UsageError
from ccops.core.git import git

_ASKED_MOST = 40


@dataclass(frozen=True, slots=True)
class Added:
    """Who brought a file into the history, when (ISO date), and with which commit."""

    author: str
    date: str
    commit: str

    def __str__(self) -> str:
        return f"{self.author}, {self.date}, {self.commit[:9]}"


@dataclass(frozen=True, slots=True)
class Place:
    """A branch and the path, from the repository's root, of a file in it.

    gone_here  this branch had the file and deleted it: merging would not bring it back
    """

    branch: str
    path: str
    gone_here: bool = False


class History:
    """The git history around a folder. `why_not` says why there is none; "" when there is."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        code, out, said = self._git("rev-parse", "--is-shallow-repository", "--show-toplevel")
        lines = out.splitlines()
        self.why_not = "" if code == 0 and len(lines) == 2 else _reason(said)
        self.shallow = bool(lines) and lines[0] == "true"
        self.root = Path(lines[1]) if len(lines) == 2 else None

    def added(self, paths: Sequence[Path]) -> dict[Path, Added]:
        """Return who added each path; one that git does not know (yet, or in a shallow clone) is missing."""
        if self.why_not:
            return {}
        found: dict[Path, Added] = {}
        for path in paths[:_ASKED_MOST]:
            form = "--format=%an%x09%as%x09%H"
            _, out, _ = self._git("log", "--diff-filter=A", "--follow", form, "--", str(path.resolve()))
            fields = out.splitlines()[-1].split("\t") if out.strip() else []
            if len(fields) == 3:
                found[path] = Added(*fields)
        return found

    def at(self, ref: str, folders: Iterable[Path]) -> set[Path]:
        """Return the files below `folders` that `ref` holds. Raises UsageError for an unknown reference."""
        if self.why_not or self.root is None:
            raise _no_ref(ref, self.why_not)
        self.check_ref(ref)
        places = [
            os.path.relpath(folder.resolve(), self.root.resolve())
            for folder in folders
            if self.covers(folder.resolve())
        ]
        if not places:
            return set()
        # From the root: ls-tree's paths are relative to where it is asked.
        code, out, said = self._git("ls-tree", "-r", "-z", "--name-only", "--full-tree", ref, "--", *places)
        if code:
            raise _no_ref(ref, said)
        return {self.root / name for name in out.split("\0") if name}

    def text_at(self, ref: str, path: Path) -> bytes | None:
        """Return a file as it was at `ref`; None when it was not there."""
        if self.root is None:
            return None
        inside = os.path.relpath(path.resolve(), self.root.resolve())
        code, out, _ = self._git("show", f"{ref}:{inside}")
        return None if code else out.encode("utf-8", "surrogateescape")

    def check_ref(self, ref: str) -> str:
        """Return the commit of `ref`. Raises UsageError when there is none."""
        if not ref or ref.startswith("-") or ":" in ref:
            raise _no_ref(ref, "a reference neither begins with a dash nor holds a colon")
        code, out, said = self._git("rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}")
        if code:
            shallow = "; this clone is shallow: git fetch --unshallow" if self.shallow else ""
            raise _no_ref(ref, (self.why_not or said or "git knows no such commit") + shallow)
        return out.strip()

    def has(self, ref: str) -> bool:
        """Return whether git knows `ref`."""
        return self._git("rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}")[0] == 0

    def merge_base(self, ref: str) -> str:
        """Return the commit where this branch left `ref`; "" when git can't say (a shallow clone)."""
        code, out, _ = self._git("merge-base", "HEAD", ref)
        return "" if code else out.strip()

    def covers(self, path: Path) -> bool:
        """Return whether a resolved path lies within the repository."""
        return self.root is not None and path.is_relative_to(self.root.resolve())

    def changed(self, ref: str, folders: Iterable[Path]) -> set[Path]:
        """Return the files below `folders` that are not as they were at `ref`, as resolved paths."""
        inside = [str(folder.resolve()) for folder in folders if self.covers(folder.resolve())]
        if not inside or self.root is None:
            return set()
        options = ("--name-only", "-z", "--no-ext-diff", "--no-textconv", "--no-renames")
        code, out, said = self._git("diff", *options, ref, "--", *inside)
        if code:
            raise _no_ref(ref, said)
        return {(self.root / name).resolve() for name in out.split("\0") if name}

    def places_with(self, ident: str, folders: Sequence[Path]) -> tuple[Place, ...]:
        """Return where some file of `folders` writes `revision = "ident"`, here first."""
        if self.why_not:
            return ()
        # In full, since a branch may have the name of an option or of a tag.
        _, out, _ = self._git("for-each-ref", "--format=%(refname)", "refs/heads", "refs/remotes")
        refs = [name for name in out.split() if not name.endswith("/HEAD")][:_ASKED_MOST]
        if not ident.replace("_", "").replace("-", "").isalnum():
            return ()
        pattern = f"^revision[^=]*=[[:space:]]*['\"]{ident}['\"]"
        places = [str(folder.resolve()) for folder in folders if self.covers(folder.resolve())]
        if not places:
            return ()
        _, out, _ = self._git("grep", "-l", "-E", "--full-name", pattern, "HEAD", *refs, "--", *places)
        found: dict[str, str] = {}
        for line in out.splitlines():
            ref, _, path = line.partition(":")
            found.setdefault(ref, path)
        return tuple(self._place(ref, path) for ref, path in found.items())

    def _place(self, ref: str, path: str) -> Place:
        there = self.merge_base(ref)
        gone = bool(there) and self._git("cat-file", "-e", f"{there}:{path}")[0] == 0
        return Place(re.sub("^refs/(heads|remotes)/", "", ref), path, gone_here=gone)

    def _git(self, *args: str) -> tuple[int, str, str]:
        answer = git(self._folder, *args)
        return (1 if answer.code is None else answer.code), answer.text, answer.said


def _reason(said: str) -> str:
    if "not a git repository" in said:
        return "the folder is in no git repository"
    return said.splitlines()[0] if said else "git gave no answer"


def _no_ref(ref: str, why: str) -> UsageError:
    return UsageError(
        "GIT_REF_INVALID",
        f"nothing can be compared with {ref!r}",
        evidence=why,
        next_step="git fetch origin, then --since origin/main",
    )
