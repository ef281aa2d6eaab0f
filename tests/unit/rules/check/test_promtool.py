"""Layer A against promtool: whatever promtool refuses, layer A refuses too. No promtool: skipped."""

from __future__ import annotations

import json
import random
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from ccops.core.profile import find_project
from ccops.rules.check import check_text
from ccops.rules.check.layerb import promtool_findings
from ccops.rules.check.source import Source
from ccops.rules.check.targets import Target
from ccops.rules.project import rule_sets
from ccops.rules.promtool import Promtool, find_promtool, promtool_at
from tests import go_kit
from tests.rules_probes import HARMLESS, PROBES, of_probe, rendered, settings
from tests.rules_probes import TEMPLATE as PROBE
from tests.unit.rules.check.test_patterns import BAD as BAD_ONES
from tests.unit.rules.check.test_patterns import GOOD_ONES
from tests.unit.rules.check.test_templates import BAD, GOOD

MUTATIONS = 250
INSERTED = [*"{}[]()\"'\\|:,.#-+*/%<>=!~$&@^ \n\t_0159eaNxsmhdwy`?;", "{{", "}}", "- ", "or ", "on ", "0x"]
INSERTED += [
    "1_0",
    "NaN ",
    "bool ",
    "null",
    "[5m]",
    "rate(",
    "/*",
    "!!",
    "&a ",
    "*a ",
    "---\n",
    "\\/",
    "é",
    "offset ",
]


NEWEST = pytest.param(Target.V3, marks=[pytest.mark.nightly, pytest.mark.timeout(2400)], id="3.x")
# Named groups without a P, which Go reads since 1.22, whatever the version of Prometheus.
GO_1_22 = ("(?<n>a)",)


@pytest.fixture(scope="module", params=[pytest.param(Target.V2_42, id="installed"), NEWEST])
def target(request: pytest.FixtureRequest) -> Target:
    found = request.param
    assert isinstance(found, Target)
    return found


@pytest.fixture(scope="module")
def promtool(target: Target) -> Promtool:
    """The one that is installed; every night also the newest, built from its module."""
    if target is Target.V3:
        found = promtool_at(str(go_kit.need(go_kit.PROMTOOL)))
        assert found is not None
        assert found.release[0] == 3
        return found
    found = find_promtool()
    if found is None:
        pytest.skip("promtool is not installed")
    return found


def refused(promtool: Promtool, folder: Path, texts: Sequence[str]) -> list[bool]:
    """Ask one promtool about all texts. A file that it does not praise is refused."""
    paths = []
    for number, text in enumerate(texts):
        paths.append(folder / f"{number:05}.yml")
        paths[-1].write_bytes(text.encode("utf-8", "surrogatepass"))
    done = subprocess.run(
        [promtool.path, "check", "rules", "--lint-fatal", *map(str, paths)],
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        timeout=120,
    )
    blocks = done.stdout.split("Checking ")[1:]
    fine = {block.partition("\n")[0] for block in blocks if "SUCCESS" in block and "FAILED" not in block}
    return [str(path) not in fine for path in paths]


def gaps(texts: Sequence[str], verdicts: Sequence[bool], target: Target) -> list[str]:
    """Return what promtool refuses and layer A lets through."""
    found = settings(target)
    return [
        text
        for text, bad in zip(texts, verdicts, strict=True)
        if bad and not check_text(text, found).findings
    ]


def test_layer_a_refuses_every_probe_that_promtool_refuses(
    promtool: Promtool, target: Target, tmp_path: Path
) -> None:
    texts = [of_probe(probe, near=near).text for probe in PROBES.values() for near in (False, True)]
    texts += [rendered(PROBE, {name: value}).text for name, value in HARMLESS.values()]
    verdicts = refused(promtool, tmp_path, texts)
    assert 20 < sum(verdicts) < len(texts) - 60
    assert gaps(texts, verdicts, target) == []


def test_layer_a_refuses_every_template_that_promtool_refuses(
    promtool: Promtool, target: Target, tmp_path: Path
) -> None:
    texts = [PROBE.replace("'<< ALERT_SUMMARY >>'", json.dumps(text)) for text in (*GOOD, *BAD)]
    files = [rendered(text.split("#>\n")[1], {}).text for text in texts]
    verdicts = refused(promtool, tmp_path, files)
    assert verdicts == [False] * len(GOOD) + [True] * len(BAD)
    assert gaps(files, verdicts, target) == []


def test_layer_a_refuses_every_pattern_that_promtool_refuses(
    promtool: Promtool, target: Target, tmp_path: Path
) -> None:
    bad = [one for one in BAD_ONES if one not in GO_1_22]
    patterns = [*GOOD_ONES, *bad]
    exprs = [json.dumps(f"up{{job=~{json.dumps(one)}}}") for one in patterns]
    files = [f"groups: [{{name: g, rules: [{{record: 'a:b', expr: {expr}}}]}}]" for expr in exprs]
    verdicts = refused(promtool, tmp_path, files)
    assert verdicts == [False] * len(GOOD_ONES) + [True] * len(bad)
    assert gaps(files, verdicts, target) == []


def _mutated(text: str, chance: random.Random) -> str:
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        lines, at = text.split("\n"), chance.randrange(len(text))
        row = chance.randrange(len(lines))
        kind = chance.randrange(7)
        if kind < 3:
            cut = (1, 0, 1)[kind] * chance.choice((1, 1, 2, 5))
            text = text[:at] + ("" if kind == 0 else chance.choice(INSERTED)) + text[at + cut :]
            continue
        if kind == 3:
            lines.insert(row, lines[chance.randrange(len(lines))])
        elif kind == 4:
            del lines[row]
        elif kind == 5:
            lines[row] = " " * chance.choice((1, 2, 4)) + lines[row]
        else:
            lines[row] = lines[row][chance.choice((1, 2)) :]
        text = "\n".join(lines)
    return text


def test_layer_a_refuses_every_mutation_of_the_shipped_set_that_promtool_refuses(
    promtool: Promtool, target: Target, tmp_path: Path
) -> None:
    chance = random.Random(20261123)
    shipped = [file.text for file in rule_sets(find_project(), ("prod",))[0].rendered.files]
    texts = [_mutated(chance.choice(shipped), chance) for _ in range(MUTATIONS)]
    verdicts = refused(promtool, tmp_path, texts)
    assert sum(verdicts) > MUTATIONS // 2
    assert gaps(texts, verdicts, target) == []


def test_what_promtool_says_is_told_at_the_template_line_with_the_variable(promtool: Promtool) -> None:
    found = []
    for name in ("thousands", "for 300", "tab", "unclosed"):
        file = of_probe(PROBES[name])
        source = Source(file.name, file.text, file.origin, "rules_templates/")
        found.append(promtool_findings(promtool, [source])[0])
    lines = PROBE.split("\n")
    assert [one.code for one in found] == ["PROMTOOL_REFUSED"] * 4
    assert "could not parse expression" in found[0].message
    assert "<< ALERT_T >>" in lines[found[0].line - 1]
    assert found[0].variables == ("ALERT_T",)
    assert "not a valid duration" in found[1].message
    assert {one.file for one in found} == {"rules_templates/probe.yml.j2"}


def test_a_duplicate_is_told_though_promtool_ends_well_without_being_strict(promtool: Promtool) -> None:
    text = rendered(PROBE, {}).text
    rule = text.split("rules:\n")[1]
    found = promtool_findings(promtool, [Source("a.yml", text + rule)])
    assert [one.code for one in found] == ["PROMTOOL_REFUSED"]
    assert "duplicate" in (found[0].message + found[0].evidence).lower()
    assert promtool_findings(promtool, [Source("a.yml", text)]) == ()
