"""`ccops lint routes`: forbidden words, routes that are there twice, settings read in passing."""

from __future__ import annotations

import ast
import fnmatch
import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from ccops.contract.lint_files import Source, allowed, sources
from ccops.contract.lint_python import Declared, declared, settings_read, shim_imports
from ccops.contract.lint_rules import Rules
from ccops.contract.lint_tree import clashes
from ccops.core.allowing import Allowed, judged
from ccops.core.reports.marks import Mark, Severity

CODES = {
    "LINT_FORBIDDEN_STRING": "A string that the rules forbid stands in a file.",
    "LINT_ROUTE_DUPLICATE": "Two handlers are declared for one method and path; only the first ever answers.",
    "LINT_ROUTE_SHADOWED": "An earlier route with a parameter takes every request meant for this one.",
    "LINT_ROUTER_DUPLICATE": "Two routers answer below one prefix, or one router is included twice.",
    "LINT_SETTINGS_OUTSIDE": "The process environment is read outside the settings module.",
    "LINT_SHIM_IMPORT": "A module is imported that is kept for old imports only.",
    "LINT_ALLOW_INVALID": "A comment allows a finding without a reason, or its date is over.",
    "LINT_ALLOW_UNUSED": "A comment allows a finding that is not there any more.",
    "LINT_UNPARSABLE": "A file can't be read as UTF-8 or parsed as Python, so that it was not looked at.",
}


@dataclass(frozen=True, slots=True)
class Fix:
    """A replacement that changes nothing but what it names: from `column` on, `old` becomes `new`."""

    path: Path
    name: str
    line: int
    column: int
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Linted:
    """What was found, what could be mended, and how many files were looked at."""

    marks: tuple[Mark, ...]
    fixes: tuple[Fix, ...]
    files: int

    @property
    def open(self) -> tuple[Mark, ...]:
        """Return the findings nobody allowed."""
        return tuple(mark for mark in self.marks if not mark.accepted)

    @property
    def failed(self) -> bool:
        """Return whether an error is open, or nothing was looked at."""
        return not self.files or any(mark.severity is Severity.ERROR for mark in self.open)


def lint(paths: Sequence[Path], rules: Rules, *, root: Path, today: date) -> Linted:
    """Return what the rules find below `paths`. `root` is what file names are relative to."""
    read = list(sources(paths, root, rules.exclude))
    marks: list[Mark] = []
    fixes: list[Fix] = []
    routes: dict[str, Declared] = {}
    for source in read:
        found = list(_strings(source, rules))
        marks += [mark for mark, _ in found]
        fixes += [fix for _, fix in found if fix is not None]
        if source.problem:
            marks.append(
                _mark("LINT_UNPARSABLE", "this file was not looked at", source, 1, 1, source.problem)
            )
        elif source.path.suffix == ".py":
            marks += _python(source, rules, routes)
    marks += [
        Mark(
            one.code, one.message, file=one.file, line=one.line, detail=one.hint, next_step=_explain(one.code)
        )
        for one in clashes(routes)
    ]
    comments = {source.name: allowed(source) for source in read}
    every = list(judged(marks, comments, today, _invalid, _unused))
    accepted = {(mark.file, mark.line) for mark in every if mark.accepted and mark.code.endswith("STRING")}
    left = tuple(fix for fix in fixes if (fix.name, fix.line) not in accepted)
    ordered = sorted(every, key=lambda mark: (mark.file, mark.line, mark.column, mark.code))
    return Linted(tuple(ordered), left, len(read))


def default_paths(rules: Rules, root: Path) -> list[Path]:
    """Return where to look when nobody says: the rules' folders that exist, else everything."""
    return [root / name for name in rules.look_in if (root / name).exists()] or [root]


def _strings(source: Source, rules: Rules) -> Iterator[tuple[Mark, Fix | None]]:
    for rule in rules.forbidden:
        if rule.string not in source.text:
            continue
        # `/api/users/profile` stands in `/api/users/profile/avatar`, and not in `/api/users/profiles`.
        whole = _whole(rule.string)
        for number, line in enumerate(source.lines, 1):
            for hit in whole.finditer(line):
                column = hit.start() + 1
                said = f"{rule.string!r} is forbidden" + (f": use {rule.instead!r}" if rule.instead else "")
                mark = _mark("LINT_FORBIDDEN_STRING", said, source, number, column, rule.why)
                # What goes on below the path is another path, which the replacement may not have.
                safe = (
                    rule.instead
                    and not source.outside
                    and line[hit.end() : hit.end() + 1] != "/"
                    and "ccops: allow" not in line
                )
                fix = Fix(source.path, source.name, number, column, rule.string, rule.instead)
                yield mark, fix if safe else None


def _whole(string: str) -> re.Pattern[str]:
    """Return `string` as whole words: an edge that is no word (a slash) may have anything beside it."""
    before = r"(?<![\w-])" if re.match(r"[\w-]", string) else ""
    after = r"(?![\w-])" if re.search(r"[\w-]\Z", string) else ""
    return re.compile(f"{before}{re.escape(string)}{after}")


def _python(source: Source, rules: Rules, routes: dict[str, Declared]) -> Iterator[Mark]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an odd escape in somebody's string is not our finding
            tree = ast.parse(source.text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = error.lineno or 1 if isinstance(error, SyntaxError) else 1
        said = f"{type(error).__name__}: {error}"
        yield _mark("LINT_UNPARSABLE", "this file can't be parsed", source, line, 1, said[:200])
        return
    routes[source.name] = declared(tree)
    own = any(fnmatch.fnmatchcase(f"/{source.name}", glob) for glob in rules.settings_only)
    for spot in settings_read(tree) if rules.settings_only and not own else ():
        said = f"{spot.text} is read outside {', '.join(glob.lstrip('*/') for glob in rules.settings_only)}"
        yield _mark("LINT_SETTINGS_OUTSIDE", said, source, spot.line, spot.column, rules.settings_why)
    for spot, shim in shim_imports(tree, rules.shims):
        hint = f"import {shim.instead} instead" if shim.instead else ""
        said = f"{spot.text} is kept for old imports only"
        yield _mark("LINT_SHIM_IMPORT", said, source, spot.line, spot.column, hint)


def _invalid(name: str, one: Allowed, why: str) -> Mark:
    return _comment_mark("LINT_ALLOW_INVALID", name, one, why)


def _unused(name: str, one: Allowed) -> Mark | None:
    if not one.code.startswith("LINT_"):
        return None
    return _comment_mark("LINT_ALLOW_UNUSED", name, one, f"{one.code} is allowed here and not found any more")


def _comment_mark(code: str, name: str, one: Allowed, message: str) -> Mark:
    return Mark(
        code,
        message,
        Severity.WARNING if code == "LINT_ALLOW_UNUSED" else Severity.ERROR,
        file=name,
        line=one.line,
        next_step=_explain(code),
    )


def _mark(code: str, message: str, source: Source, line: int, column: int, detail: str) -> Mark:
    return Mark(
        code,
        message,
        file=source.name,
        line=line,
        column=column,
        detail=detail,
        next_step=_explain(code),
    )


def _explain(code: str) -> str:
    return f"ccops explain {code}"
