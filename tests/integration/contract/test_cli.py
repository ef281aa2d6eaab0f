"""`ccops openapi` and `ccops contract` as processes, in a project of their own with a git history."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from ccops.__main__ import main
from tests.conftest import ROOT, Ran, run_ccops

CONTRACT = ROOT / "ccops" / "backend" / "contract"
Json = dict  # parsed JSON, narrowed by the assertions


@dataclass(frozen=True)
class Shop:
    """A checkout whose first commit holds the contract that callers know."""

    root: Path

    def edit(self, name: str, change: Callable[[Json], None]) -> None:
        path = self.root / "contract" / name
        data = json.loads(path.read_text(encoding="utf-8"))
        change(data)
        path.write_text(json.dumps(data, indent=2, sort_keys=True) + "\n", encoding="utf-8")

    def ccops(self, *args: str, env: dict[str, str] | None = None) -> Ran:
        return run_ccops(*args, cwd=self.root, env={"CCOPS_CONTRACT": "contract", **(env or {})})

    def git(self, *args: str) -> None:
        who = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", *who, *args], cwd=self.root, check=True, capture_output=True)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    made = Shop(tmp_path / "shop")
    shutil.copytree(ROOT / "scenarios", made.root / "scenarios")
    (made.root / "env").mkdir()
    (made.root / "contract").mkdir()
    for name in ("openapi.json", "events.json", "topics.yml"):
        shutil.copy(CONTRACT / name, made.root / "contract")
    made.edit("events.json", lambda data: _topics(data, "user", "shop"))
    made.git("init", "-q", "-b", "main")
    made.git("add", ".")
    made.git("commit", "-q", "-m", "The contract that callers know")
    return made


def _topics(events: Json, *allowed: str) -> None:
    """What a client may name in its `subscribe` frame."""
    subscribe = events["websocket"]["client"]["subscribe"]
    subscribe["properties"]["topics"]["items"] = {"type": "string", "enum": list(allowed)}


def _break(api: Json) -> None:
    """A response field goes, and a path is renamed."""
    dashboard = api["paths"]["/api/dashboard"]["get"]["responses"]["200"]["content"]["application/json"][
        "schema"
    ]
    schema = api["components"]["schemas"][dashboard["$ref"].rpartition("/")[2]]
    del schema["properties"]["gold_balance"]
    schema["required"].remove("gold_balance")
    api["paths"]["/api/streak/collect"] = api["paths"].pop("/api/streak/claim")


def _add(api: Json) -> None:
    """An optional query parameter, which nobody has to send."""
    parameter = {"name": "page", "in": "query", "required": False, "schema": {"type": "integer"}}
    api["paths"]["/api/dashboard"]["get"].setdefault("parameters", []).append(parameter)


def test_the_comment_shows_a_removed_field_a_narrowed_frame_and_a_renamed_path(shop: Shop) -> None:
    shop.edit("openapi.json", _break)
    shop.edit("events.json", lambda data: _topics(data, "user"))
    ran = shop.ccops("openapi", "comment", "--against", "main")
    rows = [line for line in ran.out.splitlines() if line.startswith("| ❌")]

    assert ran.code == 0, ran.err
    assert ran.out.startswith("<!-- ccops:contract -->\n### ❌ Contract: 3 breaking changes\n")
    assert len(rows) == 3
    field, path, frame = sorted(rows, key=lambda row: ("subscribe" in row, "claim" in row))
    assert "gold\\_balance" in field
    assert "`GET /api/dashboard`" in field
    assert "`scenarios/journey.yaml:" in field
    assert "/api/streak/collect" in path
    assert "`scenarios/" in path
    assert "`ws /api/realtime/sync receive subscribe`" in frame
    assert '"topics": [\n    "shop"\n  ]' in ran.out
    assert "ccops openapi approve --against main --contract contract " in ran.out


def test_nothing_changed_is_green_and_says_how_much_was_looked_at(shop: Shop) -> None:
    for noun in ("openapi", "contract"):
        ran = shop.ccops(noun, "diff", "--against", "main", "-o", "json")
        data = json.loads(ran.out)["data"]

        assert ran.code == 0
        assert data["compared"]["operations"] > 20
        assert data["findings"] == []


def test_every_report_of_one_run_tells_of_the_break(shop: Shop) -> None:
    shop.edit("openapi.json", _break)
    kinds = {"junit": "a.xml", "sarif": "b.sarif", "github": "c.txt", "md": "d.md"}
    reports = [part for kind, name in kinds.items() for part in ("--report", f"{kind}={name}")]
    ran = shop.ccops("openapi", "diff", "--against", "main", *reports)
    text = {kind: (shop.root / name).read_text(encoding="utf-8") for kind, name in kinds.items()}

    assert ran.code == 1
    assert ran.out.splitlines()[-1].startswith("FAIL 2 breaking")
    assert len(ET.fromstring(text["junit"]).findall(".//failure")) == 2
    assert len(json.loads(text["sarif"])["runs"][0]["results"]) == 2
    assert all(line.startswith("::error file=scenarios/") for line in text["github"].splitlines())
    assert text["md"].startswith("<!-- ccops:contract -->")


def test_an_approved_break_is_green_until_its_day_and_stale_when_it_is_gone(shop: Shop) -> None:
    shop.edit("events.json", lambda data: _topics(data, "user"))
    red = json.loads(shop.ccops("contract", "diff", "--against", "main", "-o", "json").out)
    ident = red["data"]["findings"][0]["fingerprint"]
    answer = ["--owner", "dana", "--reason", "nobody subscribes", "--expires", "2099-01-31"]
    call = ["openapi", "approve", ident[:8], "--against", "main", *answer]
    plan = shop.ccops(*call)
    path = shop.root / "contract" / "approvals.yml"

    assert (red["exit_code"], plan.code) == (1, 0)
    assert "nothing changed; --apply writes contract/approvals.yml" in plan.out
    assert not path.exists()
    assert shop.ccops(*call, "--apply").code == 0
    assert "approved by dana until 2099-01-31" in shop.ccops("contract", "diff", "--against", "main").out
    shop.git("checkout", "contract/events.json")
    gone = shop.ccops("contract", "diff", "--against", "main")
    assert gone.code == 0
    assert f"stale approval {ident} (dana)" in gone.out


def test_a_snapshot_that_breaks_callers_is_refused_and_a_safe_one_is_written(shop: Shop) -> None:
    (shop.root / "game.py").write_text(
        "import json, os\nclass app:\n    def openapi(): return json.load(open(os.environ['DOC']))\n",
        encoding="utf-8",
    )
    path = shop.root / "contract" / "openapi.json"
    before = path.read_text(encoding="utf-8")
    call = ["openapi", "snapshot", "--app", "game:app", "--set", f"DOC={shop.root / 'new.json'}", "--apply"]
    for change, code in ((_break, 3), (_add, 0)):
        data = json.loads(before)
        change(data)
        (shop.root / "new.json").write_text(json.dumps(data), encoding="utf-8")
        ran = shop.ccops(*call)

        assert ran.code == code, ran.out + ran.err
        assert (path.read_text(encoding="utf-8") == before) is (code == 3)
    assert "error[SNAPSHOT_BREAKING]" not in ran.err
    assert shop.ccops(*call[:-1]).out.endswith("is up to date\n")


def test_exports_are_the_committed_bytes_and_a_difference_is_found() -> None:
    check = run_ccops("openapi", "export", "--check")
    assert (check.code, check.out) == (0, "ccops/backend/contract/openapi.json is up to date\n")
    other = run_ccops("contract", "export", "--check", "--out", str(CONTRACT / "events.json"))
    assert other.code == 1


def test_an_export_from_a_file_is_sorted_json_and_a_bundle_becomes_asyncapi(shop: Shop) -> None:
    (shop.root / "api.yaml").write_text("paths: {}\ninfo: {version: '1', title: t}\nopenapi: 3.1.0\n")
    ran = shop.ccops("openapi", "export", "--from", "api.yaml")
    events = shop.ccops("contract", "export", "--out", "asyncapi.json")

    assert list(json.loads(ran.out)) == ["info", "openapi", "paths"]
    assert ran.out.endswith("}\n")
    assert events.code == 0
    assert json.loads((shop.root / "asyncapi.json").read_text(encoding="utf-8"))["asyncapi"] == "3.0.0"
    assert shop.ccops("contract", "diff", "asyncapi.json", "contract").code == 0


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (["openapi", "diff", "gone.json", "contract"], "CONTRACT_UNREADABLE"),
        (["openapi", "diff", "cut.json", "contract/openapi.json"], "CONTRACT_UNREADABLE"),
        (["openapi", "diff", "contract/openapi.json", "swagger.json"], "CONTRACT_VERSION"),
        (["openapi", "diff", "--against", "nowhere"], "CONTRACT_NOT_AT_REF"),
        (["openapi", "diff", "--against=-rf"], "GIT_REF_INVALID"),
        (["openapi", "diff"], "SIDE_MISSING"),
        (["contract", "diff"], "SIDE_MISSING"),
        (["openapi", "diff", "contract/openapi.json", "--against", "main"], "SIDES_CONFLICT"),
        (["contract", "diff", "contract", "--against", "main"], "SIDES_CONFLICT"),
        (["openapi", "comment", "contract/openapi.json", "--against", "main"], "SIDES_CONFLICT"),
        (["openapi", "diff", "--against", "main", "--report", "html=x"], "REPORT_UNKNOWN"),
        (["openapi", "diff", "--against", "main", "--level", "X=loud"], "LEVEL_INVALID"),
        (["openapi", "diff", "--against", "main", "--level", "RESPONSE_TYPE_CHANGE=err"], "LEVEL_INVALID"),
        (["openapi", "diff", "--against", "main", "--approvals", "none.yml"], "APPROVALS_NOT_FOUND"),
        (["openapi", "comment", "--against", "main", "--apply"], "COMMENT_TARGET"),
        (["openapi", "approve", "beef", "--against", "main", "--owner", "d", "--reason", "r", "--expires",
          "2099-01-01"], "APPROVAL_UNKNOWN"),
        (["openapi", "export", "--app", "os:path"], "EXPORT_FAILED"),
        (["openapi", "export", "--set", "X", "--app", "a:b"], "SETTING_INVALID"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_what_can_not_be_compared_is_two_with_three_lines(
    args: list[str],
    code: str,
    shop: Shop,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """In this process, as the rest shows that a process of its own does the same."""
    monkeypatch.delenv("GITHUB_TOKEN", raising=False)
    monkeypatch.setenv("CCOPS_CONTRACT", "contract")
    monkeypatch.chdir(shop.root)
    (shop.root / "cut.json").write_text((CONTRACT / "openapi.json").read_text(encoding="utf-8")[:5000])
    (shop.root / "swagger.json").write_text('{"swagger": "2.0"}')
    ended = main(args)
    said = capsys.readouterr().err

    assert ended == 2
    assert said.startswith(f"error[{code}]: ")
    assert "Traceback" not in said


def test_two_documents_that_share_nothing_are_red(shop: Shop) -> None:
    for name, path in (("a", "/a"), ("b", "/b")):
        operation = {"responses": {"200": {"description": name}}}
        api = {
            "openapi": "3.1.0",
            "info": {"title": name, "version": "1"},
            "paths": {path: {"get": operation}},
        }
        (shop.root / f"{name}.json").write_text(json.dumps(api))
    empty = {"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "paths": {}}
    (shop.root / "empty.json").write_text(json.dumps(empty))

    assert shop.ccops("openapi", "diff", "a.json", "b.json").code == 1
    assert shop.ccops("openapi", "diff", "empty.json", "empty.json").code == 1


def test_lint_and_explain_are_reached_from_the_command_line(shop: Shop) -> None:
    assert shop.ccops("lint", "routes").code == 0
    (shop.root / "scenarios" / "old.yaml").write_text("x: /api/users/profile\n")
    red = shop.ccops("lint", "routes", "--report", "github=-")

    assert red.code == 1
    assert red.out == (
        "::error file=scenarios/old.yaml,line=1,col=4,title=LINT_FORBIDDEN_STRING::"
        "'/api/users/profile' is forbidden: use '/api/users/me'\n"
    )
    assert shop.ccops("explain", "LINT_FORBIDDEN_STRING").code == 0


@pytest.mark.parametrize("noun", ["openapi", "contract"])
def test_an_empty_reference_is_refused_instead_of_choosing_another_comparison(shop: Shop, noun: str) -> None:
    ran = shop.ccops(noun, "diff", "--against", "")

    assert ran.code == 2
    assert "AGAINST_EMPTY" in ran.err
