"""Every code that ccops can end or report with is explained."""

from __future__ import annotations

import ast
import json
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from ccops.__main__ import main
from ccops.cli.explainview import explanations, find
from ccops.contract.codes import catalogue
from ccops.contract.lint_routes import CODES
from ccops.core.yamltree import compose
from ccops.rules.check.finding import SORTS

PACKAGE = Path(__file__).resolve().parents[3] / "ccops"
# What takes a code as its first or second argument, besides the error classes that are found below.
TAKERS = {
    "check_typed",
    "Issue",
    "mark",
    "Noted",
    "Offence",
    "Clash",
    "Mark",
    "Rule",
    "bad",
    "_mark",
    "_comment_mark",
    "__init__",
    "_at",
    "Fault",
}
CODE = re.compile(r"[A-Z*][A-Z0-9*]*(_[A-Z0-9*]+)*")


def _trees() -> Iterator[tuple[Path, ast.Module]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        if "backend" not in path.relative_to(PACKAGE).parts:
            yield path, ast.parse(path.read_text(encoding="utf-8"))


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _errors(trees: list[tuple[Path, ast.Module]]) -> set[str]:
    """Every class below CcopsError, found by name."""
    bases = {
        node.name: {_name(base) for base in node.bases}
        for _, tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    }
    found = {"CcopsError"}
    while more := {name for name, above in bases.items() if above & found} - found:
        found |= more
    return found


def _texts(node: ast.expr) -> Iterator[str]:
    """The literal texts an argument can be; what an f-string fills in is a star."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        yield "".join(str(part.value) if isinstance(part, ast.Constant) else "*" for part in node.values)
    elif isinstance(node, ast.IfExp):
        yield from _texts(node.body)
        yield from _texts(node.orelse)
    elif isinstance(node, ast.BoolOp):
        for value in node.values:
            yield from _texts(value)
    elif isinstance(node, ast.Call) and _name(node.func) == "str" and node.args:
        yield from _texts(node.args[0])


def _raised() -> dict[str, set[str]]:
    trees = list(_trees())
    takers = TAKERS | _errors(trees)
    found: dict[str, set[str]] = defaultdict(set)
    for path, tree in trees:
        for node in ast.walk(tree):
            given: list[ast.expr] = []
            if isinstance(node, ast.Call) and _name(node.func) in takers:
                given = [*node.args[:2], *(key.value for key in node.keywords if key.arg == "code")]
            elif isinstance(node, ast.Return) and node.value is not None and path.name != "codes.py":
                # A judge returns a code, or a code with what else it knows: (code, severity, message).
                given = node.value.elts[:1] if isinstance(node.value, ast.Tuple) else [node.value]
            elif isinstance(node, ast.Assign) and any(_name(target) == "code" for target in node.targets):
                given = [node.value]
            for text in (text for one in given for text in _texts(one)):
                if CODE.fullmatch(text) and ("_" in text or isinstance(node, ast.Call)):
                    found[text].add(str(path.relative_to(PACKAGE)))
    return found


RAISED = _raised()


def test_the_search_sees_plain_patterned_conditional_and_returned_codes() -> None:
    assert {
        "STACK_DOWN",
        "*_UNREACHABLE",
        "CLICKHOUSE_PORT_TAKEN",
        "KEY_UNKNOWN",
        "CONTRACT_SHAPE",
        "BUG",
    } <= set(RAISED)
    assert len(RAISED) > 100


@pytest.mark.parametrize("code", sorted(RAISED))
def test_every_code_that_can_be_raised_is_explained(code: str) -> None:
    assert find(code), f"{code} of {sorted(RAISED[code])}: add it to ccops/core/explanations.yml"


def test_codes_of_the_contract_gate_the_linter_and_the_rules_check_are_explained_with_what_to_do() -> None:
    every = explanations()
    assert set(catalogue()) | set(CODES) | set(SORTS) <= set(every)
    assert all(one.means and one.do for one in every.values())


def test_no_code_is_explained_twice() -> None:
    text = (PACKAGE / "core" / "explanations.yml").read_text(encoding="utf-8")
    assert compose(text)[1] == ()


def test_no_explanation_is_left_over_from_a_code_that_is_gone() -> None:
    own = {code for code in explanations() if code not in catalogue()}
    used = {one.code for code in RAISED if (one := find(code))}
    assert own - used - set(CODES) - set(SORTS) == set()


def test_another_tools_name_and_small_letters_are_understood(capsys: pytest.CaptureFixture[str]) -> None:
    alias = next(code for code in catalogue().values() if code.alias)
    assert main(["explain", alias.alias]) == 0
    assert "oasdiff calls it" in capsys.readouterr().out
    assert main(["explain", "stack_down"]) == 0
    assert capsys.readouterr().out.splitlines()[0] == "STACK_DOWN"


def test_a_pattern_is_shown_under_the_name_that_was_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "KAFKA_UNREACHABLE", "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["data"]["code"] == "KAFKA_UNREACHABLE"


def test_an_unknown_code_suggests_near_ones_and_no_code_lists_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "STAK_DOWN"]) == 2
    assert "STACK_DOWN" in capsys.readouterr().err
    assert main(["explain"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(explanations())
