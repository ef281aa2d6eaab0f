"""The one list of all codes: those of the tool, and those of the contract gate."""

from __future__ import annotations

import difflib
import fnmatch
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from ccops.contract.codes import catalogue
from ccops.core import errors
from ccops.core.errors import UsageError
from ccops.core.output import Report

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True, slots=True)
class Explanation:
    """A code (it may hold a star), what it means, what to do, and what others call it."""

    code: str
    means: str
    do: str
    alias: str = ""


@cache
def explanations() -> Mapping[str, Explanation]:
    """Return every code ccops can show."""
    found = dict(_of_the_tool())
    for code in catalogue().values():
        means, _, do = code.explanation.partition("What to do: ")
        found[code.code] = Explanation(code.code, means.strip(), do.strip(), code.alias)
    return dict(sorted(found.items()))


def find(code: str) -> Explanation | None:
    """Return the explanation of a code: by name, by another tool's name, by a pattern."""
    every = explanations()
    if code in every:
        return every[code]
    for one in every.values():
        if one.alias and one.alias == code:
            return one
    stars = (one for name, one in every.items() if "*" in name and fnmatch.fnmatchcase(code, name))
    return next(stars, None)


def explain_report(code: str) -> Report:
    """Return one explanation, or the list of all codes."""
    if not code:
        return _all()
    found = find(code) or find(code.upper())
    if found is None:
        near = difflib.get_close_matches(code.upper(), explanations(), n=3)
        raise UsageError(
            "EXPLAIN_UNKNOWN",
            f"there is no code {code!r}",
            evidence=f"near: {', '.join(near)}"
            if near
            else "codes stand in square brackets in every message",
            next_step=f"ccops explain {near[0]}" if near else "ccops explain",
        )
    data = {"code": code, "means": found.means, "do": found.do, "oasdiff": found.alias or None}

    def draw(screen: Console) -> None:
        screen.print(code if "*" in found.code else found.code, style="bold", markup=False)
        screen.print(f"  {found.means}", markup=False)
        screen.print(f"  What to do: {found.do}", markup=False)
        if found.alias:
            screen.print(f"  oasdiff calls it {found.alias}", style="dim", markup=False)

    return Report("ccops.explain/v1", data, text=draw)


def _all() -> Report:
    rows = [{"code": one.code, "means": one.means} for one in explanations().values()]

    def draw(screen: Console) -> None:
        for one in explanations().values():
            screen.print(one.code, markup=False, soft_wrap=True)

    return Report("ccops.explain/v1", {"codes": rows}, text=draw)


def _of_the_tool() -> Mapping[str, Explanation]:
    import yaml

    path = Path(errors.__file__).with_name("explanations.yml")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    raw = yaml.load(path.read_text(encoding="utf-8"), Loader=loader)  # noqa: S506 - a safe loader, in C
    return {code: Explanation(code, means, do) for code, (means, do) in raw.items()}
