"""The graph of revisions: heads, bases, cycles, what two heads have in common."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property

from ccops.migrations.revision import Revision


class Graph:
    """Revisions by id. Of several files with one id the first counts; `duplicates` names them all."""

    def __init__(self, revisions: Iterable[Revision]) -> None:
        by_id: dict[str, list[Revision]] = defaultdict(list)
        for revision in revisions:
            by_id[revision.id].append(revision)
        self.nodes: Mapping[str, Revision] = {ident: found[0] for ident, found in by_id.items()}
        self.duplicates = {ident: tuple(found) for ident, found in by_id.items() if len(found) > 1}
        self.by_label = {label: node.id for node in self.nodes.values() for label in node.labels}

    @cached_property
    def children(self) -> Mapping[str, tuple[str, ...]]:
        """Return the revisions that follow each one."""
        found: dict[str, list[str]] = defaultdict(list)
        for node in self.nodes.values():
            for parent in node.down:
                if parent in self.nodes:
                    found[parent].append(node.id)
        return {ident: tuple(followers) for ident, followers in found.items()}

    @cached_property
    def heads(self) -> tuple[str, ...]:
        """Return the revisions that nothing follows, in the order of their files.

        What follows only itself is a head too: a self-loop is a finding of its own.
        """
        return tuple(
            ident for ident in self.nodes if not any(child != ident for child in self.children.get(ident, ()))
        )

    @cached_property
    def sure_heads(self) -> tuple[str, ...]:
        """Return the heads whose whole past is known; none while a file's own parents are not.

        What follows a missing parent may belong to another head, and a file that can't be read may follow
        any of them: those are findings of their own, not a fork.
        """
        if not all(node.whole for node in self.nodes.values()):
            return ()
        orphans = {
            node.id for node in self.nodes.values() if any(parent not in self.nodes for parent in node.down)
        }
        return tuple(head for head in self.heads if not orphans & self.ancestors(head))

    @cached_property
    def bases(self) -> tuple[str, ...]:
        """Return the revisions that follow nothing."""
        return tuple(node.id for node in self.nodes.values() if not node.down)

    def depends(self, node: Revision) -> tuple[str, ...]:
        """Return the ids that `node` depends on; a branch label stands for the revision that has it."""
        return tuple(self.by_label.get(name, name) for name in node.depends_on)

    def ancestors(self, *idents: str) -> set[str]:
        """Return `idents` and everything below them that is there; cycles end the walk."""
        return self._walked(idents, lambda ident: self.nodes[ident].down)

    def below(self, *idents: str) -> set[str]:
        """Return `idents` and all they follow or depend on: what a database at them has run."""
        return self._walked(idents, self._before.__getitem__)

    def _walked(self, idents: Iterable[str], onward: Callable[[str], Iterable[str]]) -> set[str]:
        seen: set[str] = set()
        open_ = [ident for ident in idents if ident in self.nodes]
        while open_:
            ident = open_.pop()
            if ident not in seen:
                seen.add(ident)
                open_ += [name for name in onward(ident) if name in self.nodes]
        return seen

    @cached_property
    def _before(self) -> Mapping[str, tuple[str, ...]]:
        """Return what must run before each revision: what it follows and what it depends on."""
        return {
            node.id: tuple(dict.fromkeys((*node.down, *self.depends(node)))) for node in self.nodes.values()
        }

    @cached_property
    def _behind(self) -> Mapping[str, Sequence[str]]:
        found: dict[str, list[str]] = defaultdict(list)
        for ident, before in self._before.items():
            for name in before:
                found[name].append(ident)
        return found

    def common_ancestor(self, heads: Sequence[str]) -> str:
        """Return the latest revision below all `heads`; "" when they share none."""
        shared = set.intersection(*(self.ancestors(head) for head in heads)) if heads else set()
        below = set().union(*(self.ancestors(*self.nodes[ident].down) for ident in shared))
        top = sorted(shared - below)
        return top[-1] if top else ""

    def chain(self, head: str, without: Iterable[str]) -> list[Revision]:
        """Return what `head` has and `without` have not, oldest first."""
        others = self.ancestors(*without)
        return [self.nodes[ident] for ident in self.ordered(self.ancestors(head) - others)]

    def ordered(self, idents: set[str]) -> list[str]:
        """Return `idents`, each after its parents and what it depends on; a cycle in its files' order."""
        waiting = {ident: sum(p in idents and p != ident for p in self._before[ident]) for ident in idents}
        ready = [ident for ident in self.nodes if waiting.get(ident) == 0]
        found: list[str] = []
        for ident in ready:
            found.append(ident)
            for child in self._behind.get(ident, ()):
                if child in waiting and child != ident:
                    waiting[child] -= 1
                    if waiting[child] == 0:
                        ready.append(child)
        placed = set(found)
        return found + [ident for ident in self.nodes if ident in idents and ident not in placed]

    @cached_property
    def cycles(self) -> tuple[tuple[str, ...], ...]:
        """Return the members of each cycle, and only those; a revision that follows itself is none.

        They are the strongly connected components of more than one member (Tarjan 1972, without recursion).
        """
        edges = {
            ident: tuple(p for p in before if p in self.nodes and p != ident)
            for ident, before in self._before.items()
        }
        return tuple(part for part in _components(edges) if len(part) > 1)


def _components(edges: Mapping[str, tuple[str, ...]]) -> Iterable[tuple[str, ...]]:
    """Yield the strongly connected components of a graph."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    held: set[str] = set()
    for root in edges:
        if root in index:
            continue
        work = [(root, iter(edges[root]))]
        index[root] = low[root] = len(index)
        stack.append(root)
        held.add(root)
        while work:
            ident, rest = work[-1]
            step = next(rest, None)
            if step is None:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[ident])
                if low[ident] == index[ident]:
                    yield _popped(stack, held, ident)
            elif step not in index:
                index[step] = low[step] = len(index)
                stack.append(step)
                held.add(step)
                work.append((step, iter(edges[step])))
            elif step in held:
                low[ident] = min(low[ident], index[step])


def _popped(stack: list[str], held: set[str], last: str) -> tuple[str, ...]:
    part: list[str] = []
    while True:
        ident = stack.pop()
        held.discard(ident)
        part.append(ident)
        if ident == last:
            return tuple(reversed(part))
