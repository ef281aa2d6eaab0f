"""Routes over all files of a service: declared twice, hidden by an earlier one, routers in one place."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from ccops.contract.lint_python import Declared, Included, Route

_PARAMETER = re.compile(r"\{[^}]*\}")
_DEEPEST = 8


@dataclass(frozen=True, slots=True)
class Clash:
    """Something that is there twice, or can't be reached, and where the first one stands."""

    code: str
    file: str
    line: int
    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class _Mounted:
    file: str
    route: Route
    path: str


def clashes(files: Mapping[str, Declared]) -> Iterator[Clash]:
    """Yield what is wrong between the routes of `files` (path -> what it declares)."""
    tree = _Tree(files)
    mounted = list(tree.mounted())
    yield from _twice(mounted)
    yield from _hidden(mounted)
    yield from tree.included_twice()
    yield from tree.shared_prefixes()


class _Tree:
    def __init__(self, files: Mapping[str, Declared]) -> None:
        self._files = files
        self._stems: dict[str, list[str]] = defaultdict(list)
        for name in files:
            path = PurePosixPath(name)
            self._stems[path.parent.name if path.stem == "__init__" else path.stem].append(name)
        # (file, router) -> who includes it, where
        self._parents: dict[tuple[str, str], list[tuple[str, Included]]] = defaultdict(list)
        for name, declared in files.items():
            for one in declared.included:
                if child := self._resolved(name, one.child):
                    self._parents[child].append((name, one))

    def mounted(self) -> Iterator[_Mounted]:
        for name, declared in self._files.items():
            for route in declared.routes:
                owner = self._resolved(name, route.router) or (name, route.router)
                for prefix in self._prefixes(owner, 0):
                    yield _Mounted(name, route, f"{prefix}{route.path}" or "/")

    def included_twice(self) -> Iterator[Clash]:
        for parents in self._parents.values():
            seen: dict[tuple[str, str, str], int] = {}
            for name, one in parents:
                key = (name, one.parent, one.prefix)
                if key in seen:
                    message = f"router {one.child} is included twice below {one.prefix or '/'}"
                    hint = f"first on line {seen[key]}"
                    yield Clash("LINT_ROUTER_DUPLICATE", name, one.line, message, hint)
                seen.setdefault(key, one.line)

    def shared_prefixes(self) -> Iterator[Clash]:
        first: dict[str, tuple[str, int]] = {}
        for name, declared in self._files.items():
            for router, (own, line) in declared.routers.items():
                for prefix in self._prefixes((name, router), 0) if own else ():
                    if prefix in first and first[prefix][0] != name:
                        file, at = first[prefix]
                        message = f"a second router answers below {prefix}"
                        hint = f"the first is in {file}:{at}; keep the routes of one domain in one module"
                        yield Clash("LINT_ROUTER_DUPLICATE", name, line, message, hint)
                    first.setdefault(prefix, (name, line))

    def _prefixes(self, owner: tuple[str, str], depth: int) -> list[str]:
        """Return every place a router is mounted at; one that nobody includes stands where it says."""
        name, router = owner
        own = self._files[name].routers.get(router, ("", 0))[0] if name in self._files else ""
        parents = self._parents.get(owner, [])
        if not parents or depth > _DEEPEST:
            return [own]
        found: dict[str, None] = {}
        for file, one in parents:
            above = self._resolved(file, one.parent) or (file, one.parent)
            for prefix in self._prefixes(above, depth + 1):
                found[f"{prefix}{one.prefix}{own}"] = None
        return list(found)

    def _resolved(self, name: str, router: str) -> tuple[str, str] | None:
        """Return file and name of a router: of this file, imported by name, or `module.router`."""
        declared = self._files[name]
        if router in declared.routers:
            return name, router
        dotted = router if "." in router else declared.imported.get(router, "")
        stem, _, last = dotted.rpartition(".")
        fits = [
            file for file in self._stems.get(stem.rpartition(".")[2], ()) if last in self._files[file].routers
        ]
        return (fits[0], last) if len(fits) == 1 else None


def _twice(mounted: list[_Mounted]) -> Iterator[Clash]:
    first: dict[tuple[str, str], _Mounted] = {}
    for one in mounted:
        key = (one.route.method, _PARAMETER.sub("{}", one.path).rstrip("/") or "/")
        if key in first:
            other = first[key]
            if (other.file, other.route.line) != (one.file, one.route.line):
                message = f"{one.route.method} {one.path} is declared twice"
                hint = f"first in {other.file}:{other.route.line}; only the first one ever answers"
                yield Clash("LINT_ROUTE_DUPLICATE", one.file, one.route.line, message, hint)
        else:
            first[key] = one


def _hidden(mounted: list[_Mounted]) -> Iterator[Clash]:
    groups: dict[tuple[str, str, str, int], list[_Mounted]] = defaultdict(list)
    for one in mounted:
        groups[one.file, one.route.router, one.route.method, one.path.count("/")].append(one)
    for group in groups.values():
        wide = [one for one in group if "{" in one.path]
        for one in group:
            by = next((each for each in wide if _hides(each, one)), None)
            if by is not None:
                message = f"{one.route.method} {one.path} can't be reached"
                hint = (
                    f"{by.path} on line {by.route.line} comes first and takes it; declare it after this one"
                )
                yield Clash("LINT_ROUTE_SHADOWED", one.file, one.route.line, message, hint)


def _hides(earlier: _Mounted, later: _Mounted) -> bool:
    if earlier.route.line >= later.route.line or earlier.path == later.path:
        return False
    pairs = list(zip(earlier.path.split("/"), later.path.split("/"), strict=True))
    fits = all(ours == theirs or _takes(ours, theirs) for ours, theirs in pairs)
    return fits and any(_takes(ours, theirs) and "{" not in theirs for ours, theirs in pairs)


def _takes(ours: str, theirs: str) -> bool:
    """Return whether a whole-segment parameter without a converter takes `theirs`."""
    whole = ours.startswith("{") and ours.endswith("}") and ":" not in ours and ours.count("{") == 1
    return whole and theirs != ""
