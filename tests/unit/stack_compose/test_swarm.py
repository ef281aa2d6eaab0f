"""docker-compose.yml becomes a stack file: what each key becomes, and that none gets lost without a word."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from ccops.core.errors import Refused, UsageError
from ccops.core.profile import Profile, Project, Value
from ccops.stack.compose import swarm, swarmfiles
from ccops.stack.compose.swarm import SecretsFrom, Wish
from ccops.stack.compose.swarmkeys import SERVICE_KEYS, TOP_KEYS, Publish
from ccops.stack.paths import StateDir
from tests.conftest import ROOT, run_ccops

COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
# What `docker stack deploy` refuses, ignores or has no schema for (docker/cli, cli/compose/types and schema).
NOT_THERE = {
    *("container_name", "restart", "mem_limit", "cpus", "pids_limit", "tmpfs", "profiles", "security_opt"),
    *("extends", "links", "privileged", "build", "expose"),
}


@pytest.fixture
def profile(tmp_path: Path) -> Profile:
    return Profile("dev", Project(ROOT, tmp_path), {"CCOPS_STACK": Value("embedded", "env/dev.env:1")})


def _made(profile: Profile, wish: Wish | None = None, out: Path | None = None) -> Any:
    _, text = swarmfiles.export(profile, wish or Wish("tools"), out)
    return yaml.safe_load(text)


def test_every_key_of_the_compose_file_has_an_entry_that_says_what_becomes_of_it(profile: Profile) -> None:
    used = {key for one in COMPOSE["services"].values() for key in one}
    stack, _ = swarmfiles.export(profile, Wish("tools"), None)

    assert used == set(SERVICE_KEYS)
    assert {key for key in COMPOSE if not key.startswith("x-")} == set(TOP_KEYS)
    assert stack.fates == SERVICE_KEYS
    assert [key for key, text in SERVICE_KEYS.items() if "LOST" in text] == ["cpu_shares", "security_opt"]


@pytest.mark.parametrize(
    "part", [{"gpus": "all"}, {"services": {"redis": {"image": "x", "cgroup_parent": "y"}}}]
)
def test_a_key_that_nobody_thought_about_is_refused_by_name(part: Mapping[str, Any]) -> None:
    with pytest.raises(UsageError) as caught:
        swarm.stack_of({"services": {}, **part}, Wish(), {})

    assert caught.value.code == "SWARM_KEY_UNKNOWN"
    assert caught.value.evidence in {"gpus", "redis.cgroup_parent"}


def test_what_is_kept_is_the_same_and_what_swarm_does_not_have_is_not_there(profile: Profile) -> None:
    made = _made(profile)

    assert set(made["services"]) == set(COMPOSE["services"])
    for name, one in made["services"].items():
        before = COMPOSE["services"][name]
        assert not NOT_THERE & set(one), name
        for key in before:
            if SERVICE_KEYS[key].startswith("kept") and key not in {"healthcheck", "networks"}:
                assert one[key] == before[key], f"{name}.{key}"
        assert one["networks"] == ["ccnet"]
        check = dict(one.get("healthcheck", {}))
        assert check.pop("start_period", None) == ("120s" if "healthcheck" in before else None)
        assert check == before.get("healthcheck", {})
        assert one.get("depends_on", []) == list(before.get("depends_on", ()))


def test_limits_restart_and_updates_move_below_deploy(profile: Profile) -> None:
    for name, one in _made(profile)["services"].items():
        before, deploy = COMPOSE["services"][name], one["deploy"]
        limits = {"memory": before["mem_limit"], "pids": before["pids_limit"]}
        if "cpus" in before:
            limits["cpus"] = before["cpus"]
        assert deploy["resources"] == {"limits": limits}
        once = before["restart"] == "no"
        assert deploy["restart_policy"]["condition"] == ("on-failure" if once else "any")
        assert ("update_config" in deploy) is not once
        assert deploy["replicas"] == 1


def test_replicas_are_those_that_were_asked_for_and_only_the_backend_is_updated_beside_itself(
    profile: Profile,
) -> None:
    services = _made(profile, Wish("dev", {"backend": 3, "worker": 2}))["services"]

    assert {name: one["deploy"]["replicas"] for name, one in services.items() if name in swarm.LIMITS} == {
        "backend": 3,
        "worker": 2,
    }
    orders = {name: one["deploy"].get("update_config", {}).get("order") for name, one in services.items()}
    assert [name for name, order in orders.items() if order == "start-first"] == ["backend"]


@pytest.mark.parametrize(
    "given",
    [("postgres=2",), ("backend=0",), ("backend=5",), ("worker=3",), ("backend",), ("backend=1",) * 2],
)
def test_replicas_that_can_not_be_are_refused(given: tuple[str, ...]) -> None:
    with pytest.raises(UsageError, match="can't be done"):
        swarm.parse_replicas(given)
    assert swarm.parse_replicas(("backend=4", "worker=2")) == {"backend": 4, "worker": 2}


def test_the_profile_decides_what_is_there_and_nothing_needs_what_is_not(profile: Profile) -> None:
    stack, text = swarmfiles.export(profile, Wish("dev"), None)
    made = yaml.safe_load(text)

    assert stack.left_out == ("grafana",)
    assert "grafana" not in made["services"]
    assert "grafana" not in made["volumes"]
    assert "grafana_password" not in made["secrets"]
    for one in made["services"].values():
        assert set(one.get("depends_on", ())) <= set(made["services"])


def test_the_network_is_an_overlay_that_a_container_of_the_command_line_can_join(profile: Profile) -> None:
    assert _made(profile)["networks"] == {"ccnet": {"driver": "overlay", "attachable": True}}


@pytest.mark.parametrize(
    ("publish", "ports", "mode"),
    [
        (Publish.INGRESS, [{"mode": "ingress"}], "vip"),
        (Publish.HOST, [{"mode": "host"}], "dnsrr"),
        (Publish.NONE, [], "dnsrr"),
    ],
)
def test_only_the_backend_is_published_and_only_the_mesh_needs_an_address_of_its_own(
    profile: Profile, publish: Publish, ports: list[dict[str, Any]], mode: str
) -> None:
    services = _made(profile, Wish("prod", publish=publish))["services"]

    always = {"target": 8000, "published": "${CCOPS_PORT_BACKEND:-8000}", "protocol": "tcp"}
    assert services["backend"].get("ports", []) == [{**always, **one} for one in ports]
    assert [name for name, one in services.items() if "ports" in one and name != "backend"] == []
    modes = {name: one["deploy"]["endpoint_mode"] for name, one in services.items()}
    assert modes.pop("backend") == mode
    assert set(modes.values()) == {"dnsrr"}


def test_volumes_stay_on_the_labelled_node_and_scratch_folders_do_not_vanish(profile: Profile) -> None:
    made = _made(profile)

    assert made["volumes"] == COMPOSE["volumes"]
    for name, one in made["services"].items():
        before = COMPOSE["services"][name]
        named = [text for text in before.get("volumes", ()) if text[0].isalpha()]
        scratch = [text.partition(":")[0] for text in before.get("tmpfs", ())]
        assert one.get("volumes", []) == [*named, *({"type": "tmpfs", "target": path} for path in scratch)]
        tied = one["deploy"].get("placement") == {"constraints": ["node.labels.ccops.data == true"]}
        assert tied is bool(named), name


def test_a_scratch_folder_with_an_option_that_swarm_lacks_is_refused() -> None:
    service = {"image": "x", "tmpfs": ["/tmp:size=1m"]}

    with pytest.raises(UsageError, match="tmpfs of redis"):
        swarm.stack_of({"services": {"redis": service}}, Wish(), {})


def test_mounted_files_become_configs_that_are_named_after_their_content(profile: Profile) -> None:
    rules = StateDir(profile.state_dir).rules
    rules.mkdir(parents=True)
    (rules / "http-api.yml").write_text("groups: []\n")
    first = _made(profile)
    (rules / "http-api.yml").write_text("groups: [x]\n")
    second = _made(profile)

    assert {one["target"] for one in first["services"]["prometheus"]["configs"]} == {
        "/etc/prometheus/prometheus.yml",
        "/etc/prometheus/rules/http-api.yml",
    }
    used = {one["source"] for service in first["services"].values() for one in service.get("configs", ())}
    assert used == set(first["configs"])
    changed = [key for key in used if first["configs"][key] != second["configs"][key]]
    assert changed == ["prometheus_http_api_yml"]
    assert all(len(one["name"]) <= 64 for one in first["configs"].values())
    assert not any("./compose" in str(one.get("volumes")) for one in first["services"].values())


def test_paths_are_right_for_where_the_file_is_written(profile: Profile, tmp_path: Path) -> None:
    at_home, elsewhere = _made(profile), _made(profile, out=tmp_path / "stack.yml")

    assert at_home["configs"]["clickhouse_ccops_xml"]["file"] == "./compose/clickhouse.xml"
    assert elsewhere["configs"]["clickhouse_ccops_xml"]["file"] == str(ROOT / "compose" / "clickhouse.xml")


def test_secrets_are_files_below_a_folder_that_must_be_named_or_made_outside(profile: Profile) -> None:
    files, outside = (_made(profile, Wish("tools", secrets=one))["secrets"] for one in SecretsFrom)

    assert set(files) == set(COMPOSE["secrets"]) == set(outside)
    for name, one in COMPOSE["secrets"].items():
        folder = "${CCOPS_SECRETS_DIR:?the folder of app.env and the passwords}"
        assert files[name] == {"file": f"{folder}/{one['file'].rpartition('/')[2]}"}
        assert outside[name] == {"external": True, "name": f"ccops_{name}"}


def test_the_same_file_comes_out_every_time_and_nothing_of_a_strangers_is_overwritten(
    profile: Profile, tmp_path: Path
) -> None:
    out = tmp_path / "stack.yml"
    texts = {swarmfiles.export(profile, Wish(), out)[1] for _ in range(2)}
    (text,) = texts

    assert [swarmfiles.write(out, text), swarmfiles.write(out, text)] == [True, False]
    out.write_text("services: {mine: {}}\n")
    with pytest.raises(Refused) as caught:
        swarmfiles.write(out, text)
    assert caught.value.code == "STACK_FILE_NOT_OURS"
    assert "&" not in text.replace("&&", "")  # no anchors


def test_prometheus_of_a_swarm_differs_in_how_backend_and_worker_are_found_only() -> None:
    here, there = (
        yaml.safe_load((ROOT / "compose" / name).read_text(encoding="utf-8"))
        for name in ("prometheus.yml", "prometheus-swarm.yml")
    )
    one, other = here["scrape_configs"].pop(0), there["scrape_configs"].pop(0)

    assert here == there
    assert one["job_name"] == other["job_name"] == "cc-webapp-backend"
    found = {(name, how["port"]) for how in other["dns_sd_configs"] for name in how["names"]}
    assert found == {("tasks.backend", 8000), ("tasks.worker", 8001)}
    (relabel,) = other["relabel_configs"]
    assert (relabel["source_labels"], relabel["target_label"]) == (["__meta_dns_name"], "service")


def test_the_command_writes_file_and_secrets_and_says_what_is_lost_and_how_to_deploy(tmp_path: Path) -> None:
    env, out = {"CCOPS_HOME": str(tmp_path / "home")}, tmp_path / "stack.yml"

    ran = run_ccops("stack", "export", "--swarm", "--replicas", "backend=2", "--out", str(out), env=env)
    again = run_ccops("stack", "export", "--swarm", "-o", "json", "--out", str(out), env=env)
    alone = run_ccops("stack", "export", "--swarm", env=env)

    assert ran.code == 0, ran.err
    secrets = tmp_path / "home" / "dev" / "compose" / "secrets"
    assert (secrets / "app.env").is_file()
    assert "security_opt  LOST" in ran.out
    assert "backend x2" in ran.out
    assert f"next: CCOPS_SECRETS_DIR={secrets} docker stack deploy -c {out} ccops" in ran.out
    assert "Prometheus gets no alert rules" in ran.out
    plain = json.loads(again.out)["data"]
    assert (plain["changed"], plain["services"]["backend"]) == (True, 1)
    assert yaml.safe_load(alone.out)["services"]["backend"]["deploy"]["replicas"] == 1
    passwords = (secrets / "postgres_password").read_text()
    assert passwords not in ran.out + out.read_text() + again.out


def test_nobody_makes_up_secrets_for_systems_that_run_elsewhere(tmp_path: Path) -> None:
    env, out = {"CCOPS_HOME": str(tmp_path / "home")}, tmp_path / "stack.yml"

    ran = run_ccops("stack", "export", "--swarm", "--env", "prod", "--out", str(out), env=env)
    assert (ran.code, "STACK_EXTERNAL" in ran.err, out.exists()) == (3, True, False)
    assert "--secrets external" in ran.err
    words = ("stack", "export", "--swarm", "--env", "prod", "--secrets", "external", "--out", str(out))
    assert run_ccops(*words, env=env).code == 0
    assert not (tmp_path / "home").exists()


def test_without_a_format_the_command_says_which_there_is(tmp_path: Path) -> None:
    ran = run_ccops("stack", "export", env={"CCOPS_HOME": str(tmp_path)})

    assert (ran.code, "--swarm" in ran.err) == (2, True)


@pytest.mark.skipif(shutil.which("docker") is None, reason="no docker client: apt-get install docker.io")
def test_the_docker_client_takes_the_file(profile: Profile, tmp_path: Path) -> None:
    out = tmp_path / "stack.yml"
    for wish in (Wish("tools", {"backend": 2}), Wish("prod", publish=Publish.HOST), Wish("dev")):
        out.unlink(missing_ok=True)
        swarmfiles.write(out, swarmfiles.export(profile, wish, out)[1])
        env = {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "CCOPS_SECRETS_DIR": str(tmp_path),
            "HOME": str(tmp_path),
        }
        words = ["docker", "stack", "config", "-c", str(out)]
        done = subprocess.run(words, env=env, capture_output=True, text=True, check=False)
        if "is not a docker command" in done.stderr or "unknown" in done.stderr:
            pytest.skip(f"this docker client has no `stack config`: {done.stderr.strip()[:100]}")
        assert (done.returncode, done.stderr) == (0, "")
        backend = yaml.safe_load(done.stdout)["services"]["backend"]
        assert backend["deploy"]["resources"]["limits"] == {"cpus": "2", "memory": "536870912", "pids": 512}
        assert backend["ports"][0]["published"] == 8000
