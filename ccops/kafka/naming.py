"""Names of topics and groups: `cc.<domain>.<purpose>.<env>`, and `.replay.YYYYMMDDHH` for a replay."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from ccops.core.errors import Refused, UsageError
from ccops.core.profile import Profile

_WORD = r"[a-z0-9][a-z0-9_-]*"
_NAME = re.compile(rf"cc\.{_WORD}\.{_WORD}\.(?P<env>{_WORD})(?:\.replay\.(?P<hour>\d{{10}}))?")
_LONGEST = 249  # what Apache Kafka allows for a topic


@dataclass(frozen=True, slots=True)
class Misnamed:
    """A topic or group whose name breaks the standard, and why."""

    kind: str
    name: str
    why: str


def env_of(profile: Profile) -> str:
    """Return the environment as it stands in names: what the backend calls it, else the profile's name."""
    return profile.get("APP_ENV") or profile.env


def misnamed(kind: str, names: Iterable[str], env: str) -> tuple[Misnamed, ...]:
    """Return the names of `kind` (topic or group) that break the standard, each with the reason."""
    return tuple(Misnamed(kind, name, why) for name in names if (why := fault(kind, name, env)))


def fault(kind: str, name: str, env: str) -> str:
    """Return why `name` breaks the standard in `env`; empty when it is right."""
    match = _NAME.fullmatch(name)
    if match is None:
        return f"it is not cc.<domain>.<purpose>.{env}"
    if len(name) > _LONGEST:
        return f"it has {len(name)} letters; {_LONGEST} are allowed"
    if match["env"] != env:
        return f"it belongs to {match['env']}, and this is {env}"
    if match["hour"] is None:
        return ""
    if kind != "group":
        return "only groups are replays"
    return "" if hour_of(match["hour"]) else f"{match['hour']} is no hour YYYYMMDDHH"


def hour_of(text: str) -> datetime | None:
    """Return the UTC hour that `YYYYMMDDHH` names, or None when there is none."""
    try:
        return datetime.strptime(text, "%Y%m%d%H").replace(tzinfo=UTC) if len(text) == 10 else None
    except ValueError:
        return None


def replay_name(source: str, hour: datetime) -> str:
    """Return the group that replays `source`. Raises UsageError when `source` is a replay itself."""
    if ".replay." in source:
        raise UsageError(
            "KAFKA_REPLAY_OF_REPLAY",
            f"{source} is a replay itself",
            evidence="a replay reads what its source read; name the source",
            next_step=f"--group {source.partition('.replay.')[0]}",
        )
    return f"{source}.replay.{hour.astimezone(UTC):%Y%m%d%H}"


def check_group_name(name: str, env: str, *, any_name: bool) -> None:
    """Raise Refused when `name` breaks the standard, unless the operator said that any name will do."""
    if (why := fault("group", name, env)) and not any_name:
        raise Refused(
            "KAFKA_GROUP_MISNAMED",
            f"{name} is no group of {env}",
            evidence=why,
            next_step=f"correct the name or --env, or say that it is meant: --any-name ({env})",
        )
