"""From the options of a reset to one wish; what can't be meant is refused before anybody is asked."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from ccops.core.clock import iso
from ccops.core.errors import UsageError
from ccops.kafka.broker import Broker
from ccops.kafka.model import Committed, Place
from ccops.kafka.observe import unknown_group
from ccops.kafka.targets import Kind, Wish
from ccops.kafka.times import parse_duration, parse_time, to_ms

_HIGHEST = 2**63 - 1
_SHOWN = 8
_LARGEST = 64 * 1024 * 1024
_WHOLE = re.compile(r"[0-9]{1,19}")


def choose(options: Mapping[Kind, str | int | bool | None]) -> tuple[Kind, str]:
    """Return the one target among the options, as text. Raises UsageError for none or several."""
    given = [
        (kind, str(value)) for kind, value in options.items() if value is not None and value is not False
    ]
    if len(given) != 1:
        names = ", ".join(f"--{kind.value}" for kind, _ in given)
        raise UsageError(
            "KAFKA_TARGET_MISSING" if not given else "KAFKA_TARGET_TWICE",
            "say where to move the group" if not given else "a reset has one target",
            evidence=f"given: {names or 'none'}; known: {', '.join(f'--{kind.value}' for kind in options)}",
            next_step="for example --to-datetime 2026-11-22T09:00:00+09:00",
        )
    return given[0]


def wish_of(kind: Kind, text: str, now: datetime, *, zone: str = "", protected: bool = True) -> Wish:
    """Return what `kind` with `text` asks for. Raises UsageError or Refused for what can't be meant."""
    if kind is Kind.DATETIME:
        moment, note = parse_time(text, now, zone=zone, protected=protected)
        return Wish(kind, iso(moment), to_ms(moment), note=note)
    if kind is Kind.DURATION:
        moment = now - parse_duration(text)
        return Wish(kind, f"{text} ago, {iso(moment)}", to_ms(moment))
    if kind in {Kind.OFFSET, Kind.SHIFT}:
        return Wish(kind, text, number=_number(kind, text))
    if kind is Kind.FILE:
        return Wish(kind, text, offsets=read_file(Path(text)))
    return Wish(kind, text if kind is Kind.GROUP else "")


def copied(wish: Wish, broker: Broker) -> Wish:
    """Return a wish to stand where another group stands. Raises CcopsError for an unknown one."""
    if wish.kind is not Kind.GROUP:
        return wish
    source = broker.describe([wish.text])[wish.text]
    if not source.exists:
        raise unknown_group(broker, wish.text)
    offsets = {place: Committed(item.offset) for place, item in broker.committed(wish.text).items()}
    return Wish(wish.kind, wish.text, offsets=offsets)


def _number(kind: Kind, text: str) -> int:
    try:
        found = int(text)
    except ValueError:
        found = -_HIGHEST - 2
    lowest = 0 if kind is Kind.OFFSET else -_HIGHEST
    if not lowest <= found <= _HIGHEST:
        raise UsageError(
            "KAFKA_OFFSET_INVALID",
            f"--{kind.value} {text} is no number of records",
            evidence=f"it must be between {lowest} and {_HIGHEST}",
            next_step="for example --to-offset 1200 or --shift-by -500",
        )
    return found


def read_file(path: Path) -> dict[Place, Committed]:
    """Return the offsets in a CSV of `topic,partition,offset` lines, as Apache's own tool exports them.

    Raises UsageError that lists every bad line at once.
    """
    try:
        if not path.is_file() or path.stat().st_size > _LARGEST:  # a pipe or a device might never end
            raise ValueError("it is no file of at most 64 MiB")
        rows = list(csv.reader(path.read_text(encoding="utf-8-sig").splitlines()))
    except (OSError, ValueError, csv.Error) as error:
        raise _bad_file(path, [f"{type(error).__name__}: {error}"]) from None
    found: dict[Place, Committed] = {}
    problems: list[str] = []
    for number, row in enumerate(rows, 1):
        if not row or row[0].lstrip().startswith("#"):
            continue
        place, offset, why = _row([field.strip() for field in row])
        if not why and place in found:
            why = f"{place[0]}:{place[1]} is there twice"
        if why:
            problems.append(f"line {number}: {why}")
        else:
            found[place] = Committed(offset)
    if problems or not found:
        raise _bad_file(path, problems or ["it has no line"])
    return found


def _row(row: list[str]) -> tuple[Place, int, str]:
    none: Place = ("", 0)
    if len(row) != 3:
        return none, 0, f"expected topic,partition,offset, got {len(row)} field(s)"
    topic, partition, offset = row
    if not topic or not _WHOLE.fullmatch(partition) or not _WHOLE.fullmatch(offset):
        return none, 0, f"expected a topic and two whole numbers, got {','.join(row)[:60]}"
    if int(offset) > _HIGHEST or int(partition) >= 2**31:
        return none, 0, "a number is too large"
    return (topic, int(partition)), int(offset), ""


def _bad_file(path: Path, problems: list[str]) -> UsageError:
    more = [f"and {len(problems) - _SHOWN} more"] if len(problems) > _SHOWN else []
    return UsageError(
        "KAFKA_FILE_INVALID",
        f"{path} can't be read as offsets",
        evidence="\n".join(problems[:_SHOWN] + more),
        next_step="one line a partition: topic,partition,offset",
    )


def ends_on_no_match(text: str) -> bool:
    """Return whether `--on-no-match` says end. Raises UsageError for an unknown word."""
    if text not in {"fail", "end"}:
        raise UsageError(
            "KAFKA_OPTION_INVALID",
            f"--on-no-match {text} is unknown",
            evidence="known: fail, end",
            next_step="--on-no-match end goes to the end where no record is at or after the time",
        )
    return text == "end"
