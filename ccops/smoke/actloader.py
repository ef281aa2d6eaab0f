"""From nodes to acts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ccops.smoke import tables
from ccops.smoke.declared import Declared
from ccops.smoke.document import Node
from ccops.smoke.durations import parse_duration
from ccops.smoke.findings import suggestion
from ccops.smoke.kinds import check_kind
from ccops.smoke.model import Act, Place, Step
from ccops.smoke.reader import text

MAX_NESTING = 4
Nested = Callable[[Node, str], Step | None]  # the node of an inner step and the id it gets without its own


@dataclass(frozen=True, slots=True)
class ActLoader:
    """Builds the act of one step; `nested` builds its inner steps."""

    declared: Declared
    step_id: str
    depth: int
    nested: Nested

    def act(self, node: Node) -> Act | None:
        """Return the act of the step at `node`, or None when it has none."""
        reader, kinds = self.declared.reader, self.declared.act_entries(node)
        if len(kinds) > 1:
            second = list(kinds.values())[1]
            reader.fail(second.place, f"a step does one act, this one has {' and '.join(kinds)}")
        if not kinds:
            self._no_act(node)
            return None
        kind, entry = next(iter(kinds.items()))
        place = entry.place
        if kind in ("repeat", "race"):
            return self._compound(kind, entry.node, place)
        if kind in tables.OTHER_ACTS:
            return self._other(kind, entry.node, place)
        if kind in tables.ACTS:
            self._checked(kind, entry.node)
        return Act(kind, entry.node.plain(), place)

    def _no_act(self, node: Node) -> None:
        reader = self.declared.reader
        words = [*tables.ACT_KINDS, *self.declared.acts()]
        unknown = self.declared.unknown_keys(node)
        for key in unknown:
            near = [*words, *tables.STEP]
            reader.fail(node.entries()[key].place, f"unknown act or key {key!r}", suggestion(key, near))
        if not unknown:
            reader.fail(node.place, "the step has no act", f"one of {', '.join(words)}")

    def _checked(self, kind: str, node: Node) -> dict[str, Node]:
        """Check the arguments of an act and return the good ones."""
        found = self.declared.reader.fields(node, tables.ACTS[kind], f"act {kind}")
        one_of = tables.ONE_OF.get(kind)
        if one_of and isinstance(node.value, dict):
            given = [key for key in one_of if key in node.entries()]
            if len(given) != 1:
                self.declared.reader.fail(node.place, f"act {kind} needs exactly one of {', '.join(one_of)}")
        if kind == "ws":
            self._ws(node, found)
        return found

    def _ws(self, node: Node, found: dict[str, Node]) -> None:
        for verb in tables.WS_VERBS:
            if verb in found and "${" not in text(found[verb]):
                self.declared.need_watch(found[verb], "ws")
        for key, verb in (("how", "drop"), ("json", "send")):
            if key in found and verb not in node.entries():
                self.declared.reader.fail(found[key].place, f"{key!r} belongs to {verb!r}")

    def _other(self, kind: str, node: Node, place: Place) -> Act:
        if problem := check_kind(tables.OTHER_ACTS[kind], node):
            self.declared.reader.fail(node.place, f"{kind}: {problem[0]}", problem[1])
            return Act(kind, 0.0 if kind == "sleep" else {}, place)
        if kind == "sleep":
            return Act(kind, parse_duration(node.value), place)
        return Act(kind, self.declared.reader.variables(node, "set"), place)

    def _compound(self, kind: str, node: Node, place: Place) -> Act:
        found = self._checked(kind, node)
        args = {key: value.plain() for key, value in found.items() if key != "steps"}
        inner = found["steps"].items() if "steps" in found else ()
        if self.depth >= MAX_NESTING:
            self.declared.reader.fail(place, f"nested deeper than {MAX_NESTING} acts")
            return Act(kind, args, place)
        default = f"{self.step_id}-one" if kind == "race" else ""
        built = [self.nested(item, default) for item in inner]
        steps = tuple(step for step in built if step is not None)
        if kind == "race":
            self._race(place, steps)
        elif "steps" in found and not inner:
            self.declared.reader.fail(found["steps"].place, "repeat has no steps")
        return Act(kind, args, place, steps)

    def _race(self, place: Place, steps: tuple[Step, ...]) -> None:
        if len(steps) != 1 or steps[0].act.kind not in ("http", ""):
            self.declared.reader.fail(place, "race needs exactly one http step")
        for step in steps:
            if step.capture:
                self.declared.reader.fail(
                    step.place, "a step in a race captures nothing: there are many answers"
                )
            if step.effects:
                self.declared.reader.fail(
                    step.place, "a step in a race has no effects", "put them on the race itself"
                )
            if step.expect:
                self.declared.reader.fail(
                    step.expect.place, "a step in a race expects nothing", "expect outcomes on the race"
                )
