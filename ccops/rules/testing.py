"""`ccops rules test`: generated boundary tests and hand-written ones, run by promtool."""

from __future__ import annotations

import json
import re
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from ccops.core.errors import UsageError
from ccops.rules.boundary.cases import Case, cases_of
from ccops.rules.boundary.expected import alerts_of
from ccops.rules.boundary.recipes import Recipe, load_recipes
from ccops.rules.project import RuleSet, templates_of
from ccops.rules.promtool import Promtool, Verdict, test_rules
from ccops.rules.render import context_of
from ccops.rules.strictyaml import StrictYamlError, load_texts
from ccops.rules.templating import render_text

TESTS = "tests"
_WORKERS = 2
_NAME = re.compile(r'^name: (?P<name>.+),$|^expr: (?P<expr>".*"), time: (?P<at>[0-9a-z]+)')


@dataclass(frozen=True, slots=True)
class Outcome:
    """One test in one environment; `said` is promtool's complaint, empty when it passed."""

    env: str
    alert: str
    name: str
    said: str = ""

    @property
    def passed(self) -> bool:
        return not self.said


@dataclass(frozen=True, slots=True)
class Untested:
    """An alert that no generated test covers."""

    env: str
    alert: str
    why: str


@dataclass(frozen=True, slots=True)
class Tested:
    """Every outcome, what was not tested, and which alerts an environment leaves out by its thresholds."""

    outcomes: tuple[Outcome, ...]
    untested: tuple[Untested, ...]
    left_out: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class _File:
    """One file for promtool and the names of its tests."""

    env: str
    path: Path
    names: tuple[tuple[str, str], ...]  # (alert, test)
    owners: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # expression -> tests that have it


def run_tests(sets: Sequence[RuleSet], tool: Promtool, *, only: str = "") -> Tested:
    """Test every alert of every set; `only` limits it to alerts whose name holds that text.

    Raises UsageError when a file of tests can't be used.
    """
    recipes = load_recipes(templates_of(sets[0].profile.project))
    with tempfile.TemporaryDirectory(prefix="ccops-rules-") as folder:
        files = [file for one in sets for file in _files(one, recipes, Path(folder), only)]
        with ThreadPoolExecutor(_WORKERS) as pool:
            verdicts = list(pool.map(lambda file: test_rules(tool, file.path), files))
    outcomes = [
        one for file, verdict in zip(files, verdicts, strict=True) for one in _outcomes(file, verdict)
    ]
    return Tested(tuple(outcomes), tuple(_untested(sets, recipes, only)), tuple(_left_out(sets, recipes)))


def _files(one: RuleSet, recipes: Sequence[Recipe], root: Path, only: str) -> list[_File]:
    folder = root / one.rendered.env
    folder.mkdir()
    for file in one.rendered.files:
        (folder / file.name).write_text(file.text, encoding="utf-8", newline="")
    return [*_generated(one, recipes, folder, only), *_written(one, folder, only)]


def _generated(one: RuleSet, recipes: Sequence[Recipe], folder: Path, only: str) -> list[_File]:
    rules = {rule.alert: rule for rule in alerts_of(one.rendered.files)}
    together: dict[tuple[str, int], list[Case]] = defaultdict(list)
    for recipe in recipes:
        rule = rules.get(recipe.alert)
        if rule is not None and only in recipe.alert:
            for case in cases_of(rule, recipe, one.resolved):
                together[rule.file, case.every_s].append(case)
    files = []
    for (name, every), cases in together.items():
        plain = {
            "rule_files": [name],
            "evaluation_interval": f"{every}s",
            "tests": [case.entry for case in cases],
        }
        path = folder / f"boundary-{every}s-{name}.json"
        path.write_text(json.dumps(plain, indent=1, ensure_ascii=False), encoding="utf-8")
        files.append(_File(one.rendered.env, path, tuple((case.alert, case.name) for case in cases)))
    return files


def _written(one: RuleSet, folder: Path, only: str) -> list[_File]:
    """Return the hand-written tests, which are templates too: an annotation may hold a threshold."""
    templates = templates_of(one.profile.project)
    context = context_of(one.resolved)
    files = []
    for source in sorted((templates / TESTS).glob("*.yml.j2")):
        made = render_text(templates, f"{TESTS}/{source.name}", context)
        tests = _tests(made.text, source.name)
        names = tuple((name.partition(":")[0], name) for name in tests if only in name.partition(":")[0])
        if names:
            path = folder / f"written-{made.name}"
            path.write_text(made.text, encoding="utf-8", newline="")
            files.append(_File(one.rendered.env, path, names, _owners(tests)))
    return files


def _tests(text: str, name: str) -> dict[str, Mapping[str, object]]:
    """Return the written tests by name, which begins with the alert and a colon."""
    try:
        plain = load_texts(text)
    except StrictYamlError as error:
        raise _bad_test(name, str(error)) from None
    tests = plain.get("tests") if isinstance(plain, dict) else None
    if not isinstance(tests, list) or not tests:
        raise _bad_test(name, "it holds no tests")
    found: dict[str, Mapping[str, object]] = {
        str(test.get("name", "")): test for test in tests if isinstance(test, dict)
    }
    if len(found) != len(tests) or not all(":" in title for title in found):
        raise _bad_test(name, "each test needs a name of its own, `Alert: what is true`")
    return found


def _owners(tests: Mapping[str, Mapping[str, object]]) -> dict[str, tuple[str, ...]]:
    owners: dict[str, dict[str, None]] = defaultdict(dict)
    for name, test in tests.items():
        checks = test.get("promql_expr_test")
        for check in checks if isinstance(checks, list) else ():
            owners[f"{check.get('expr')} at {check.get('eval_time')}"].setdefault(name)
    return {expr: tuple(names) for expr, names in owners.items()}


def _bad_test(name: str, why: str) -> UsageError:
    return UsageError(
        "RULE_TEST_INVALID",
        f"{TESTS}/{name} can't be used",
        evidence=why,
        next_step=f"edit rules_templates/{TESTS}/{name}",
    )


def _outcomes(file: _File, verdict: Verdict) -> list[Outcome]:
    if verdict.ok:
        return [Outcome(file.env, alert, name) for alert, name in file.names]
    said: dict[str, list[str]] = defaultdict(list)
    current: tuple[str, ...] = ("",)
    for line in verdict.lines:
        match = _NAME.match(line)
        if match:
            expr = f"{_unquoted(match['expr'])} at {match['at']}"
            marked = match["name"] or expr.partition(" # ")[2].rpartition(" at ")[0]
            current = (marked,) if marked else file.owners.get(expr, ("",))
        for name in current:
            said[name].append(line)
    known = {name for _, name in file.names}
    # What belongs to no test (a file that can't be read) belongs to all of them.
    general = [
        line for name, lines in said.items() if name not in known for line in lines if line != "FAILED:"
    ]
    blamed = known & set(said)
    return [
        Outcome(file.env, alert, name, "\n".join(said[name]) if name in blamed else "")
        if blamed
        else Outcome(file.env, alert, name, "\n".join(general) or f"promtool ended with {verdict.code}")
        for alert, name in file.names
    ]


def _unquoted(text: str | None) -> str:
    try:
        return str(json.loads(text or '""'))
    except ValueError:  # Go quotes a few signs as JSON does not
        return text or ""


def _untested(sets: Sequence[RuleSet], recipes: Iterable[Recipe], only: str) -> list[Untested]:
    known = {recipe.alert for recipe in recipes}
    return [
        Untested(one.rendered.env, alert, "tests/boundary.yml has no recipe for it")
        for one in sets
        for alert in dict.fromkeys(one.rendered.inventory.alerts)
        if alert not in known and only in alert
    ]


def _left_out(sets: Sequence[RuleSet], recipes: Iterable[Recipe]) -> list[tuple[str, str]]:
    known = dict.fromkeys(recipe.alert for recipe in recipes)
    return [
        (one.rendered.env, alert)
        for one in sets
        for alert in known
        if alert not in one.rendered.inventory.alerts
    ]
