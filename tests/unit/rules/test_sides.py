"""`ccops rules diff` in process: environments, commits of a checkout, and what is no side."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from ccops.__main__ import main
from tests.conftest import ROOT

Json = dict  # parsed JSON, narrowed by the assertions


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A project inside a larger checkout, committed once."""
    root = tmp_path / "checkout" / "ops"
    for name in ("rules_templates", "env"):
        shutil.copytree(ROOT / name, root / name)
    (root / "scenarios").mkdir()
    for args in (("init", "-q", "-b", "main"), ("add", "."), ("commit", "-q", "-m", "As it was")):
        who = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", *who, *args], cwd=root, check=True, capture_output=True)
    return root


@pytest.fixture
def diff(shop: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("CCOPS_ENV", raising=False)

    def run(*args: str) -> tuple[int, str, str]:
        code = main(["rules", "diff", "--project", str(shop), *args])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def found(out: str) -> dict[str, list[str]]:
    plain: Json = json.loads(out)["data"]
    return {one["name"]: [item["field"] for item in one["changes"]] for one in plain["differences"]}


def test_environments_differ_in_their_thresholds_only(diff) -> None:
    code, out, _ = diff("--env", "staging", "--env", "prod", "-o", "json")
    fields = {field for changes in found(out).values() for field in changes}
    assert code == 1
    assert fields <= {"expr", "annotations.summary", "annotations.description"}
    assert "PurchasePendingSpike" in found(out)
    assert diff("--env", "dev", "--env", "dev")[0] == 0


def test_a_commit_is_compared_with_the_files_of_now(diff, shop: Path) -> None:
    assert diff("--env", "dev", "--against", "HEAD")[0] == 0
    template = shop / "rules_templates" / "rules" / "purchase-health.yml.j2"
    env = shop / "env" / "dev.env"
    template.write_text(template.read_text().replace('hold("2m")', 'hold("3m")'))
    env.write_text(env.read_text() + "ALERT_KAFKA_LAG_MAX=900\n")
    code, out, _ = diff("--env", "dev", "--against", "main", "-o", "json")
    changes = found(out)
    assert code == 1
    assert changes["PurchasePendingSpike"] == ["for"]
    assert "expr" in changes["KafkaHighConsumerLag"]
    text = diff("--env", "dev", "--against", "HEAD")[1]
    assert "~ purchase-health/PurchasePendingSpike\n    for: 2m -> 3m\n" in text
    markdown = diff("--env", "dev", "--against", "HEAD", "-o", "md")[1]
    assert "- for: 2m\n+ for: 3m\n" in markdown


def test_added_and_removed_rules_are_named(diff, shop: Path) -> None:
    gone = shop / "rules_templates" / "rules" / "purchase-health.yml.j2"
    gone.write_text(gone.read_text().replace("alert: PurchasePendingSpike", "alert: PurchaseWaits"))
    out = diff("--env", "dev", "--against", "HEAD")[1]
    assert "- purchase-health/PurchasePendingSpike" in out
    assert "+ purchase-health/PurchaseWaits" in out


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (("--env", "dev"), 2, "SIDE_MISSING"),
        (("--env", "dev", "--env", "prod", "--against", "HEAD"), 2, "SIDE_MISSING"),
        (("--env", "dev", "--against", ""), 2, "AGAINST_EMPTY"),
        (("--env", "dev", "--against", "nowhere"), 2, "GIT_REF_INVALID"),
        (("--env", "dev", "--against", "--output=/tmp/x"), 2, "GIT_REF_INVALID"),
        (("--env", "nope", "--against", "HEAD"), 2, "ENV_UNKNOWN"),
        (("--env", "dev", "--against", "http://127.0.0.1:9"), 4, "PROMETHEUS_UNREACHABLE"),
    ],
)
def test_bad_sides_are_told(diff, args: tuple[str, ...], code: int, said: str) -> None:
    ended, _, err = diff(*args)
    assert (ended, said in err) == (code, True)


def test_a_commit_without_rules_is_told(diff, shop: Path) -> None:
    subprocess.run(["git", "rm", "-rq", "--cached", "rules_templates"], cwd=shop, check=True)
    who = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *who, "commit", "-qm", "Without"], cwd=shop, check=True)
    code, _, err = diff("--env", "dev", "--against", "HEAD")
    assert (code, "RULES_NOT_AT_REF" in err) == (2, True)
