"""docker-compose.yml against the embedded stack: the same names, needs, ports, targets, and no secret."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from ccops.stack.compose.layout import INNER, ONE_SHOT, PUBLISHED
from ccops.stack.ports import key_of
from ccops.stack.service import HOST, Site
from ccops.stack.services import alertmanager, prometheus
from ccops.stack.services.graph import NEEDS
from ccops.stack.services.table import BUILDERS
from tests.conftest import ROOT

# What there is on Docker only.
EXTRA = {"grafana": {"prometheus"}}


def _yaml(path: Path) -> dict[str, Any]:
    plain = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert isinstance(plain, dict)
    return plain


FILE = _yaml(ROOT / "docker-compose.yml")
SERVICES: Mapping[str, Any] = FILE["services"]


def test_the_services_are_those_of_the_embedded_stack_and_grafana() -> None:
    assert set(SERVICES) == set(BUILDERS) | set(EXTRA)


@pytest.mark.parametrize("name", list(SERVICES))
def test_a_service_waits_for_what_its_embedded_twin_needs(name: str) -> None:
    needs = SERVICES[name].get("depends_on", {})

    assert set(needs) == set(NEEDS.get(name, ())) | EXTRA.get(name, set())
    for other, how in needs.items():
        ended = "service_completed_successfully"
        assert how == {"condition": ended if other in ONE_SHOT else "service_healthy"}


def test_the_development_file_publishes_each_port_on_loopback_under_the_profiles_name() -> None:
    added = _yaml(ROOT / "compose" / "ports.yml")["services"]
    ports = {**{name: one["ports"] for name, one in added.items()}, "backend": SERVICES["backend"]["ports"]}

    found = {}
    for name, (text,) in ports.items():
        match = re.fullmatch(r"(.+):\$\{(\w+):-\d+\}:(\d+)", text)
        assert match is not None, text
        assert match[1] in {HOST, "${CCOPS_BIND:-127.0.0.1}"}
        assert match[2] == key_of(name)
        found[name] = int(match[3])

    assert found == {**PUBLISHED, "grafana": 3000}


def test_without_the_development_file_only_the_backend_is_published() -> None:
    assert [name for name, one in SERVICES.items() if "ports" in one] == ["backend"]


def test_every_service_has_a_health_check_of_the_application_but_the_one_that_ends() -> None:
    assert {name for name, one in SERVICES.items() if "healthcheck" not in one} == ONE_SHOT
    for name in set(SERVICES) - ONE_SHOT:
        assert not re.search(r"\bnc\b|pg_isready", str(SERVICES[name]["healthcheck"]["test"])), name


def test_every_image_is_pinned_and_can_be_replaced_by_a_variable() -> None:
    for name, one in SERVICES.items():
        match = re.fullmatch(r"\$\{(CCOPS_IMAGE\w*):-[^:}]+:([^}]+)\}", one["image"])
        assert match is not None, one["image"]
        assert match[2] != "latest"
        assert match[1] in {"CCOPS_IMAGE", f"CCOPS_IMAGE_{name.upper().replace('-', '_')}"}


def test_no_secret_is_in_an_environment_or_a_command() -> None:
    for name, one in SERVICES.items():
        for key, text in one.get("environment", {}).items():
            if re.search(r"PASSWORD|SECRET|KEY", key):
                assert key.endswith("_FILE"), f"{name}: {key}"
                assert text.startswith("/run/secrets/")
        assert "PASSWORD" not in str(one.get("command", ""))
    assert all(set(one) == {"file"} for one in FILE["secrets"].values())


def test_every_service_rotates_its_log_is_limited_and_gains_no_privileges() -> None:
    for name, one in SERVICES.items():
        assert one["logging"]["options"] == {"max-size": "10m", "max-file": "3"}, name
        assert "mem_limit" in one, name
        assert one["security_opt"] == ["no-new-privileges:true"], name
        assert one["restart"] == ("no" if name in ONE_SHOT else "unless-stopped"), name


def test_our_own_image_runs_without_root_and_writes_nothing() -> None:
    for name in ("migrate", "backend", "worker"):
        one = SERVICES[name]
        assert (one["user"], one["read_only"], one["cap_drop"]) == ("10001:10001", True, ["ALL"])


def test_the_backend_answers_to_its_name() -> None:
    assert SERVICES["backend"]["networks"] == {"ccnet": {"aliases": ["backend"]}}


def _embedded() -> dict[str, Any]:
    ports = {**INNER, "clickhouse": 9363}
    site = Site("dev", Path("/nowhere"), ports, {})
    return prometheus._config(site)


def _groups(job: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The targets that are written there, and those of the file that lies beside it until `ccops up`."""
    if "file_sd_configs" not in job:
        return list(job["static_configs"])
    assert job["file_sd_configs"][0]["files"] == ["/etc/prometheus/targets/*.json"]
    mounts = SERVICES["prometheus"]["volumes"]
    assert "${CCOPS_TARGETS_DIR:-./compose/targets}:/etc/prometheus/targets:ro" in mounts
    return [*job["static_configs"], *_yaml_list(ROOT / "compose" / "targets" / "backend.json")]


def _yaml_list(path: Path) -> list[dict[str, Any]]:
    plain = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert isinstance(plain, list)
    return plain


def test_prometheus_watches_the_same_jobs_under_the_same_labels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alertmanager, "program", lambda: "/bin/true")
    here, there = _yaml(ROOT / "compose" / "prometheus.yml"), _embedded()

    def jobs(config: Mapping[str, Any]) -> set[tuple[str, str, str]]:
        return {
            (job["job_name"], group["labels"]["service"], target.rpartition(":")[2])
            for job in config["scrape_configs"]
            for group in _groups(job)
            for target in group["targets"]
        }

    assert jobs(here) == jobs(there)
    for job in here["scrape_configs"]:
        for group in _groups(job):
            assert [target.partition(":")[0] for target in group["targets"]] == [group["labels"]["service"]]
    keys = ("scrape_interval", "scrape_timeout", "evaluation_interval")
    assert {key: here["global"][key] for key in keys} == {key: there["global"][key] for key in keys}
