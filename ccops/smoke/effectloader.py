"""From nodes to expectations and effects."""

from __future__ import annotations

from dataclasses import dataclass

from ccops.smoke import tables
from ccops.smoke.declared import Declared
from ccops.smoke.document import Node
from ccops.smoke.durations import parse_duration
from ccops.smoke.findings import suggestion
from ccops.smoke.model import Act, CountRule, Effect, Expect
from ccops.smoke.patterns import check_pattern
from ccops.smoke.reader import plain_mapping, text
from ccops.smoke.tables import Field, Shape


@dataclass(frozen=True, slots=True)
class EffectLoader:
    """Builds what a step asserts."""

    declared: Declared

    def expect(self, node: Node | None, act: Act) -> Expect | None:
        """Return what the answer must be."""
        if node is None:
            return None
        reader = self.declared.reader
        found = reader.fields(node, tables.EXPECT, "expect")
        for key in ("status", "json", "body", "rows"):
            if key in found:
                check_pattern(reader, found[key])
        if headers := found.get("headers"):
            check_pattern(reader, headers)
        if "json" in found and "body" in found:
            reader.fail(found["body"].place, "json and body are the same; give one")
        if "outcomes" in found and act.kind not in ("race", ""):
            reader.fail(found["outcomes"].place, "only a race has outcomes")
        if (same := found.get("same_as")) and text(same) not in self.declared.ids:
            reader.fail(
                same.place,
                f"no earlier step is called {text(same)!r}",
                suggestion(text(same), self.declared.ids),
            )
        body = found.get("json") or found.get("body")
        return Expect(
            place=node.place,
            status=_plain(found.get("status")),
            body=_plain(body),
            headers=plain_mapping(found.get("headers")),
            rows=_plain(found.get("rows")),
            outcomes=plain_mapping(found.get("outcomes")),
            same_as=text(found.get("same_as")),
        )

    def effects(self, node: Node | None) -> tuple[Effect, ...]:
        """Return the effects; one with an unknown target is left out."""
        found = [self._effect(item) for item in node.items()] if node else []
        return tuple(effect for effect in found if effect is not None)

    def _effect(self, node: Node) -> Effect | None:
        reader = self.declared.reader
        where = text(node.get("where"))
        system = where if where in tables.EFFECT_SYSTEMS else self.declared.watches.get(where, "")
        found = reader.fields(
            node, self._effect_shape(where, system), f"an effect on {where}" if where else "an effect"
        )
        if where and not system:
            self._unknown_where(node, where)
        if "match" in found:
            check_pattern(reader, found["match"])
        rule, count = self._rule(found)
        if rule is CountRule.NEVER:
            self._never(node)
        if not where or not system:
            return None
        source = tables.SOURCES.get(system, {})
        return Effect(
            where=where,
            match=found["match"].plain() if "match" in found else {},
            rule=rule,
            count=count,
            within_s=_seconds(found.get("within"), tables.DEFAULT_WITHIN_S[system]),
            place=node.place,
            source={key: value.plain() for key, value in found.items() if key in source},
            settle_s=_seconds(found.get("settle"), 0.0),
            by=_plain(found.get("by")),
            capture=reader.captures(found.get("capture")),
            label=text(found.get("label")),
        )

    def _effect_shape(self, where: str, system: str) -> Shape:
        if where in tables.SOURCES:
            return {**tables.EFFECT, **tables.SOURCES[where]}
        if system:
            return tables.EFFECT
        optional = {
            key: Field(each.kind, each.about, choices=each.choices)
            for key, each in tables.ALL_SOURCE_KEYS.items()
        }
        return {**tables.EFFECT, **optional}

    def _unknown_where(self, node: Node, where: str) -> None:
        place = (node.get("where") or node).place
        if where == "http":
            self.declared.reader.fail(place, "http has no effects", "its answer belongs under expect")
            return
        known = [*tables.EFFECT_SYSTEMS, *self.declared.watches]
        hint = suggestion(where, known)
        if where in ("ws", "kafka"):
            hint = f"declare a {where} watch and use its name"
        self.declared.reader.fail(place, f"where: no system or watch is called {where!r}", hint)

    def _rule(self, found: dict[str, Node]) -> tuple[CountRule, int]:
        given = [key for key in tables.RULES if key in found]
        if len(given) > 1:
            self.declared.reader.fail(
                found[given[1]].place, f"an effect has one rule, this one has {' and '.join(given)}"
            )
        if not given:
            return CountRule.AT_LEAST, 1
        value = found[given[0]].value
        rule = CountRule(given[0])
        return rule, 0 if rule is CountRule.NEVER or not isinstance(value, int) else value

    def _never(self, node: Node) -> None:
        """`never` watches a whole window, so that window must be said."""
        within, settle = node.get("within"), node.get("settle")
        if within is None or within.value == 0:
            self.declared.reader.fail(node.place, "never needs `within`: the window that is watched")
        if settle is not None:
            self.declared.reader.fail(settle.place, "settle means nothing with never", "make `within` longer")


def _seconds(node: Node | None, default: float) -> float:
    return default if node is None else parse_duration(node.value)


def _plain(node: Node | None) -> object:
    return None if node is None else node.plain()
