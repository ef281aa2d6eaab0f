"""`ccops rules tune` in process, on a saved history: what it says, writes and refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ccops.__main__ import main
from ccops.core.profile import Project
from ccops.rules.tune.fetch import as_json
from tests.tune_kit import START, example, incident_spans


@pytest.fixture
def history(tmp_path: Path) -> Path:
    path = tmp_path / "history.json"
    path.write_text(as_json({"Spike": example()}))
    return path


@pytest.fixture
def tune(project: Project, history: Path, capsys: pytest.CaptureFixture[str]):
    def run(*args: str) -> tuple[int, str, str]:
        call = ["rules", "tune", "--project", str(project.root), "--from-json", str(history), *args]
        code = main(call)
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def test_the_answer_is_told_with_its_candidates(tune) -> None:
    code, out, err = tune("--rule", "Spike", "--env", "staging")
    assert (code, err) == (0, "")
    assert "keep 25  (safe between 20 and 40)" in out
    assert any(line.split() == ["25", "3", "3", "1.5", "31.0", "now"] for line in out.splitlines())


def test_json_has_every_promised_field(tune) -> None:
    code, out, _ = tune("--rule", "Spike", "--env", "dev", "-o", "json")
    (one,) = json.loads(out)["data"]["proposals"]
    assert code == 0
    assert {"rule", "env", "var", "current", "proposed", "verdict", "window", "step", "coverage", "stats",
            "plateau", "candidates", "warnings"} <= set(one)  # fmt: skip
    assert (one["current"], one["proposed"], one["verdict"], one["plateau"]) == (10, 30, "raise", [20, 40])
    assert set(one["candidates"][0]) >= {"t", "fires", "per_week", "firing_minutes", "missed"}
    assert {"median", "mad", "p95", "p99", "p999", "max"} <= set(one["stats"])
    assert len(one["episodes"]) == 3


def test_a_large_move_is_written_by_force_only(tune, project: Project) -> None:
    path = project.root / "env" / "dev.env"
    before = path.read_text()
    code, _, err = tune("--rule", "Spike", "--env", "dev", "--write")
    assert (code, "TUNE_LARGE_MOVE" in err, path.read_text()) == (3, True, before)
    code, _, err = tune("--rule", "Spike", "--env", "dev", "--write", "--force")
    assert (code, "TUNE_BREAKS_ORDER" in err, path.read_text()) == (3, True, before)  # staging has 25
    staging = project.root / "env" / "staging.env"
    staging.write_text(staging.read_text().replace("25", "30"))
    code, out, _ = tune("--rule", "Spike", "--env", "dev", "--write", "--force")
    assert (code, "+ALERT_SPIKE=30" in out) == (0, True)
    assert path.read_text().count("ALERT_SPIKE=") == 1
    assert tune("--rule", "Spike", "--env", "dev", "--write")[1].count("keep 30") == 1


def test_a_protected_profile_is_not_touched_in_passing(tune, project: Project) -> None:
    path = project.root / "env" / "prod.env"
    path.write_text(path.read_text().replace("ALERT_SPIKE=30", "ALERT_SPIKE=60"))
    before = path.read_text()
    args = ("--rule", "Spike", "--env", "prod", "--write")
    assert tune(*args)[0] == 3
    assert tune(*args, "--confirm", "prod:Spike")[0] == 3
    assert path.read_text() == before
    code, out, _ = tune(*args, "--confirm", "prod:Spike", "--reason", "two weeks of data")
    assert (code, "was 60; two weeks of data" in out) == (0, True)
    assert "ALERT_SPIKE=30" in path.read_text()


def test_incidents_and_exclusions_come_from_files(tune, tmp_path: Path) -> None:
    keep, exclude = tmp_path / "keep.json", tmp_path / "exclude.json"
    keep.write_text(json.dumps([[START + 100, START + 200]]))
    code, out, err = tune("--rule", "Spike", "--env", "dev", "--keep-incidents", str(keep))
    assert (code, "TUNE_NO_PLATEAU" in err) == (1, True)
    assert "keep 10" in out
    exclude.write_text(json.dumps([[start, end + 300] for start, end in incident_spans()]))
    code, out, _ = tune("--rule", "Spike", "--env", "dev", "--exclude", str(exclude), "-o", "json")
    (one,) = json.loads(out)["data"]["proposals"]
    assert next(item["fires"] for item in one["candidates"] if item["t"] == 25) == 0


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        ((), 2, "say which rules"),
        (("--rule", "Spike", "--all"), 2, "say which rules"),
        (("--rule", "Spkie"), 2, "did you mean Spike?"),
        (("--rule", "Spike", "--since", "two weeks"), 2, "--since"),
        (("--rule", "Spike", "--since", "0"), 2, "out of range"),
        (("--rule", "Spike", "--step", "1.5s"), 2, "--step"),
        (("--rule", "Down"), 1, "TUNE_NOT_TUNABLE"),
        (("--rule", "Success"), 2, "it has no Success"),
        (("--rule", "Spike", "--env", "nope"), 2, "no environment"),
    ],
)
def test_bad_calls_are_told(tune, args: tuple[str, ...], code: int, said: str) -> None:
    found, _, err = tune(*args)
    assert (found, said in err) == (code, True)


def test_without_an_address_the_next_step_is_named(
    project: Project, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CCOPS_PROMETHEUS_URL", raising=False)
    assert main(["rules", "tune", "--project", str(project.root), "--rule", "Spike"]) == 4
    assert "--prom URL" in capsys.readouterr().err


def test_too_little_history_ends_with_one(tune, history: Path) -> None:
    plain = json.loads(history.read_text())
    one = plain["histories"]["Spike"]
    one["present"] = one["present"][:5000]
    one["series"][0]["points"] = one["series"][0]["points"][:5000]
    history.write_text(json.dumps(plain))
    code, out, err = tune("--rule", "Spike", "--env", "dev", "--write")
    assert (code, "TUNE_TOO_LITTLE" in err) == (1, True)
    assert "insufficient: 1.7 days observed" in out


def test_markdown_is_a_table(tune) -> None:
    out = tune("--rule", "Spike", "--env", "dev", "-o", "md")[1]
    assert "| Spike | ALERT_SPIKE | 10 | 30 | raise | 20 to 40 | 1.5 |" in out
