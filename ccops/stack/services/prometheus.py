"""Prometheus, when its binary is on PATH."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping

from ccops.stack.paths import StateDir
from ccops.stack.probes import HttpProbe
from ccops.stack.service import HOST, Service, Site
from ccops.stack.services import alertmanager

# Whose /metrics each job reads; compose/prometheus.yml has the same jobs.
JOBS: Mapping[str, tuple[str, ...]] = {
    "cc-webapp-backend": ("backend", "worker"),
    "clickhouse": ("clickhouse",),
    "kafka-exporter": ("kafka-exporter",),
    "alertmanager": ("alertmanager",),
}
INSTALL_LINE = "apt-get install -y --no-install-recommends prometheus"


def build(site: Site) -> Service:
    """Return Prometheus: it scrapes every second and loads the rules that lie in the state folder."""
    program = shutil.which("prometheus")
    if program is None:
        return Service(name="prometheus", argv=(), absent=INSTALL_LINE)
    state_dir, port = StateDir(site.root), site.ports["prometheus"]
    conf, data = state_dir.conf("prometheus.yml"), state_dir.data("prometheus")
    return Service(
        name="prometheus",
        argv=(
            program,
            f"--config.file={conf}",
            f"--storage.tsdb.path={data}",
            # Every second of a day is 370 MB; windows of three days would be read through at each evaluation.
            "--storage.tsdb.retention.time=1d",
            f"--web.listen-address={HOST}:{port}",
            "--web.enable-lifecycle",
        ),
        ports=(port,),
        env={"GOGC": "50"},
        ready=HttpProbe(port, "/-/ready"),
        files={conf: json.dumps(_config(site), indent=2) + "\n"},
        folders=(data, state_dir.rules),
    )


def url(site: Site) -> str:
    """Return the base URL of the query API."""
    return f"http://{HOST}:{site.ports['prometheus']}"


def _config(site: Site) -> dict[str, object]:
    """Return the configuration; JSON is YAML, so no YAML library is needed."""
    told = alertmanager.program() is not None
    jobs = {job: names for job, names in JOBS.items() if told or job != "alertmanager"}
    config: dict[str, object] = {
        "global": {
            "scrape_interval": "1s",
            "scrape_timeout": "1s",
            "evaluation_interval": "2s",
            "external_labels": {"env": site.env},
        },
        "rule_files": [str(StateDir(site.root).rules / "*.yml")],
        "scrape_configs": [
            {
                "job_name": job,
                "static_configs": [
                    {"targets": [_address(site, name)], "labels": {"service": name}} for name in names
                ],
            }
            for job, names in jobs.items()
        ],
    }
    if told:
        config["alerting"] = {
            "alertmanagers": [{"static_configs": [{"targets": [_address(site, "alertmanager")]}]}]
        }
    return config


def _address(site: Site, name: str) -> str:
    return f"{HOST}:{site.ports[name]}"
