"""Grafana's files are planned, written whole, and written again without a difference."""

import json
from pathlib import Path

import pytest
import yaml

from ccops.core.errors import CcopsError, UsageError
from ccops.core.profile import Project, load_profile
from ccops.monitor.check import check
from ccops.monitor.provision import Place, Plan, apply, plan
from tests.conftest import ROOT
from tests.unit.monitor.boards import project

URL = "http://prometheus:9090"


def made(folder: Path, **more: str) -> Plan:
    place = Place(folder / "out", **{"prometheus_url": URL} | more)
    return plan(project(folder) if not (folder / "env").exists() else _again(folder), place)


def _again(folder: Path):  # type: ignore[no-untyped-def]
    return load_profile("dev", Project(folder, folder / ".ccops"), {})


def whats(plan_: Plan) -> dict[str, int]:
    words = [one.what for one in plan_.changes]
    return {word: words.count(word) for word in set(words)}


def test_a_plan_writes_nothing_and_what_is_written_is_the_same_next_time(tmp_path: Path) -> None:
    first = made(tmp_path)
    assert whats(first) == {"created": 10}
    assert not (tmp_path / "out").exists()
    assert apply(first).applied
    assert whats(made(tmp_path)) == {"same": 10}


def test_data_source_and_provider_say_what_dashboards_rely_on(tmp_path: Path) -> None:
    apply(made(tmp_path, mounted="/etc/grafana/provisioning", scrape_interval="30s"))
    out = tmp_path / "out"
    source = yaml.safe_load((out / "datasources/ccops.yml").read_text())["datasources"][0]
    assert (source["uid"], source["url"], source["editable"]) == ("prometheus", URL, False)
    assert source["jsonData"]["timeInterval"] == "30s"
    provider = yaml.safe_load((out / "dashboards/ccops.yml").read_text())["providers"][0]
    assert (provider["disableDeletion"], provider["allowUiUpdates"]) == (True, False)
    assert provider["options"]["path"] == "/etc/grafana/provisioning/dashboards/ccops"
    shop = json.loads((out / "dashboards/ccops/shop.json").read_text())
    assert (shop["uid"], shop["id"], shop["editable"]) == ("ccops-shop", None, False)


def test_another_threshold_changes_only_the_dashboard_that_draws_it(tmp_path: Path) -> None:
    apply(made(tmp_path))
    env = tmp_path / "env" / "dev.env"
    env.write_text(env.read_text().replace("SPIKE_THRESHOLD=20", "SPIKE_THRESHOLD=21"))
    pending = made(tmp_path).pending
    assert [(one.name, one.what) for one in pending] == [("dashboards/ccops/shop.json", "changed")]
    assert '"value": 21' in pending[0].diff


def test_a_dashboard_that_is_made_no_longer_is_removed_and_one_of_others_stays(tmp_path: Path) -> None:
    apply(made(tmp_path))
    folder = tmp_path / "out" / "dashboards" / "ccops"
    (folder / "theirs.json").write_text('{"uid": "theirs", "tags": ["team"]}')
    (folder / "broken.json").write_text("{")
    (tmp_path / "rules_templates" / "dashboards" / "auth.json.j2").unlink()
    second = made(tmp_path)
    assert [(one.name, one.what) for one in second.pending] == [("dashboards/ccops/auth.json", "stale")]
    apply(second)
    assert {path.name for path in folder.glob("*.json")} >= {"theirs.json", "broken.json", "shop.json"}
    assert not (folder / "auth.json").exists()


def test_broken_dashboards_leave_what_is_there(tmp_path: Path) -> None:
    apply(made(tmp_path))
    shop = tmp_path / "out" / "dashboards" / "ccops" / "shop.json"
    before = shop.read_bytes()
    template = tmp_path / "rules_templates" / "dashboards" / "shop.json.j2"
    template.write_text(template.read_text().replace("purchase_pending{", "purchase_pnding{"))
    with pytest.raises(CcopsError) as caught:
        apply(made(tmp_path))
    assert (caught.value.code, caught.value.exit_code) == ("DASHBOARDS_BROKEN", 1)
    assert "shop.json.j2:15" in caught.value.evidence
    assert shop.read_bytes() == before


def test_nothing_is_half_written_where_a_folder_is_in_the_way(tmp_path: Path) -> None:
    out = tmp_path / "out"
    (out / "datasources").mkdir(parents=True)
    (out / "dashboards").write_text("a file where a folder has to be")
    with pytest.raises(UsageError):
        apply(made(tmp_path))
    assert list((out / "datasources").iterdir()) == []


@pytest.mark.parametrize(
    ("url", "good"),
    [
        ("http://user:hunter2hunter2@prometheus:9090", False),
        ("prometheus:9090", False),
        ("", False),
        ("https://prometheus.example", True),
    ],
)
def test_an_address_is_needed_and_holds_no_password(tmp_path: Path, url: str, good: bool) -> None:
    if good:
        assert (
            "https://prometheus.example" in made(tmp_path, prometheus_url=url).texts["datasources/ccops.yml"]
        )
        return
    with pytest.raises(UsageError) as caught:
        made(tmp_path, prometheus_url=url)
    assert caught.value.code == "PROVISION_URL"
    assert "hunter2" not in caught.value.message + caught.value.evidence + caught.value.next_step


@pytest.mark.parametrize(
    ("new", "found"), [("uid: prom", 1), ("# no uid", 1), ('uid: "prometheus"', 0), ("uid: prometheus", 0)]
)
def test_the_provisioned_uid_is_the_one_that_dashboards_name(tmp_path: Path, new: str, found: int) -> None:
    profile = project(tmp_path)
    template = tmp_path / "rules_templates" / "dashboards" / "provisioning" / "datasource.yml.j2"
    text = template.read_text()
    template.write_text(text.replace("uid: prometheus", new))
    marks = check(profile).marks
    assert [mark.code for mark in marks] == ["DASHBOARD_DATASOURCE"] * found
    line = text[: text.index("uid: prometheus")].count("\n") + 1
    assert {mark.line for mark in marks} <= {line, 1}


def test_what_the_compose_file_mounts_is_what_would_be_written(tmp_path: Path) -> None:
    profile = load_profile("dev", Project(ROOT, tmp_path), {})
    place = Place(
        ROOT / "compose" / "grafana",
        prometheus_url=URL,
        mounted="/etc/grafana/provisioning",
        scrape_interval="1s",
    )

    assert whats(plan(profile, place)) == {"same": 10}, (
        "ccops monitor provision --out compose/grafana --env dev --prometheus-url http://prometheus:9090"
        " --mounted /etc/grafana/provisioning --scrape-interval 1s --apply"
    )
