"""Ports of the stack: fixed by the profile, else the ones of last time, else free ones."""

from __future__ import annotations

import json
import random
import socket
from collections.abc import Collection
from pathlib import Path

from ccops.core.errors import Refused, UsageError
from ccops.core.profile import Profile
from ccops.stack.members import number_of
from ccops.stack.paths import StateDir, read_json, write_private
from ccops.stack.service import HOST

NAMES = (
    *("postgres", "redis", "kafka", "kafka_controller", "clickhouse", "backend", "worker"),
    *("kafka-exporter", "alertmanager", "prometheus"),
)
# Below the range the kernel takes for outgoing connections: a port of a service that is down for a
# second can't be taken by somebody's client.
_RANGE = range(20000, 32000)


def plan_ports(profile: Profile, starting: Collection[str]) -> dict[str, int]:
    """Return a port for every service and every member in `starting`; theirs are checked to be free now.

    Raises Refused, naming the owner, when a port that the profile fixes is taken.
    """
    state_dir = StateDir(profile.state_dir)
    kept = {name: port for name, port in read_json(state_dir.ports).items() if isinstance(port, int)}
    chosen = {name: port for name, port in kept.items() if name not in NAMES}
    for name in (*NAMES, *(name for name in starting if number_of(name))):
        fixed = fixed_port(profile, name)
        if fixed and name in starting and not is_free(fixed):
            raise _taken(name, fixed)
        port = fixed or kept.get(name, 0)
        if not fixed and (not port or (name in starting and not is_free(port))):
            port = _free(set(kept.values()) | set(chosen.values()))
        chosen[name] = port
    if chosen != kept:
        write_private(state_dir.ports, json.dumps(chosen, indent=2) + "\n")
    return chosen


def known_ports(path: Path) -> dict[str, int]:
    """Return the ports chosen at the last start (0 for one never chosen)."""
    kept = {name: port for name, port in read_json(path).items() if isinstance(port, int)}
    return {**dict.fromkeys(NAMES, 0), **kept}


def is_free(port: int) -> bool:
    """Return whether nobody listens on `port` of the loopback address."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def owner_of(port: int) -> str:
    """Return `pid 123 (command line)` of the process that listens on `port`, as far as we may see it."""
    import psutil

    try:
        connections = psutil.net_connections(kind="tcp")
    except psutil.Error:
        return "a process of another user"
    for connection in connections:
        if connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr.port == port:
            if connection.pid is None:
                break
            try:
                command = " ".join(psutil.Process(connection.pid).cmdline())[:200]
            except psutil.Error:
                command = "gone meanwhile"
            return f"pid {connection.pid} ({command})"
    return "a process of another user"


def key_of(name: str) -> str:
    """Return the key of a profile that fixes the port of `name`."""
    return "CCOPS_PORT_" + name.upper().replace("-", "_")


def fixed_port(profile: Profile, name: str) -> int:
    """Return the port the profile fixes for `name`, 0 for none. Raises UsageError for nonsense."""
    key = key_of(name)
    text = profile.get(key)
    if not text:
        return 0
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise UsageError(
            "PORT_INVALID",
            f"{key} is {text!r}",
            evidence=f"{profile.values[key].origin}: a port is a number from 1 to 65535",
            next_step=f"correct {key}, or leave it out for a free port",
        )
    return int(text)


def _taken(name: str, port: int) -> Refused:
    return Refused(
        "PORT_TAKEN",
        f"port {port} for {name} is taken",
        evidence=f"{HOST}:{port} belongs to {owner_of(port)}",
        next_step=f"stop that process, or set {key_of(name)} to another port (or remove it)",
    )


def _free(avoid: set[int]) -> int:
    for _ in range(200):
        port = random.choice(_RANGE)
        if port not in avoid and is_free(port):
            return port
    raise Refused(
        "PORT_NONE_FREE",
        f"no free port between {_RANGE.start} and {_RANGE.stop}",
        evidence="200 random tries found each one taken",
        next_step="fix ports with CCOPS_PORT_<SERVICE> in env/NAME.env",
    )
