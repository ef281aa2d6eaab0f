"""`ccops rules check` from the command line: exit codes, places, values, reports, promtool's part."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from ccops.__main__ import main
from ccops.core.profile import find_project, load_profile
from ccops.rules.project import rule_set
from tests.unit.rules.check.test_files import GOOD

BAD = GOOD.replace("== 0", "> NaN").replace("x#probe", "x#gone")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of what a project needs for its rules."""
    root = find_project().root
    for name in ("env", "rules_templates", "docs"):
        shutil.copytree(root / name, tmp_path / "project" / name)
    (tmp_path / "project" / "scenarios").mkdir()
    return tmp_path / "project"


def check(*args: str) -> int:
    return main(["rules", "check", "--promtool", "off", *args])


def test_the_shipped_set_is_clean_in_every_environment(capsys: pytest.CaptureFixture[str]) -> None:
    assert check("--all-envs", "-o", "json") == 0
    found = json.loads(capsys.readouterr().out)
    assert [one["env"] for one in found["data"]["sets"]] == ["dev", "prod", "staging"]
    assert all(one["rules"] > 20 and one["findings"] == [] for one in found["data"]["sets"])
    assert check() == 0
    assert capsys.readouterr().out.startswith("OK 0 errors, 0 warnings in ")


def test_a_bad_template_line_is_told_with_its_line_variable_value_and_environments(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = project / "rules_templates" / "rules" / "purchase-health.yml.j2"
    text = path.read_text(encoding="utf-8")
    used = "> << ALERT_PENDING_SPIKE_THRESHOLD >>"
    assert text.count(used) == 1
    path.write_text(text.replace(used, "> 0<< ALERT_PENDING_SPIKE_THRESHOLD >>"), encoding="utf-8")
    line = text[: text.index(used)].count("\n") + 1
    assert check("--all-envs", "--project", str(project)) == 1
    said = capsys.readouterr().out
    place = f"rules_templates/rules/purchase-health.yml.j2:{line}: error[RULE_NUMBER]"
    assert f"{place}: PurchasePendingSpike: 020 is read as 16" in said
    assert "ALERT_PENDING_SPIKE_THRESHOLD=20 (env/dev.env:" in said
    assert "next: write a finite decimal number" in said
    assert "promtool not asked" in said.splitlines()[-1]
    assert check("--env", "prod", "--project", str(project), "-o", "json") == 1
    (finding,) = json.loads(capsys.readouterr().out)["data"]["sets"][0]["findings"]
    assert (finding["code"], finding["line"]) == ("RULE_NUMBER", line)
    assert finding["variables"] == ["ALERT_PENDING_SPIKE_THRESHOLD"]
    assert finding["rendered"].startswith("purchase-health.yml:")


def test_an_objective_that_can_never_page_is_told(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = project / "rules_templates" / "thresholds.yml"
    path.write_text(path.read_text(encoding="utf-8").replace("min: 93.1", "min: 50"), encoding="utf-8")
    asked = ("--env", "dev", "--project", str(project), "--set")
    assert check(*asked, "SLO_API_AVAILABILITY_PERCENT=93.05") == 1
    said = capsys.readouterr().out
    assert "error[RULE_NEVER_FIRES]: ApiErrorBudgetBurnFast" in said
    assert "SLO_API_AVAILABILITY_PERCENT=93.05 (--set)" in said
    assert check(*asked, "SLO_API_AVAILABILITY_PERCENT=93.06") == 0


def test_a_runbook_that_is_gone_is_told(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    alerts = rule_set(load_profile("dev", find_project(project))).rendered.inventory.alerts
    path = project / "docs" / "runbooks.md"
    path.write_text("".join(f"## {name}\n" for name in alerts), encoding="utf-8")
    assert check("--env", "dev", "--project", str(project)) == 0
    path.write_text("".join(f"## {name}\n" for name in alerts[1:]), encoding="utf-8")
    assert check("--env", "dev", "--project", str(project)) == 1
    said = capsys.readouterr().out
    assert f"error[RULE_RUNBOOK]: {alerts[0]}: no runbook has the anchor #{alerts[0].lower()}" in said


def test_files_are_judged_as_they_are_and_reports_are_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad, sarif = tmp_path / "good.yml", tmp_path / "bad.yml", tmp_path / "rules.sarif"
    good.write_text(GOOD)
    bad.write_text(BAD)
    assert check(str(good)) == 0
    capsys.readouterr()
    assert check(str(bad), "--report", f"sarif={sarif}") == 1
    assert f"{bad.as_posix()}:6: error[RULE_NUMBER]: Probe: NaN is no number" in capsys.readouterr().out
    run = json.loads(sarif.read_text())["runs"][0]
    assert [one["ruleId"] for one in run["results"]] == ["RULE_NUMBER"]
    where = run["results"][0]["locations"][0]["physicalLocation"]
    assert where["region"]["startLine"] == 6


def test_runbooks_and_the_scrape_interval_can_be_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, books = tmp_path / "a.yml", tmp_path / "books.md"
    file.write_text(GOOD.replace("up == 0", "changes(up[1m]) > 3"))
    books.write_text("# Something\n## Probe\n")
    assert check(str(file), "--runbooks", str(books)) == 0
    assert check(str(file), "--scrape-interval", "16s") == 1
    assert "RULE_RANGE_SHORT" in capsys.readouterr().out
    books.write_text("# Something else\n")
    assert check(str(file), "--runbooks", str(books)) == 1
    assert "RULE_RUNBOOK" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (["gone.yml"], "RULES_FILE_MISSING"),
        (["--runbooks", "gone.md"], "RULES_FILE_MISSING"),
        (["--scrape-interval", "15"], "USAGE"),
        (["a.yml", "--all-envs"], "USAGE"),
        (["--set", "ALERT_PENDING_SPIKE_THRESHOLD=NaN"], "THRESHOLD"),
        (["--report", "pdf=x"], "REPORT_UNKNOWN"),
    ],
)
def test_a_wrong_call_is_a_usage_error(
    args: list[str], code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check(*args) == 2
    assert f"error[{code}" in capsys.readouterr().err


def test_promtool_is_asked_when_there_is_one_and_missed_only_when_required(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "a.yml"
    file.write_text(GOOD)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["rules", "check", str(file)]) == 0
    assert "promtool not asked" in capsys.readouterr().out
    assert main(["rules", "check", str(file), "--promtool", "require"]) == 2
    assert "error[PROMTOOL_MISSING]" in capsys.readouterr().err
    fake = tmp_path / "promtool"
    fake.write_text(
        "#!/bin/sh\nif [ $1 = --version ]; then echo 'promtool, version 2.42.0'; exit 0; fi\n"
        'echo "$4: 6:15: it said no" >&2; echo "$4: yaml: line 3: and no" >&2; echo more >&2; exit 1\n'
    )
    fake.chmod(0o755)
    assert main(["rules", "check", str(file)]) == 1
    said = capsys.readouterr().out
    assert f"{file.as_posix()}:6: error[PROMTOOL_REFUSED]: promtool: it said no" in said
    assert f"{file.as_posix()}:3: error[PROMTOOL_REFUSED]: promtool: yaml: line 3: and no\n  more" in said
    assert main(["rules", "check", str(file), "--target", "3.x"]) == 0
    assert main(["rules", "check", str(file), "--target", "3.x", "--promtool", "require"]) == 2
    assert "error[PROMTOOL_OLD]" in capsys.readouterr().err
