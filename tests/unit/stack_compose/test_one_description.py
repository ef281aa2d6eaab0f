"""One description of each service for both engines: what the embedded `Service` says, Docker's files say too.

test_compose_file.py holds names, needs, published ports and jobs. Here is the rest that can differ and
matters: what is run, with which settings, how it is asked, how it is stopped. What is meant has its reason.
"""

from __future__ import annotations

import json
import re
import shutil
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from ccops.rules import folder as rules_folder
from ccops.stack.compose import restarting
from ccops.stack.compose.layout import INNER, ONE_SHOT, PUBLISHED, folder, program_env
from ccops.stack.compose.monitored import METRICS
from ccops.stack.compose.secretfiles import write
from ccops.stack.paths import StateDir
from ccops.stack.probes import HttpProbe, KafkaProbe, PingProbe, SqlProbe
from ccops.stack.service import HOST, Service, Site
from ccops.stack.services import alertmanager, backend, kafka_apache, kafka_jars, postgres, prometheus, table
from ccops.stack.services.graph import NEEDS
from ccops.stack.services.prometheus import JOBS
from tests.conftest import ROOT

# What the embedded service has and its twin lacks, and why nobody is hurt.
MEANT = {
    "kafka-exporter asks /healthz": "danielqsj's image is asked for a metric that it has only with a broker",
    "kafka offsets.topic.num.partitions": "few partitions make the start of an embedded broker short",
    "kafka transaction.state.log.num.partitions": "as above",
    "kafka share.coordinator.state.topic.num.partitions": "as above",
    "kafka log.segment.bytes": "it saves the disk of one machine",
    "kafka listener.security.protocol.map": "a listener more, for clients on this machine",
    "prometheus --web.listen-address": "the image listens on its usual port",
    "alertmanager --web.listen-address": "the image listens on its usual port",
}
SECRETS = {
    **{f"{name}_PASSWORD": f"{name.lower()}pw" for name in ("POSTGRES", "REDIS", "CLICKHOUSE", "ADMIN")},
    "JWT_KEYS": "k1:aa",
    "WEBHOOK_SECRETS": "bb",
    "PII_KEYS": "k1:cc",
}


def _yaml(name: str) -> dict[str, Any]:
    plain = yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))
    assert isinstance(plain, dict)
    return plain


FILE = _yaml("docker-compose.yml")
TWINS: Mapping[str, Any] = FILE["services"]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site("dev", tmp_path, {**INNER, "kafka_controller": 9093}, SECRETS, {"GAME_TZ": "Asia/Seoul"})


@pytest.fixture
def services(site: Site, monkeypatch: pytest.MonkeyPatch) -> dict[str, Service]:
    """Every service as the embedded engine would start it, at the ports that it has inside a container."""
    monkeypatch.setattr(alertmanager, "program", lambda: "/bin/true")
    real = shutil.which
    monkeypatch.setattr(
        prometheus.shutil, "which", lambda name: "/bin/true" if name == "prometheus" else real(name)
    )
    return table.build(site, NEEDS)


def _words(twin: Mapping[str, Any]) -> list[str]:
    """Return the command with every variable at its default."""
    return [re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", str(word)) for word in twin.get("command", [])]


def _check(twin: Mapping[str, Any]) -> str:
    test = twin["healthcheck"]["test"]
    return " ".join(test[1:] if isinstance(test, list) else [test]).replace("$$", "$")


def _flags(words: list[str] | tuple[str, ...]) -> dict[str, str]:
    return dict(word.partition("=")[::2] for word in words if word.startswith("--"))


def test_our_own_programs_are_run_with_the_same_words(services: Mapping[str, Service]) -> None:
    for name in ("migrate", "backend", "worker"):
        own = list(services[name].argv[1:])
        if "--seed" in own:
            own[-1] = "none"  # what the file has when nobody says it; `ccops up` always does
        assert _words(TWINS[name]) == ["python", *own], name
    assert "CCOPS_SEED" in str(TWINS["migrate"]["command"])


def test_what_runs_once_runs_once(services: Mapping[str, Service]) -> None:
    assert {name for name, one in services.items() if one.one_shot} == ONE_SHOT


def test_each_is_asked_the_same_question(services: Mapping[str, Service]) -> None:
    different = set()
    for name, one in services.items():
        if one.ready is None:
            assert "healthcheck" not in TWINS[name]
            continue
        asked, probe = _check(TWINS[name]), one.ready
        if isinstance(probe, HttpProbe):
            if f"http://{HOST}:{INNER[name]}{probe.path}" not in asked:
                different.add(f"{name} asks {probe.path}")
        elif isinstance(probe, SqlProbe):
            assert re.search(rf"psql .*-h {HOST} -U {probe.user} -d {probe.database} -c 'SELECT 1'", asked)
            assert "PGPASSWORD" in asked
        elif isinstance(probe, PingProbe):
            assert re.search(r"REDISCLI_AUTH=.* ping \| grep -q PONG", asked)
        else:
            assert isinstance(probe, KafkaProbe)
            assert f"--bootstrap-server localhost:{INNER['kafka']}" in asked
    assert different == {key for key in MEANT if " asks " in key}


def test_each_has_as_long_to_become_ready_and_to_stop(services: Mapping[str, Service]) -> None:
    for name, one in services.items():
        twin = TWINS[name]
        if one.ready is not None:
            check = twin["healthcheck"]
            assert int(check["interval"].rstrip("s")) * check["retries"] >= one.ready_timeout_s, name
        assert int(str(twin.get("stop_grace_period", "10s")).rstrip("s")) >= one.stop_timeout_s, name
        wanted = signal.Signals(one.stop_signal).name
        assert twin.get("stop_signal", "SIGTERM") == wanted, name


def test_the_programs_get_the_same_settings_and_only_addresses_differ(site: Site) -> None:
    embedded, inside = backend.settings(site), program_env(site)

    assert set(embedded) == set(inside)
    differ = {key for key in embedded if embedded[key] != inside[key]}
    assert differ == {"DATABASE_URL", "REDIS_URL", "CLICKHOUSE_URL", "KAFKA_BOOTSTRAP", "HTTP_HOST"}
    for key, name in (("DATABASE_URL", "postgres"), ("REDIS_URL", "redis"), ("CLICKHOUSE_URL", "clickhouse")):
        own, there = urlsplit(embedded[key]), urlsplit(inside[key])
        assert (there.hostname, there.port) == (name, INNER[name])
        assert own._replace(netloc="") == there._replace(netloc="")
        assert (own.username, own.password) == (there.username, there.password)
    assert inside["KAFKA_BOOTSTRAP"] == f"kafka:{INNER['kafka']}"
    assert (inside["HTTP_PORT"], inside["WORKER_HTTP_PORT"]) == (str(INNER["backend"]), str(INNER["worker"]))


def test_they_read_them_where_the_file_mounts_them(site: Site) -> None:
    state_dir = StateDir(site.root)
    write(state_dir, site)
    there = {path.name for path in folder(state_dir, "secrets").iterdir()}

    sources = {key: one["file"].rpartition("/")[2] for key, one in FILE["secrets"].items()}
    assert set(sources.values()) == there
    assert all("${CCOPS_SECRETS_DIR:-" in one["file"] for one in FILE["secrets"].values())
    settable = {name for name, one in TWINS.items() if "app_env" in one.get("secrets", ())}
    assert settable - ONE_SHOT == set(restarting.SETTABLE)
    # What is set for one service is in a folder that has this file only.
    assert all(TWINS[name]["secrets"] == ["app_env"] for name in restarting.SETTABLE)
    assert sources["app_env"] == "app.env"


def test_postgres_has_the_same_role_database_and_text(services: Mapping[str, Service]) -> None:
    env, prepared = TWINS["postgres"]["environment"], services["postgres"].prepare
    assert prepared is not None
    initdb = prepared.steps[0].argv
    assert (env["POSTGRES_USER"], env["POSTGRES_DB"]) == (postgres.USER, postgres.DATABASE)
    assert ("--encoding=UTF8" in env["POSTGRES_INITDB_ARGS"]) is ("UTF8" in initdb)
    for word in ("--locale=C.UTF-8", "scram-sha-256"):
        assert word in env["POSTGRES_INITDB_ARGS"]
        assert word in initdb
    assert env["TZ"] == postgres._SETTINGS["timezone"]


def test_redis_keeps_as_much(services: Mapping[str, Service], site: Site) -> None:
    write(StateDir(site.root), site)
    inside = (folder(StateDir(site.root), "secrets") / "redis.conf").read_text()
    (own,) = services["redis"].files.values()

    def settings(text: str) -> dict[str, str]:
        pairs = dict(line.split(" ", 1) for line in text.splitlines())
        return {key: value for key, value in pairs.items() if key not in {"port", "bind", "dir"}}

    assert settings(inside) == settings(own)


def test_kafka_has_the_same_settings_and_the_pinned_version() -> None:
    env = TWINS["kafka"]["environment"]
    have = {
        key.removeprefix("KAFKA_").lower().replace("_", "."): value
        for key, value in env.items()
        if key.startswith("KAFKA_")
    }

    differ = {f"kafka {key}" for key, value in kafka_apache._SETTINGS.items() if have.get(key) != value}
    assert differ == _meant("kafka")
    assert TWINS["kafka"]["image"].endswith(f":{kafka_jars.version()}}}")
    assert f"PLAINTEXT://:{INNER['kafka']},HOST://:{PUBLISHED['kafka']}" in env["KAFKA_LISTENERS"]
    assert f"PLAINTEXT://kafka:{INNER['kafka']},HOST://{HOST}:" in env["KAFKA_ADVERTISED_LISTENERS"]


def test_clickhouse_has_the_same_user_and_database_and_its_metrics_where_they_are_scraped(site: Site) -> None:
    env, url = TWINS["clickhouse"]["environment"], urlsplit(backend.settings(site)["CLICKHOUSE_URL"])
    assert (env["CLICKHOUSE_USER"], env["CLICKHOUSE_DB"]) == (url.username, url.path.strip("/"))
    xml = (ROOT / "compose" / "clickhouse.xml").read_text(encoding="utf-8")
    assert f"<port>{METRICS['clickhouse']}</port>" in xml


def test_prometheus_and_alertmanager_have_the_same_flags(services: Mapping[str, Service]) -> None:
    paths = {"--config.file", "--storage.tsdb.path", "--storage.path"}
    for name in ("prometheus", "alertmanager"):
        own, there = _flags(services[name].argv), _flags(_words(TWINS[name]))
        assert paths & set(own) <= set(there)
        differ = {key for key in set(own) - paths if own[key] != there.get(key)}
        assert {f"{name} {key}" for key in differ} == _meant(name)


def test_prometheus_loads_tells_and_scrapes_the_same(services: Mapping[str, Service]) -> None:
    (own_text,) = services["prometheus"].files.values()
    own, there = json.loads(own_text), _yaml("compose/prometheus.yml")

    assert set(own) - {"global"} <= set(there)
    assert set(own["global"]) <= set(there["global"])
    assert own["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"] == [
        f"{HOST}:{INNER['alertmanager']}"
    ]
    assert there["alerting"] == {
        "alertmanagers": [{"static_configs": [{"targets": [f"alertmanager:{INNER['alertmanager']}"]}]}]
    }
    # Filled in by Prometheus itself, from what the compose file hands on.
    assert there["global"]["external_labels"] == {"env": "${CCOPS_ENV}"}
    assert "--enable-feature=expand-external-labels" in _words(TWINS["prometheus"])
    assert TWINS["prometheus"]["environment"] == {"CCOPS_ENV": "${CCOPS_ENV:-dev}"}
    (pattern,) = there["rule_files"]
    assert str(Path(pattern).parent) == str(rules_folder._IN_CONTAINER)
    assert any(f":{rules_folder._IN_CONTAINER}:ro" in text for text in TWINS["prometheus"]["volumes"])


def test_what_status_expects_to_be_scraped_is_what_is() -> None:
    groups = [
        (job["job_name"], group)
        for job in _yaml("compose/prometheus.yml")["scrape_configs"]
        for group in job.get("static_configs", [])
    ]
    groups += [
        ("cc-webapp-backend", one) for one in json.loads((ROOT / "compose/targets/backend.json").read_text())
    ]

    found = {(job, group["labels"]["service"], *group["targets"]) for job, group in groups}

    assert found == {(job, name, f"{name}:{METRICS[name]}") for job, names in JOBS.items() for name in names}


def test_alertmanager_tells_the_same_receiver() -> None:
    assert _yaml("compose/alertmanager.yml") == alertmanager._CONFIG


def test_every_difference_that_is_accepted_is_one() -> None:
    assert all(reason for reason in MEANT.values())


def _meant(name: str) -> set[str]:
    return {key for key in MEANT if key.startswith(f"{name} ")}
