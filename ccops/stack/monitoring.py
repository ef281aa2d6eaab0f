"""What Prometheus of the stack watches: rules loaded and targets up, each of how many.

Small on purpose: `up` and `status` say it, and neither may wait for a library.
"""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from ccops.core.profile import Profile
from ccops.stack.paths import StateDir, read_json
from ccops.stack.service import HOST
from ccops.stack.state import Phase, StackState

T = TypeVar("T")
_TIMEOUT_S = 1.0
# Rendered by us: one rule a line, each key where we put it.
_RULE = re.compile(rb"^\s*- (?:alert|record):", re.MULTILINE)
_PATHS = {"rules": "/api/v1/rules", "targets": "/api/v1/targets?state=active"}


@dataclass(frozen=True, slots=True)
class Watch:
    """Rules and targets. `asked` is `directly` while Prometheus has not looked at all of its targets.

    It first does so about five seconds after it started, and may have looked before a service was ready;
    until then we ask those it has not seen.
    """

    rules_loaded: int
    rules_expected: int
    rules_failing: tuple[str, ...]
    targets_up: int
    targets_expected: int
    targets_down: tuple[str, ...]
    asked: str = "prometheus"

    @property
    def good(self) -> bool:
        """Return whether everything is there."""
        return (
            self.rules_loaded == self.rules_expected
            and self.targets_up == self.targets_expected
            and not self.rules_failing
        )


def watch(profile: Profile, state: StackState) -> Watch | None:
    """Return what Prometheus of the embedded stack watches, None where none runs or it does not answer."""
    expected = _targets(read_json(StateDir(profile.state_dir).conf("prometheus.yml")))
    return seen_by(profile, state, expected, {address: address for address in expected})


def seen_by(
    profile: Profile, state: StackState, expected: Mapping[str, str], doors: Mapping[str, str]
) -> Watch | None:
    """Return what the Prometheus in `state` watches, of the targets `expected` (a name by address).

    `doors` says where this machine reaches an address; what has none can't be asked directly.
    """
    item = state.services.get("prometheus")
    if item is None or item.phase is not Phase.READY:
        return None
    try:
        rules, active = (_asked(item.address, path) for path in _PATHS.values())
    except (OSError, http.client.HTTPException, ValueError):
        return None
    health = _health(active, since=_ready_at(state))
    unseen = [address for address in expected if not health.get(address)]
    up = {address for address, said in health.items() if said == "up"} | _asked_directly(
        {address: doors[address] for address in unseen if address in doors}
    )
    loaded = [rule for group in _list(rules, "groups") for rule in _list(group, "rules")]
    return Watch(
        rules_loaded=len(loaded),
        rules_expected=sum(len(_RULE.findall(path.read_bytes())) for path in _rule_files(profile)),
        rules_failing=tuple(sorted(str(rule.get("name")) for rule in loaded if rule.get("health") == "err")),
        targets_up=len(up & expected.keys()),
        targets_expected=len(expected),
        targets_down=tuple(name for address, name in expected.items() if address not in up),
        asked="directly" if unseen else "prometheus",
    )


def _rule_files(profile: Profile) -> Iterable[Path]:
    return StateDir(profile.state_dir).rules.glob("*.yml")


def _targets(config: Mapping[str, object]) -> dict[str, str]:
    """Return the name of the service behind each address of the configuration we wrote."""
    return {
        str(address): str(_dict(group, "labels").get("service", address))
        for job in _list(config, "scrape_configs")
        for group in _list(job, "static_configs")
        for address in _texts(group.get("targets"))
    }


def _ready_at(state: StackState) -> float:
    """Return when the last service became ready, in epoch seconds."""
    return max((item.started + item.ready_s for item in state.services.values() if item.pid), default=0.0)


def _health(data: Mapping[str, object], since: float) -> dict[str, str]:
    """Return `up`, `down` or nothing by address; a `down` that was seen before `since` is nothing yet."""
    found = {}
    for item in _list(data, "activeTargets"):
        health = str(item.get("health", "")).replace("unknown", "")
        if health == "down" and _epoch(str(item.get("lastScrape"))) < since:
            health = ""
        found[str(_dict(item, "labels").get("instance"))] = health
    return found


def _epoch(text: str) -> float:
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return 0.0


def _asked_directly(doors: Mapping[str, str]) -> set[str]:
    with ThreadPoolExecutor(max_workers=max(1, len(doors))) as pool:
        answers = list(pool.map(_answers, doors.values()))
    return {address for address, good in zip(doors, answers, strict=True) if good}


def _answers(address: str) -> bool:
    try:
        return _get(address, "/metrics", lambda answer: answer.status == 200)
    except (OSError, http.client.HTTPException):
        return False


def _asked(address: str, path: str) -> Mapping[str, object]:
    plain = json.loads(_get(address, path, lambda answer: answer.read()))
    return _dict(plain if isinstance(plain, dict) else {}, "data")


def _get(address: str, path: str, use: Callable[[http.client.HTTPResponse], T]) -> T:
    host, _, port = address.rpartition(":")
    link = http.client.HTTPConnection(host or HOST, int(port), timeout=_TIMEOUT_S)
    try:
        link.request("GET", path)
        return use(link.getresponse())
    finally:
        link.close()


def _dict(data: Mapping[str, object], key: str) -> Mapping[str, object]:
    found = data.get(key)
    return found if isinstance(found, dict) else {}


def _list(data: Mapping[str, object], key: str) -> list[Mapping[str, object]]:
    found = data.get(key)
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def _texts(found: object) -> list[str]:
    return [str(item) for item in found] if isinstance(found, list) else []
