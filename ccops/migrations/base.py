"""What the base branch has, what it held as released, and what merging with it would make."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ccops.core.places import shown
from ccops.core.reports.marks import Mark
from ccops.migrations.config import AlembicConfig
from ccops.migrations.graph import Graph
from ccops.migrations.history import History
from ccops.migrations.released import lock_in, lock_path
from ccops.migrations.revision import Revision
from ccops.migrations.scan import read_source

_BASES = ("origin/HEAD", "origin/main", "origin/master")


@dataclass(frozen=True, slots=True)
class Base:
    """The base branch. `why_not` says why nothing of it is known; "" when it is.

    held      revisions it has
    more      revisions that came there since this branch left it
    released  what was held as released where this branch left it: nobody may take that back here
    """

    name: str = ""
    why_not: str = ""
    held: frozenset[str] = frozenset()
    more: tuple[Revision, ...] = ()
    released: Mapping[str, str] = field(default_factory=dict)
    shallow: bool = False

    @property
    def part(self) -> str:
        """Return how it was looked at, for people."""
        if self.why_not:
            return f"not looked at: {self.why_not}"
        more = f", {len(self.more)} not here yet" if self.more else ""
        return f"{self.name}: {len(self.held)} revisions{more}" + (" (shallow clone)" if self.shallow else "")


def read_base(ref: str, config: AlembicConfig, graph: Graph, history: History) -> Base:
    """Return what `ref` has; "" looks for the usual names. Raises UsageError for an unknown one."""
    if history.why_not:
        if ref:
            history.check_ref(ref)  # asked for, so its absence is an error
        return Base(why_not=history.why_not)
    name = ref or usual(history)
    if not name:
        return Base(why_not="no origin/HEAD, origin/main or origin/master (--base REF)")
    there = history.at(name, config.locations)
    fork_point = history.merge_base(name)
    before = history.at(fork_point, config.locations) if fork_point else set()
    missing = [path for path in there - before if path.suffix == ".py" and not path.exists()]
    return Base(
        name,
        held=frozenset(
            node.id
            for node in graph.nodes.values()
            # Of what lies in another repository nobody knows whether it was released.
            if (path := node.path.resolve()) in there or not history.covers(path)
        ),
        more=tuple(_at(name, missing, history)),
        released=lock_at(fork_point, config, history),
        shallow=history.shallow,
    )


def usual(history: History) -> str:
    """Return the first of the usual names of a base branch that git knows, "" for none."""
    return next((name for name in _BASES if history.has(name)), "")


def lock_at(commit: str, config: AlembicConfig, history: History) -> Mapping[str, str]:
    """Return what was held as released at `commit`; {} for no commit, or when nothing was."""
    path = lock_path(config)
    source = history.text_at(commit, path) if commit and history.covers(path.resolve()) else None
    return lock_in(source.decode("utf-8", "replace"), path) if source is not None else {}


def _at(ref: str, paths: Iterable[Path], history: History) -> Iterator[Revision]:
    for path in sorted(paths):
        source = history.text_at(ref, path)
        found = read_source(source, path) if source is not None else None
        if isinstance(found, Revision):
            yield found


def merged_marks(graph: Graph, base: Base) -> list[Mark]:
    """Return the finding when this branch forks from what came to the base branch meanwhile."""
    merged = Graph([*graph.nodes.values(), *base.more])
    ours = next((head for head in graph.heads if head in merged.heads), "")
    theirs = next((head for head in merged.heads if head != ours), "")
    if not base.more or not ours or not theirs:
        return []  # what is wrong is wrong on the base branch alone
    listed = "\n".join(f"{node.id}  {shown(node.path)}" for node in base.more)
    pivot = merged.chain(ours, [theirs])[0]
    return [
        Mark(
            "ALEMBIC_NOT_FROM_BASE",
            f"after merging with {base.name} there are {len(merged.heads)} heads",
            file=shown(pivot.path),
            line=pivot.down_line or pivot.line,
            subject=pivot.id,
            detail=f"{base.name} has, and this branch has not:\n{listed}",
            next_step=f"git merge {base.name}, then ccops alembic rebase {pivot.id} --onto {theirs} --apply",
        )
    ]
