"""From nodes to steps."""

from __future__ import annotations

from dataclasses import dataclass

from ccops.smoke import tables
from ccops.smoke.actloader import ActLoader
from ccops.smoke.declared import Declared
from ccops.smoke.document import Node
from ccops.smoke.effectloader import EffectLoader
from ccops.smoke.model import Act, Step
from ccops.smoke.reader import text
from ccops.smoke.tables import Field


@dataclass(frozen=True, slots=True)
class StepLoader:
    """Builds the steps of a block."""

    declared: Declared

    def steps(self, node: Node | None, what: str) -> tuple[Step, ...]:
        """Return the steps of a list; those with errors may be incomplete."""
        found = [self._step(item, part=0, depth=0) for item in node.items()] if node else []
        if node is not None and not found and what == "steps":
            self.declared.reader.fail(node.place, "a scenario needs at least one step")
        return tuple(step for step in found if step is not None)

    def _step(self, node: Node, *, part: int, depth: int, default_id: str = "") -> Step | None:
        reader, declared = self.declared.reader, self.declared
        if not isinstance(node.value, dict):
            reader.fail(node.place, f"a step must be a mapping, this is a {node.kind}")
            return None
        acts = declared.act_entries(node)
        fields = {key: entry for key, entry in node.entries().items() if key not in acts}
        # Without an act, an unknown key is a misspelt one; the act loader says so.
        shape = {
            **tables.STEP,
            **(dict.fromkeys(declared.unknown_keys(node), Field("any")) if not acts else {}),
        }
        if default_id:
            shape["id"] = Field("name")
        known = reader.fields(Node(node.place, fields), shape, "a step")
        step_id = self._id(known.get("id"), default_id)
        part = self._part(known.get("part"), part)

        def nested(inner: Node, inner_id: str) -> Step | None:
            return self._step(inner, part=part, depth=depth + 1, default_id=inner_id)

        act = ActLoader(declared, step_id, depth, nested).act(node) or Act("", {}, node.place)
        asserts = EffectLoader(declared)
        return Step(
            id=step_id,
            act=act,
            place=node.place,
            title=reader.title(known.get("title")),
            part=part,
            expect=asserts.expect(known.get("expect"), act),
            capture=reader.captures(known.get("capture")),
            effects=asserts.effects(known.get("effects")),
        )

    def _id(self, node: Node | None, default: str) -> str:
        step_id = text(node) or default
        if not step_id:
            return ""
        place = node.place if node else None
        first = self.declared.ids.get(step_id)
        if first and place:
            self.declared.reader.fail(
                place, f"step id {step_id!r} is used twice", f"first on line {first.line}"
            )
        elif place:
            self.declared.ids[step_id] = place
        return step_id

    def _part(self, node: Node | None, inherited: int) -> int:
        if node is None or not isinstance(node.value, int):
            return inherited
        parts = self.declared.parts
        if node.value not in parts:
            known = ", ".join(str(number) for number in sorted(parts)) or "none"
            self.declared.reader.fail(node.place, f"part {node.value} is not declared", f"parts: {known}")
        return node.value
