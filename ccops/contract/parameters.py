"""Parameters and response headers: named texts, each with a schema."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher

from ccops.contract import wire
from ccops.contract.collect import Collector, Use
from ccops.contract.match import Operation
from ccops.contract.model import Direction, Verdict, Witness
from ccops.contract.normalise import frozen
from ccops.contract.oracle import Budget
from ccops.contract.parameter import Parameter, listed
from ccops.contract.relate_objects import SIMILAR

_NONE = object()


def compare(collector: Collector, old: Operation, new: Operation, direction: Direction) -> None:
    """Compare the parameters of one operation."""
    olds, news = (
        listed(source, one) for source, one in zip(collector.sources(direction), (old, new), strict=True)
    )
    run = _Run(collector, old.name, direction)
    gone = [one for key, one in sorted(olds.items()) if key not in news]
    come = [one for key, one in sorted(news.items()) if key not in olds]
    for one in list(gone):
        twin = next(
            (two for two in come if run.is_renamed(one, two, alone=len(gone) == len(come) == 1)), None
        )
        if twin is not None:
            run.renamed(one, twin)
            gone.remove(one)
            come.remove(twin)
    for one in gone:
        if one.place != "path":
            run.removed(one)
    for one in come:
        if one.place != "path":
            run.added(one)
    for key in sorted(olds.keys() & news.keys()):
        run.kept(olds[key], news[key])


@dataclass(frozen=True, slots=True)
class _Run:
    collector: Collector
    operation: str
    direction: Direction

    def _note(
        self,
        code: str,
        verdict: Verdict,
        at: tuple[str, str],
        said: str,
        reason: str,
        *,
        old: object = None,
        new: object = None,
        witness: Witness | None = None,
        path: str = "",
    ) -> None:
        self.collector.add(
            code,
            self.operation,
            verdict,
            at,
            old=old,
            new=new,
            message=f"{self.operation}: {said}",
            reason=reason,
            witness=witness,
            direction=self.direction,
            path=path,
        )

    def is_renamed(self, old: Parameter, new: Parameter, *, alone: bool) -> bool:
        """Return whether only the name or the place of a parameter changed."""
        if "path" in (old.place, new.place) or old.required != new.required:
            return False
        if old.key != new.key and old.place != new.place:
            return False
        alike = alone or old.key == new.key or SequenceMatcher(None, old.name, new.name).ratio() >= SIMILAR
        if not alike:
            return False
        relation, _ = self.collector.relation(self.direction, wire=old.wire and new.wire)
        return not relation.changes(old.schema, new.schema)

    def renamed(self, old: Parameter, new: Parameter) -> None:
        """Note a parameter with another name or place."""
        code = "PARAMETER_RENAMED" if old.place == new.place else "PARAMETER_MOVED"
        target = new.name if old.place == new.place else f"the {new.place}"
        witness = self._missing(new) if new.required else None
        verdict = Verdict.REFUTED if new.required and witness else Verdict.UNKNOWN
        reason = witness.note if witness else "the old one still arrives, and is ignored"
        self._note(
            code,
            verdict,
            (old.at, new.at),
            f"{old.place} parameter {old.name} is {target} now",
            reason,
            old=f"{old.place} {old.name}",
            new=f"{new.place} {new.name}",
            witness=witness,
            path=f"$.{old.name}",
        )

    def removed(self, old: Parameter) -> None:
        """Note a parameter that is gone."""
        self._note(
            "PARAMETER_REMOVED",
            Verdict.UNKNOWN,
            (old.at, ""),
            f"{old.place} parameter {old.name} is gone",
            "calls that carry it still arrive, and it is ignored",
            old=f"{old.place} {old.name}",
            path=f"$.{old.name}",
        )

    def added(self, new: Parameter) -> None:
        """Note a new parameter."""
        witness = self._missing(new) if new.required else None
        code = "REQUIRED_PARAMETER_ADDED" if new.required else "PARAMETER_ADDED"
        self._note(
            code,
            Verdict.REFUTED if new.required else Verdict.PROVED,
            ("", new.at),
            f"{'required ' if new.required else ''}{new.place} parameter {new.name} is new",
            "existing calls don't carry it" if new.required else "existing calls are taken as before",
            new=f"{new.place} {new.name}",
            witness=witness,
            path=f"$.{new.name}",
        )

    def kept(self, old: Parameter, new: Parameter) -> None:
        """Compare a parameter both have."""
        at, path = (old.at, new.at), f"$.{old.name}"
        label = f"{old.place} parameter {old.name}"
        if old.required != new.required and old.place != "path":
            witness = self._missing(new) if new.required else None
            word = "REQUIRED" if new.required else "OPTIONAL"
            self._note(
                f"PARAMETER_BECAME_{word}",
                Verdict.REFUTED if new.required else Verdict.PROVED,
                at,
                f"{label} became {word.lower()}",
                witness.note if witness else "calls that carry it are taken as before",
                witness=witness,
                path=path,
            )
        marks = [one.raw.get("deprecated") is True for one in (old, new)]
        if marks[0] != marks[1]:
            code = "PARAMETER_DEPRECATED" if marks[1] else "PARAMETER_REACTIVATED"
            word = "deprecated" if marks[1] else "no longer deprecated"
            self._note(code, Verdict.PROVED, at, f"{label} is {word}", "it is still taken", path=path)
        self._default(old, new, label)
        wired = old.wire and new.wire
        use = Use(self.operation, "parameter", label, (old.place, old.name))
        self.collector.schema(use, self.direction, old.schema, new.schema, wire=wired)
        if self._written_anew(old, new):
            self._note(
                "PARAMETER_STYLE_CHANGED",
                Verdict.REFUTED,
                at,
                f"{label} is written another way",
                "what callers write reads differently now",
                old=old.spelling,
                new=new.spelling,
                path=path,
            )

    def _written_anew(self, old: Parameter, new: Parameter) -> bool:
        """Return whether the same value is another text now: lists by style, all by `;p=1`, `.1` or JSON."""
        if old.spelling == new.spelling:
            return False
        marked = {"label", "matrix"} & {old.style[0], new.style[0]} and old.style[0] != new.style[0]
        return not (old.wire and new.wire) or bool(marked) or self._composite(old, new)

    def _composite(self, old: Parameter, new: Parameter) -> bool:
        sources = self.collector.sources(self.direction)
        kinds = [source.schema(one.schema).types for source, one in zip(sources, (old, new), strict=True)]
        return bool(kinds[0] & kinds[1] & {"array", "object"})

    def _default(self, old: Parameter, new: Parameter, label: str) -> None:
        sources = self.collector.sources(self.direction)
        values = []
        for source, one in zip(sources, (old, new), strict=True):
            raw, _at = source.follow(one.schema.raw, one.schema.at)
            values.append(raw.get("default", _NONE) if isinstance(raw, Mapping) else _NONE)
        if (values[0] is _NONE and values[1] is _NONE) or (
            _NONE not in values and frozen(values[0]) == frozen(values[1])
        ):
            return
        if new.required:
            return
        action = "ADDED" if values[0] is _NONE else "REMOVED" if values[1] is _NONE else "CHANGED"
        shown = [None if one is _NONE else one for one in values]
        self._note(
            f"PARAMETER_DEFAULT_{action}",
            Verdict.UNKNOWN,
            (old.at, new.at),
            f"{label}: default {shown[0]} -> {shown[1]}",
            "a call without it may mean something else now",
            old=shown[0],
            new=shown[1],
            path=f"$.{old.name}",
        )

    def _missing(self, new: Parameter) -> Witness | None:
        """Return a call without a parameter, checked like any other witness: it was fine, and is refused."""
        oracle = self.collector.relation(self.direction)[0].oracles[1]
        oracle.warm()
        budget = Budget(self.collector.policy.witness_ms)
        if not oracle.valid({"type": "object"}, {}, budget) or oracle.valid(
            {"required": [new.name]}, {}, budget
        ):
            return None
        example = wire.shown(new.place, new.name, "...")
        return Witness(
            {}, True, False, f"a call without {new.name} was fine, and is refused now", f"without {example}"
        )
