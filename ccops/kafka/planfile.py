"""Plans on disk: written by a dry run, executed by --plan FILE --apply."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from ccops.core.errors import UsageError
from ccops.kafka.files import write_durably
from ccops.kafka.plan import Allowed, Plan, place_name, plan_json
from ccops.kafka.targets import Kind, Mark, Target

SCHEMA = "ccops.kafka.plans/v1"
_LARGEST = 64 * 1024 * 1024


def save_plans(path: Path, plans: Sequence[Plan]) -> None:
    """Write `plans` to `path`, readable by its owner only."""
    body = [plan_json(one) for one in plans]
    write_durably(path, json.dumps({"schema": SCHEMA, "sha256": _digest(body), "plans": body}, indent=1))


def load_plans(path: Path) -> tuple[Plan, ...]:
    """Return the plans in `path`. Raises UsageError when it is no plan or was edited."""
    data = read_object(path, "plan")
    try:
        if data.get("schema") != SCHEMA:
            raise ValueError(f"its schema is {data.get('schema')!r}, not {SCHEMA!r}")
        if data["sha256"] != _digest(data["plans"]):
            raise ValueError("its sha256 does not fit its content: it was edited after it was reviewed")
        plans = tuple(_plan(item) for item in _list(data, "plans"))
        if not plans:
            raise ValueError("it holds no plan")
    except (KeyError, TypeError, ValueError) as error:
        raise _invalid(path, f"{type(error).__name__}: {error}") from None
    return plans


def read_object(path: Path, what: str) -> Mapping[str, object]:
    """Return the JSON object in `path`. Raises UsageError when there is none."""
    try:
        if not path.is_file() or path.stat().st_size > _LARGEST:
            raise ValueError("it is no file of at most 64 MiB")
        data = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(data, dict):
            raise TypeError(f"expected an object, got {type(data).__name__}")
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise UsageError(
            "KAFKA_FILE_INVALID",
            f"{path} can't be read as a {what}",
            evidence=f"{type(error).__name__}: {error}",
            next_step=f"name a {what} that ccops kafka wrote",
        ) from None
    return data


def _digest(body: object) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def _plan(item: object) -> Plan:
    data = _mapping(item)
    allowed = _mapping(data["allowed"])
    made = Plan(
        env=_text(data["env"]),
        group=_text(data["group"]),
        cluster=_text(data["cluster"]),
        state=_text(data["state"]),
        wish=Kind(_text(data["wish"])).value,
        said=_text(data["said"]),
        topics={
            name: (_text(_mapping(topic)["id"]), _number(_mapping(topic)["partitions"]))
            for name, topic in _mapping(data["topics"]).items()
        },
        targets=tuple(_target(_mapping(one)) for one in _list(data, "targets")),
        made_at=_moment(data["made_at"]),
        allowed=Allowed(
            allowed.get("clamp") is True,
            allowed.get("no_match_end") is True,
            allowed.get("create_group") is True,
            allowed.get("any_name") is True,
        ),
        notes=tuple(_text(note) for note in _list(data, "notes")),
        group_exists=data["group_exists"] is True,
    )
    if made.fingerprint != data["fingerprint"]:
        raise ValueError("its fingerprint does not fit its content: it was edited after it was reviewed")
    if len({one.place for one in made.targets}) != len(made.targets):
        raise ValueError("it names a partition twice")
    for one in made.targets:
        if not 0 <= one.place[1] < made.topics.get(one.place[0], ("", 0))[1]:
            raise ValueError(f"{place_name(one.place)} is in none of its topics")
    return made


def _moment(value: object) -> datetime:
    found = datetime.fromisoformat(_text(value))
    if found.tzinfo is None:
        raise ValueError(f"{value} has no zone")
    return found


def _target(data: Mapping[str, object]) -> Target:
    """Return a target that a broker could have answered: a plan is a file, and anybody can write one."""
    made = Target(
        (_text(data["topic"]), _number(data["partition"])),
        None if data["before"] is None else _number(data["before"]),
        None if data["target"] is None else _number(data["target"]),
        _number(data["earliest"]),
        _number(data["latest"]),
        Mark(_text(data["mark"])),
        _number(data["lost"]),
        _text(data["metadata"]),
    )
    inside = made.earliest <= made.latest and (made.before is None or made.before >= 0)
    if not inside or not (made.offset is None or made.earliest <= made.offset <= made.latest):
        raise ValueError(
            f"{place_name(made.place)}: {made.offset} is not between {made.earliest} and {made.latest}"
        )
    return made


def _mapping(value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise TypeError(f"expected an object, got {type(value).__name__}")
    return value


def _list(data: Mapping[str, object], key: str) -> list[object]:
    value = data[key]
    if not isinstance(value, list):
        raise TypeError(f"{key}: expected a list, got {type(value).__name__}")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected text, got {value!r}")
    return value


def _number(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**63:
        raise ValueError(f"expected an offset, got {value!r}")
    return value


def _invalid(path: Path, why: str) -> UsageError:
    return UsageError(
        "KAFKA_FILE_INVALID",
        f"{path} is no plan that can be executed",
        evidence=why,
        next_step="make the plan again: the same call without --plan and --apply",
    )
