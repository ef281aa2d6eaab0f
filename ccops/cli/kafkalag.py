"""Ask for lag once, or every second."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence

from ccops.cli.kafkaview import lag_data, lag_report
from ccops.core.clock import SystemClock, iso
from ccops.core.errors import UsageError
from ccops.core.output import Output, Report, console
from ccops.core.profile import Profile
from ccops.kafka.broker import Broker
from ccops.kafka.lag import GroupLag, read_lag
from ccops.kafka.topics import every_group

_EVERY_S = 1.0
_LEVELS = {"read_committed": False, "read_uncommitted": True}


def lag_now(
    broker: Broker,
    profile: Profile,
    groups: Sequence[str],
    topics: Sequence[str],
    isolation: str,
    output: Output,
    fail_above: int | None,
) -> Report:
    """Return the lag of `groups` (none: all) as it is now; `output` is for whoever watches."""
    return lag_report(profile, _read(broker, groups, topics, isolation), fail_above)


def watch_lag(
    broker: Broker,
    profile: Profile,
    groups: Sequence[str],
    topics: Sequence[str],
    isolation: str,
    output: Output,
    fail_above: int | None,
) -> Report:
    """Show the lag every second until Ctrl-C, or a group is above `fail_above`; return that moment's."""
    while True:
        lags = _read(broker, groups, topics, isolation)
        if output is Output.JSON:
            line = {"at": iso(SystemClock().now()), "groups": [lag_data(one) for one in lags]}
            sys.stdout.write(json.dumps(line) + "\n")
        else:
            _show(lags)
        sys.stdout.flush()
        if fail_above is not None and any(one.total > fail_above for one in lags):
            return lag_report(profile, lags, fail_above)
        time.sleep(_EVERY_S)


def _show(lags: Sequence[GroupLag]) -> None:
    at = iso(SystemClock().now())
    out = console(sys.stdout)
    for one in lags:
        word = "" if one.worst == "OK" else f"  {one.worst.value}"
        line = f"{at}  {one.group.name}  {one.group.state}  lag {one.total}{word}"
        out.print(line, markup=False)


def _read(
    broker: Broker, groups: Sequence[str], topics: Sequence[str], isolation: str
) -> tuple[GroupLag, ...]:
    if isolation not in _LEVELS:
        raise UsageError(
            "KAFKA_OPTION_INVALID",
            f"--isolation {isolation} is unknown",
            evidence=f"known: {', '.join(_LEVELS)}",
            next_step="--isolation read_uncommitted counts records of open transactions too",
        )
    names = list(groups) or list(every_group(broker))
    return read_lag(broker, names, topics, uncommitted=_LEVELS[isolation])
