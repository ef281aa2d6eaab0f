"""ClickHouse: the chdb engine in one process behind our own HTTP front."""

from __future__ import annotations

import sys

from ccops.stack.paths import StateDir
from ccops.stack.probes import HttpProbe
from ccops.stack.service import HOST, Service, Site
from ccops.stack.services.pythonenv import base_env
from ccops.stack.services.wheels import package_dir

DATABASE = "casino"


def build(site: Site) -> Service:
    """Return the front; the password reaches it by a file, never by argv."""
    package_dir("chdb", "the ClickHouse engine")
    state_dir = StateDir(site.root)
    data, secret, port = (
        state_dir.data("clickhouse"),
        state_dir.conf("clickhouse.pw"),
        site.ports["clickhouse"],
    )
    where = ("--data", str(data), "--host", HOST, "--port", str(port))
    what = ("--password-file", str(secret), "--database", DATABASE)
    return Service(
        name="clickhouse",
        argv=(sys.executable, "-P", "-m", "ccops.stack.clickhouse_front", *where, *what),
        env=base_env(),
        ports=(port,),
        ready=HttpProbe(port, "/ping"),
        files={secret: site.secrets["CLICKHOUSE_PASSWORD"] + "\n"},
        folders=(data,),
        note="chdb behind the ccops HTTP front",
    )


def url(site: Site) -> str:
    """Return the HTTP URL with user, password and database."""
    password = site.secrets["CLICKHOUSE_PASSWORD"]
    return f"http://default:{password}@{HOST}:{site.ports['clickhouse']}/{DATABASE}"
