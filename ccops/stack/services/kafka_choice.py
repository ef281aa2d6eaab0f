"""Which broker `ccops up` runs: asked for, kept from this life of the stack, or chosen by `auto`."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path

from ccops.core.errors import CcopsError, Refused, UsageError
from ccops.core.profile import Profile
from ccops.stack.paths import StateDir, read_json, write_private
from ccops.stack.services import kafka_jars

KEY = "CCOPS_KAFKA_PROVIDER"
NAMES = ("noida", "apache", "auto")
# A person who waits for `ccops up` should not notice which broker it is.
QUICK_S = 4.0
HEAP = "256m"
_KEPT = 5


def kept(state_dir: StateDir) -> str:
    """Return the provider of the last start, or nothing."""
    found = read_json(state_dir.kafka).get("provider")
    return found if isinstance(found, str) else ""


def of(profile: Profile) -> str:
    """Return the provider that runs, or would: `auto` that has not been decided is the emulation."""
    found = kept(StateDir(profile.state_dir)) or profile.get(KEY, "noida")
    return "noida" if found == "auto" else found


def settle(profile: Profile, asked: str | None, runs: bool, known: bool, tell: Callable[[str], None]) -> None:
    """Decide on a provider and write it down; `runs` and `known`: the broker does, the supervisor had it.

    Raises UsageError for an unknown name, Refused when another provider runs or what it needs is missing.
    """
    state_dir = StateDir(profile.state_dir)
    check(asked or profile.get(KEY, "noida"))
    before = kept(state_dir) or "noida"
    if runs:
        if asked not in (None, "auto", before):
            raise Refused(
                "KAFKA_PROVIDER_RUNS",
                f"the broker that runs is {before}, not {asked}",
                evidence="each provider keeps records and offsets of its own; a change needs a stop",
                next_step=f"ccops down kafka && ccops up --kafka {asked}",
            )
        return
    wanted = asked or (before if known else profile.get(KEY, "noida"))
    if wanted == "auto":
        wanted, why = automatic()
        tell(f"  kafka: {wanted} ({why})")
    found = {"provider": wanted}
    if wanted == "apache":
        java = kafka_jars.java()
        found |= {"java": java, "jars": str(kafka_jars.ensure(tell)), "heap": heap()}
    write_private(state_dir.kafka, json.dumps(found) + "\n")


def check(name: str) -> None:
    """Raise UsageError for a name that is no provider."""
    if name not in NAMES:
        raise UsageError(
            "KAFKA_PROVIDER_UNKNOWN",
            f"there is no Kafka provider {name!r}",
            evidence=f"known: {', '.join(NAMES)}",
            next_step=f"correct --kafka or {KEY}, or leave it out",
        )


def heap() -> str:
    """Return how much memory apache may use; 5,000 partitions need more than what is usual here.

    Raises UsageError when `CCOPS_KAFKA_HEAP` is no size.
    """
    found = os.environ.get("CCOPS_KAFKA_HEAP", HEAP)
    if not re.fullmatch(r"[1-9][0-9]{0,4}[mg]", found):
        raise UsageError(
            "KAFKA_HEAP_INVALID",
            f"CCOPS_KAFKA_HEAP={found} is no size of memory",
            evidence=f"unset it is {HEAP}",
            next_step="for example CCOPS_KAFKA_HEAP=1g ccops up --kafka apache",
        )
    return found


def automatic() -> tuple[str, str]:
    """Return the provider and the reason: apache where it is at hand and was quick; nothing is fetched."""
    jars = kafka_jars.folder()
    try:
        kafka_jars.java()
    except CcopsError as err:
        return "noida", f"auto: {err.evidence}"
    if not jars.is_dir() or kafka_jars.wrong(jars):
        return "noida", "auto: no jars of Apache Kafka here; ccops up --kafka apache fetches them"
    seconds = measured()
    if seconds is None:
        return "apache", "auto: Java and jars are here, its start was not measured yet"
    if seconds > QUICK_S:
        return "noida", f"auto: apache took {seconds:.1f} s to start, more than {QUICK_S:.0f}"
    return "apache", f"auto: ready in {seconds:.1f} s"


def measured() -> float | None:
    """Return the quickest of the last starts of apache on existing data, in seconds; None before the first.

    The quickest: a start beside a busy neighbour must not decide for good, as nothing measures again then.
    """
    return min(_starts(), default=None)


def measure(state_dir: StateDir, seconds: float, warm: bool) -> None:
    """Keep how long apache took; the first start of a data folder also formats it and does not count."""
    if warm and seconds and kept(state_dir) == "apache" and kafka_jars.folder().is_dir():
        write_private(_stopwatch(), json.dumps({"ready_s": [*_starts(), seconds][-_KEPT:]}) + "\n")


def _starts() -> list[float]:
    found = read_json(_stopwatch()).get("ready_s")
    return [float(one) for one in found if isinstance(one, int | float)] if isinstance(found, list) else []


def _stopwatch() -> Path:
    return kafka_jars.folder() / "start.json"
