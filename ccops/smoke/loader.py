"""Read scenario files: all their errors at once, or the model."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from ccops.core.errors import UsageError
from ccops.smoke import tables
from ccops.smoke.declared import Declared, installed_acts
from ccops.smoke.document import Node, compose, read_text
from ccops.smoke.durations import parse_duration
from ccops.smoke.findings import Finding, ScenarioInvalid, suggestion
from ccops.smoke.model import Invariant, Part, Scenario, Watch
from ccops.smoke.names import check_names
from ccops.smoke.promises import check_promises, used_systems
from ccops.smoke.reader import Reader, plain_mapping, text
from ccops.smoke.steploader import StepLoader


def load(path: Path, *, root: Path | None = None) -> Scenario:
    """Return the scenario in `path`. Raises ScenarioInvalid, or UsageError if it cannot be read."""
    scenario, findings = check_file(path, root=root)
    if scenario is None:
        raise ScenarioInvalid(label_of(path, root), findings)
    return scenario


def parse(text: str, file: str, *, acts: Collection[str] | None = None) -> Scenario:
    """Return the scenario in `text`; `file` is the name used in places. Raises ScenarioInvalid."""
    scenario, findings = check(text, file, acts=acts)
    if scenario is None:
        raise ScenarioInvalid(file, findings)
    return scenario


def check_file(path: Path, *, root: Path | None = None) -> tuple[Scenario | None, list[Finding]]:
    """Return the scenario in `path`, or None and what is wrong with it."""
    label = label_of(path, root)
    try:
        content, findings = read_text(path, label)
    except OSError as err:
        raise UsageError(
            "SCENARIO_NOT_FOUND",
            f"{label} cannot be read",
            evidence=err.strerror or type(err).__name__,
            next_step="ccops smoke list",
        ) from err
    return (None, findings) if findings else check(content, label)


def label_of(path: Path, root: Path | None = None) -> str:
    """Return `path` as people see it: relative to the project or the current folder if it is inside."""
    absolute = path.resolve()
    for base in (root, Path.cwd()):
        if base is not None and absolute.is_relative_to(base.resolve()):
            return absolute.relative_to(base.resolve()).as_posix()
    return str(path)


def check(
    content: str, file: str, *, acts: Collection[str] | None = None
) -> tuple[Scenario | None, list[Finding]]:
    """Return the scenario in `content` or None, and every error in the order of the file."""
    root, findings = compose(content, file)
    if root is None:
        return None, findings
    reader = Reader(file)
    reader.findings += findings
    scenario = _Builder(reader, acts).scenario(root)
    if isinstance(root.value, dict):
        check_names(reader, root)
        if not reader.findings:
            check_promises(reader, scenario)
    unique = sorted(set(reader.findings), key=lambda finding: (finding.place.line, finding.place.column))
    return (None, unique) if unique else (scenario, [])


class _Builder:
    def __init__(self, reader: Reader, acts: Collection[str] | None) -> None:
        self._reader = reader
        self._acts = acts

    def scenario(self, root: Node) -> Scenario:
        reader = self._reader
        found = reader.fields(root, tables.SCENARIO, "a scenario")
        parts = self._parts(found.get("parts"))
        watches = self._watches(found.get("watch"))
        acts = self._acts
        declared = Declared(
            reader,
            {watch.name: watch.kind for watch in watches},
            {part.number for part in parts},
            installed_acts if acts is None else lambda: acts,
        )
        loader = StepLoader(declared)
        setup, steps, teardown = (
            loader.steps(found.get(name), name) for name in ("setup", "steps", "teardown")
        )
        self._open_after(found.get("watch"), declared)
        mutates = found.get("mutates")
        scenario = Scenario(
            name=text(found.get("name")),
            title=reader.title(found.get("title")),
            place=root.place,
            steps=steps,
            parts=parts,
            tags=_texts(found.get("tags")),
            requires=_texts(found.get("requires")),
            mutates=mutates is None or mutates.value is not False,
            vars=reader.variables(found["vars"], "vars") if "vars" in found else {},
            secrets=reader.variables(found["secrets"], "secrets") if "secrets" in found else {},
            watch=watches,
            setup=setup,
            invariants=self._invariants(found.get("invariants")),
            teardown=teardown,
        )
        self._twice(found)
        return scenario if scenario.requires else replace(scenario, requires=used_systems(scenario))

    def _twice(self, found: dict[str, Node]) -> None:
        """A secret that is also a plain variable would be shown under the other name."""
        both = (
            found["vars"].entries().keys() & found["secrets"].entries().keys()
            if {"vars", "secrets"} <= found.keys()
            else ()
        )
        for name in both:
            place = found["secrets"].entries()[name].place
            self._reader.fail(place, f"{name!r} is in vars and in secrets")

    def _parts(self, node: Node | None) -> tuple[Part, ...]:
        parts: dict[int, Part] = {}
        for item in node.items() if node else ():
            found = self._reader.fields(item, tables.PART, "a part")
            number = found["part"].value if "part" in found else None
            if not isinstance(number, int):
                continue
            if number in parts:
                self._reader.fail(item.place, f"part {number} is declared twice")
            title = self._reader.title(found.get("title"))
            parts[number] = Part(number, title, _texts(found.get("systems")), item.place)
        return tuple(parts.values())

    def _watches(self, node: Node | None) -> tuple[Watch, ...]:
        found = [self._watch(name, entry.node) for name, entry in node.entries().items()] if node else []
        return tuple(watch for watch in found if watch is not None)

    def _watch(self, name: str, node: Node) -> Watch | None:
        reader = self._reader
        kinds = [kind for kind in tables.WATCHES if kind in node.entries()]
        if name in tables.EFFECT_SYSTEMS or name in tables.ALL_SYSTEMS:
            reader.fail(node.place, f"a watch cannot be called {name!r}: that is a system")
        if len(kinds) != 1:
            wrong = [key for key in node.entries() if key not in ("auth", "open_after")]
            hint = suggestion(wrong[0], tables.WATCHES) if wrong and not kinds else ""
            reader.fail(node.place, f"watch {name} needs exactly one of {', '.join(tables.WATCHES)}", hint)
            return None
        kind = kinds[0]
        found = reader.fields(node, tables.WATCHES[kind], f"watch {name}")
        target = found[kind].plain() if kind in found else ""
        auth = found["auth"].plain() if "auth" in found else None
        return Watch(name, kind, target, node.place, auth, text(found.get("open_after")))

    def _open_after(self, node: Node | None, declared: Declared) -> None:
        for entry in node.entries().values() if node else ():
            after = entry.node.get("open_after")
            if after is not None and isinstance(after.value, str) and after.value not in declared.ids:
                message = f"open_after: no step is called {after.value!r}"
                self._reader.fail(after.place, message, suggestion(after.value, declared.ids))

    def _invariants(self, node: Node | None) -> tuple[Invariant, ...]:
        found = [self._invariant(name, entry.node) for name, entry in node.entries().items()] if node else []
        return tuple(invariant for invariant in found if invariant is not None)

    def _invariant(self, name: str, node: Node) -> Invariant | None:
        given = [system for system in tables.ROW_SYSTEMS if system in node.entries()]
        found = self._reader.fields(node, tables.INVARIANT, f"invariant {name}")
        if len(given) != 1:
            if isinstance(node.value, dict):
                self._reader.fail(
                    node.place, f"invariant {name} needs exactly one of {', '.join(tables.ROW_SYSTEMS)}"
                )
            return None
        every = found.get("every")
        every_s = tables.DEFAULT_EVERY_S if every is None else 0.0
        if every is not None and every.value != "end":
            every_s = parse_duration(every.value)
        source: dict[str, object] = {"query": text(found.get(given[0]))}
        if "params" in found:
            source["params"] = plain_mapping(found["params"])
        return Invariant(name, given[0], source, every_s, node.place)


def _texts(node: Node | None) -> tuple[str, ...]:
    return tuple(text(item) for item in node.items()) if node else ()


__all__ = ["check", "check_file", "label_of", "load", "parse"]
