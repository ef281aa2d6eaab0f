"""Alertmanager, when its binary is on PATH. Its one receiver goes nowhere: ask `ccops alerts list`."""

from __future__ import annotations

import json
import shutil

from ccops.stack.paths import StateDir
from ccops.stack.probes import HttpProbe
from ccops.stack.service import HOST, Service, Site

INSTALL_LINE = "apt-get install -y --no-install-recommends prometheus-alertmanager"
# Debian's name first: `alertmanager` alone is what upstream's archive holds.
_NAMES = ("prometheus-alertmanager", "alertmanager")


def program() -> str | None:
    """Return the path of the binary, None when there is none."""
    return next((path for name in _NAMES if (path := shutil.which(name))), None)


def build(site: Site) -> Service:
    """Return Alertmanager alone: without a cluster listener it looks for no peers and opens one port."""
    found = program()
    if found is None:
        return Service(name="alertmanager", argv=(), absent=INSTALL_LINE)
    state_dir, port = StateDir(site.root), site.ports["alertmanager"]
    conf, data = state_dir.conf("alertmanager.yml"), state_dir.data("alertmanager")
    return Service(
        name="alertmanager",
        argv=(
            found,
            f"--config.file={conf}",
            f"--storage.path={data}",
            f"--web.listen-address={HOST}:{port}",
            "--cluster.listen-address=",
            # How long a silence may live in memory alone: what is killed loses those of the last 15 minutes.
            "--data.maintenance-interval=5s",
        ),
        ports=(port,),
        env={"GOGC": "50"},  # memory is scarcer than its little work
        ready=HttpProbe(port, "/-/ready"),
        files={conf: json.dumps(_CONFIG, indent=2) + "\n"},
        folders=(data,),
    )


def url(site: Site) -> str:
    """Return the base URL; the API is under /api/v2."""
    return f"http://{HOST}:{site.ports['alertmanager']}"


_CONFIG = {
    "route": {
        "receiver": "nowhere",
        "group_by": ["alertname"],
        "group_wait": "1s",
        "group_interval": "5s",
        "repeat_interval": "4h",
    },
    "receivers": [{"name": "nowhere"}],
}
