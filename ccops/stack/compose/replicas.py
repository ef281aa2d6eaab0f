"""Several containers of one service: how many, on which ports, and where Prometheus finds each."""

from __future__ import annotations

import json
import random
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

from ccops.core.errors import Refused, UsageError
from ccops.core.profile import Profile
from ccops.stack import ports
from ccops.stack.compose.layout import INNER, folder
from ccops.stack.members import MOST, SERVICE, expand
from ccops.stack.paths import StateDir, read_json, write_private
from ccops.stack.service import HOST

KEY = "CCOPS_BACKEND_URLS"
# Below the range the kernel takes for outgoing connections, as ports.py chooses single ones.
_FIRST, _LAST = 20000, 32000
_TRIES = 200


def parse_scale(pairs: Sequence[str]) -> int | None:
    """Return N of `--scale backend=N`, None when it is not given. Raises UsageError."""
    if not pairs:
        return None
    found = dict(pair.partition("=")[::2] for pair in pairs)
    wrong = [name for name in found if name != SERVICE]
    text = found.get(SERVICE, "")
    if wrong or len(pairs) > 1 or not (text.isascii() and text.isdecimal() and 1 <= int(text) <= MOST):
        raise UsageError(
            "SCALE_INVALID",
            f"--scale {' '.join(pairs)} can't be done",
            evidence=_why(wrong),
            next_step="ccops up --mode compose --scale backend=2",
        )
    return int(text)


def _why(wrong: Sequence[str]) -> str:
    if "worker" in wrong:
        return "of several workers one leads each role and the others stand by: a second does no work"
    if wrong:
        return f"{', '.join(wrong)} is one container; only {SERVICE} may be several"
    return f"once, {SERVICE}=N with N from 1 to {MOST}; each has its own connections to PostgreSQL"


def count(state_dir: StateDir, chosen: int | None) -> int:
    """Return how many backends there shall be: `chosen`, else as many as the running stack was given."""
    kept = read_json(state_dir.compose).get("scale")
    known = kept.get(SERVICE) if isinstance(kept, dict) else None
    return chosen or (known if isinstance(known, int) else 1)


def names_of(services: Sequence[str], number: int, chosen: int | None) -> tuple[str, ...]:
    """Return `services` with the backend as its replicas. Raises UsageError when none is to be started."""
    if chosen is not None and SERVICE not in services:
        raise UsageError(
            "SCALE_INVALID",
            f"--scale {SERVICE}={chosen}, and {SERVICE} is not started",
            evidence=f"asked for: {', '.join(services)}",
            next_step=f"ccops up {SERVICE} --mode compose --scale {SERVICE}={chosen}",
        )
    return expand(services, number)


def plan_ports(profile: Profile, number: int, ours: Collection[int]) -> None:
    """Keep a port for the first backend behind which `number` - 1 more are free (or are `ours` already).

    The engine gives each container one of that range: as there are as many as containers, a container that
    comes back takes the one that it left. Raises Refused when the profile fixes a range that is taken.
    """
    state_dir = StateDir(profile.state_dir)
    kept = ports.known_ports(state_dir.ports)
    others = {port for name, port in kept.items() if name != SERVICE}
    fixed = ports.fixed_port(profile, SERVICE)
    base = fixed or kept[SERVICE]
    taken = _taken(base, number, ours, others)
    if not taken:
        return
    if fixed:
        raise Refused(
            "PORT_TAKEN",
            f"{number} backends need the ports {base} to {base + number - 1}",
            evidence="\n".join(f"{HOST}:{port} belongs to {ports.owner_of(port)}" for port in taken),
            next_step=f"set {ports.key_of(SERVICE)} to the first of {number} free ports, or leave it out",
        )
    for _ in range(_TRIES):
        base = random.randrange(_FIRST, _LAST - MOST)
        if not _taken(base, number, ours, others):
            write_private(state_dir.ports, json.dumps({**kept, SERVICE: base}, indent=2) + "\n")
            return
    raise Refused(
        "PORT_NONE_FREE",
        f"no {number} free ports in a row between {_FIRST} and {_LAST}",
        evidence=f"{_TRIES} random tries found one taken each",
        next_step=f"set {ports.key_of(SERVICE)} to the first of {number} free ports",
    )


def _taken(base: int, number: int, ours: Collection[int], others: Collection[int]) -> list[int]:
    span = range(base, base + number)
    return [port for port in span if port not in ours and (port in others or not ports.is_free(port))]


def port_range(base: int, number: int) -> str:
    """Return what docker-compose.yml publishes: the port, or the range of `number` that begins there."""
    return str(base) if number == 1 else f"{base}-{base + number - 1}"


def urls(known: Mapping[str, int], number: int) -> dict[str, str]:
    """Return the key of stack.env that names every backend; none for a single one, which has its own key."""
    if number == 1:
        return {}
    return {KEY: ",".join(f"http://{HOST}:{known[SERVICE] + place}" for place in range(number))}


def write_targets(state_dir: StateDir, hosts: Iterable[str]) -> None:
    """Tell Prometheus where each backend is inside the network: it reads the file again when it changes.

    By container, not by the alias: one address that means any of them would mix their counters, and one that
    disappears with its container would not be `up == 0` but nothing at all.
    """
    path = targets_folder(state_dir) / "backend.json"
    targets = [f"{host}:{INNER[SERVICE]}" for host in hosts]
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(".backend.json")
    scratch.write_text(json.dumps([{"targets": targets, "labels": {"service": SERVICE}}]) + "\n", "utf-8")
    # Prometheus is another user inside its container; the state folder is its owner's alone.
    scratch.chmod(0o644)
    path.parent.chmod(0o755)
    scratch.replace(path)


def targets_folder(state_dir: StateDir) -> Path:
    """Return the folder that Prometheus mounts."""
    return folder(state_dir, "targets")
