"""The bundled game backend, and the environment it shares with the worker and the migration."""

from __future__ import annotations

import signal
import sys
from dataclasses import replace

from ccops.stack.paths import StateDir
from ccops.stack.probes import HttpProbe
from ccops.stack.service import HOST, Service, Site
from ccops.stack.services import clickhouse, kafka, postgres, valkey
from ccops.stack.services.graph import NEEDS
from ccops.stack.services.pythonenv import base_env
from ccops.stack.services.wheels import package_dir

_GENERATED = ("JWT_KEYS", "WEBHOOK_SECRETS", "PII_KEYS")


def program_env(site: Site) -> dict[str, str]:
    """Return the environment of the backend's processes on this machine."""
    return {**base_env(), **settings(site)}


def settings(site: Site) -> dict[str, str]:
    """Return the backend's settings: generated secrets, then the profile's, then what the stack decides."""
    return {
        "APP_ENV": site.env,
        **{key: site.secrets[key] for key in _GENERATED},
        **_administrator(site),
        **site.settings,
        "PROTECTED": "1" if site.protected else "0",
        "DATABASE_URL": postgres.url(site),
        "REDIS_URL": valkey.url(site),
        "KAFKA_BOOTSTRAP": kafka.bootstrap(site),
        "CLICKHOUSE_URL": clickhouse.url(site),
        "HTTP_HOST": HOST,
        "HTTP_PORT": str(site.ports["backend"]),
        "LISTEN_FD": "0",
        "WORKER_HTTP_PORT": str(site.ports["worker"]),
    }


def _administrator(site: Site) -> dict[str, str]:
    """Return the administrator of scenarios and operators; a protected profile names its own or has none."""
    if site.protected:
        return {}
    return {"ADMIN_SITE_ID": "ccops-admin", "ADMIN_PASSWORD": site.secrets["ADMIN_PASSWORD"]}


def administrator(site: Site) -> dict[str, str]:
    """Return the keys of stack.env that say who administers the backend; none when nobody does."""
    env = program_env(site)
    keys = ("ADMIN_SITE_ID", "ADMIN_PASSWORD")
    return {f"CCOPS_{key}": env[key] for key in keys} if all(env.get(key) for key in keys) else {}


def webhook_secret(site: Site) -> dict[str, str]:
    """Return the key of stack.env with which scenarios sign as the payment provider; none when protected."""
    return (
        {} if site.protected else {"CCOPS_WEBHOOK_SECRET": program_env(site)["WEBHOOK_SECRETS"].split(",")[0]}
    )


def module(name: str, *args: str) -> tuple[str, ...]:
    """Return the argv of `python -m ccops.backend.NAME`; the current folder is not on its path."""
    package_dir("fastapi", "the game backend")
    return (sys.executable, "-P", "-m", f"ccops.backend.{name}", *args)


def build(site: Site) -> Service:
    """Return the HTTP and WebSocket server."""
    port = site.ports["backend"]
    return Service(
        name="backend",
        argv=module("serve"),
        env=program_env(site),
        ports=(port,),
        needs=NEEDS["backend"],
        ready=HttpProbe(port, "/health/ready"),
        # Open WebSockets delay a polite stop; nothing is lost by a hard one, and nobody is left to wait.
        death_signal=signal.SIGKILL,
    )


def member(site: Site, service: Service, number: int) -> Service:
    """Return `service` as one of several processes: a socket shared with the others, a port for its probe.

    The supervisor opens the shared socket and hands it down, so that what waits to be accepted outlives every
    single process.
    """
    name = f"{service.name}-{number}"
    port, shared = site.ports[name], StateDir(site.root).data(f"{service.name}-metrics")
    env = {
        **service.env,
        "PROCESS_NUMBER": str(number),
        "PROCESS_PORT": str(port),
        "PROMETHEUS_MULTIPROC_DIR": str(shared),
    }
    return replace(
        service,
        name=name,
        env=env,
        ports=(port,),
        ready=HttpProbe(port, "/health/ready"),
        listen=service.ports[0],
        listen_key="LISTEN_FD",
        emptied=(shared,),
        note=f"{service.name} is {service.address}; this address is this process alone"
        if number == 1
        else "",
    )


def url(site: Site) -> str:
    """Return the base URL of the backend."""
    return f"http://{HOST}:{site.ports['backend']}"
