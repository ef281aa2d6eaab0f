"""Judge rule files: layer A, in process. Every finding of every file, in one pass over all of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from ccops.core.garbage import uncollected
from ccops.core.yamltree import Mapping, Node, Scalar, compose
from ccops.core.yamltree import Sequence as YamlSequence
from ccops.rules.catalogue import Catalogue
from ccops.rules.check.expressions import judge_expression
from ccops.rules.check.finding import Finding
from ccops.rules.check.model import Group, Rule
from ccops.rules.check.reach import judge_reach, judge_volume
from ccops.rules.check.recordings import Recordings
from ccops.rules.check.schema import flawed, read_groups
from ccops.rules.check.series import SeriesJudge
from ccops.rules.check.source import Notes, Source
from ccops.rules.check.targets import Target
from ccops.rules.check.texts import Demands, judge_texts

SCRAPE_INTERVAL_S = 15.0
MAX_BYTES = 32 << 20
_LEFTOVER = re.compile(r"<<.*?>>|<<|<%.*?%>|<#.*?#>|\$\{\w+\}|\[\[\s*[A-Za-z_]\w*\s*\]\]|\{%.*?%\}")


@dataclass(frozen=True, slots=True)
class Settings:
    """What rules are held against. `scrape_s` is the scrape interval in seconds."""

    catalogue: Catalogue
    target: Target = Target.V2_42
    demands: Demands = field(default_factory=Demands)
    scrape_s: float = SCRAPE_INTERVAL_S


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found, and how much was looked at."""

    findings: tuple[Finding, ...]
    files: int
    groups: int
    rules: int


@dataclass(slots=True)
class _File:
    notes: Notes
    groups: list[Group]

    def rules(self) -> Iterator[Rule]:
        for group in self.groups:
            yield from group.rules


def check_sources(sources: Iterable[Source], settings: Settings) -> Checked:
    """Judge files that one server would load together."""
    with uncollected():
        return _check(sources, settings)


def _check(sources: Iterable[Source], settings: Settings) -> Checked:
    files = [_read(source, settings) for source in sources]
    recordings = Recordings(rule for file in files for rule in file.rules())
    catalogue = recordings.extend(settings.catalogue)
    _duplicates(files)
    for file in files:
        for rule in file.rules():
            SeriesJudge(rule, file.notes, catalogue, settings.scrape_s).judge()
            judge_reach(rule, file.notes, recordings)
            judge_volume(rule, file.notes, recordings)
            judge_texts(rule, file.notes, catalogue, settings.demands, settings.target)
            _shadow(rule, file.notes, settings.catalogue)
    findings = tuple(one for file in files for one in _ordered(file.notes.found))
    groups = sum(len(file.groups) for file in files)
    return Checked(findings, len(files), groups, sum(1 for file in files for _ in file.rules()))


def _ordered(found: Sequence[Finding]) -> list[Finding]:
    """Return findings by line; one place and code is told once for each message."""
    return sorted(dict.fromkeys(found), key=lambda one: (one.file, one.line, one.code))


def _read(source: Source, settings: Settings) -> _File:
    notes = Notes(source)
    if len(source.text) > MAX_BYTES:
        notes.add("RULE_YAML", f"the file is longer than {MAX_BYTES >> 20} MiB", 1)
        return _File(notes, [])
    root, flaws = compose(source.text)
    flawed(notes, flaws)
    stopped = root is None and bool(flaws)
    groups = [] if stopped else read_groups(root, notes, settings.target)
    file = _File(notes, groups)
    if _LEFTOVER.search(source.text) and root is not None:
        _leftovers(root, notes)
    for rule in file.rules():
        judge_expression(rule, notes, settings.target)
        _brought(rule, notes)
    return file


def _brought(rule: Rule, notes: Notes) -> None:
    """Note a rule that stands on a line which a value brought: its template does not announce it."""
    origin, line = notes.source.origin, rule.name.line
    if origin is not None and 0 < line <= len(origin.authored) and not origin.authored[line - 1]:
        said = f"{rule.name.text:.80} is in no template: a value brought it"
        notes.add("RULE_BROUGHT_BY_VALUE", said, rule.name, rule=rule.name.text)


def _leftovers(root: Node, notes: Notes) -> None:
    """Note placeholders in texts; comments may have them."""
    waiting, seen = [root], set[int]()
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, Scalar):
            if match := _LEFTOVER.search(node.text):
                said = f"a placeholder was left in: {match[0]:.60}"
                notes.add("RULE_LEFTOVER", said, node, needle=match[0])
        elif isinstance(node, Mapping):
            waiting += [*node.keys.values(), *node.values.values()]
        elif isinstance(node, YamlSequence):
            waiting += node.items


def _duplicates(files: Sequence[_File]) -> None:
    """Note rules with the name and labels of an earlier one, in any file: the server would load both."""
    seen: dict[tuple[str, frozenset[tuple[str, str]]], tuple[_File, int]] = {}
    for file in files:
        for rule in file.rules():
            labels = frozenset((name, value.text) for name, value in rule.labels.items())
            key = (rule.name.text, labels)
            first = seen.setdefault(key, (file, rule.name.line))
            if first == (file, rule.name.line):
                continue
            where = f"first in {first[0].notes.source.name}:{first[1]}"
            said = f"{rule.name.text:.80} is there twice with the same labels"
            file.notes.add("RULE_DUPLICATE", said, rule.name, rule=rule.name.text, evidence=where)


def _shadow(rule: Rule, notes: Notes, catalogue: Catalogue) -> None:
    if not rule.alert and catalogue.get(rule.name.text) is not None:
        said = f"{rule.name.text:.80} is the name of a metric that is exposed already"
        notes.add("RULE_NAME", said, rule.name, rule=rule.name.text)
