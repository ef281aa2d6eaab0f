"""Thresholds as typed data: what thresholds.yml declares, and the value each has in one environment."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from pathlib import Path

from ccops.core.errors import UsageError
from ccops.core.profile import Value
from ccops.rules.strictyaml import StrictYamlError, load_texts
from ccops.rules.values import BadValue, Kind, canonical, format_duration, parse_value

FILE = "thresholds.yml"
PREFIXES = ("ALERT_", "SLO_")
RUNBOOK_KEY, RUNBOOK = "CCOPS_RUNBOOK_URL", "docs/runbooks.md"
_NAME = re.compile(r"(?:ALERT|SLO)_[A-Z0-9]+(?:_[A-Z0-9]+)*")
_KEYS = frozenset({"type", "unit", "min", "max", "order", "defaults", "used_by", "help"})


class Order(StrEnum):
    """How a threshold may move from dev over staging to prod."""

    UP = "up"  # more traffic, more of everything
    DOWN = "down"  # the nearer to players, the stricter
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Threshold:
    """One declared threshold. `defaults` holds texts by environment; `used_by` names alerts."""

    name: str
    kind: Kind
    unit: str
    min: Decimal | None
    max: Decimal | None
    order: Order
    defaults: Mapping[str, str]
    used_by: tuple[str, ...]
    help: str

    def parse(self, text: str) -> Decimal:
        """Return the value that `text` is for this threshold. Raises BadValue."""
        return parse_value(text, self.kind, self.min, self.max)

    def show(self, value: Decimal) -> str:
        """Return `value` as it stands in a rule and in an env file."""
        return format_duration(value) if self.kind is Kind.DURATION else canonical(value)


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong with one key: a stable code, the key, where it stands and why."""

    code: str
    key: str
    origin: str
    why: str

    def __str__(self) -> str:
        return f"{self.origin}: {self.key}: {self.why}"


@dataclass(frozen=True, slots=True)
class Resolved:
    """The thresholds of one environment: number and origin (`--set`, `env/x.env:12`, `default`) of each."""

    env: str
    thresholds: Mapping[str, Threshold]
    values: Mapping[str, Decimal]
    origins: Mapping[str, str]
    unread: tuple[str, ...] = field(default=())  # set in the process environment, where nobody reads them
    runbook: str = RUNBOOK

    def text(self, name: str) -> str:
        """Return the value of `name` as a rule shows it."""
        return self.thresholds[name].show(self.values[name])


def load_thresholds(path: Path) -> dict[str, Threshold]:
    """Return what `path` (thresholds.yml) declares. Raises UsageError that lists every fault in it."""
    try:
        plain = load_texts(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, StrictYamlError) as error:
        raise _unreadable(path, [str(error)]) from None
    if not isinstance(plain, dict):
        raise _unreadable(path, ["expected NAME: {type, min, max, defaults, ..}"])
    problems: list[str] = []
    found = {name: _threshold(name, entry, problems) for name, entry in plain.items()}
    if problems:
        raise _unreadable(path, problems)
    return {name: one for name, one in found.items() if one is not None}


def judge(
    thresholds: Mapping[str, Threshold],
    env: str,
    env_values: Mapping[str, Value],
    sets: Mapping[str, str],
    environ: Mapping[str, str] | None = None,
) -> tuple[Resolved, tuple[Fault, ...]]:
    """Return the value of every threshold that has a good one, and all that is wrong.

    Precedence: `sets` (`--set`), then `env_values` (env/NAME.env), then the default of `env`. `environ`, the
    process environment, is never read; keys of ours in it are only named.
    """
    faults = [_unknown(key, thresholds, "--set") for key in sets if key not in thresholds]
    faults += [
        _unknown(key, thresholds, value.origin)
        for key, value in env_values.items()
        if key.upper().startswith(PREFIXES) and key not in thresholds
    ]
    values: dict[str, Decimal] = {}
    origins: dict[str, str] = {}
    for name, threshold in thresholds.items():
        given = _given(threshold, env, env_values, sets)
        if given is None:
            why = f"it has no default for {env}: {threshold.help}"
            faults.append(Fault("THRESHOLD_MISSING", name, f"env/{env}.env", why))
            continue
        try:
            values[name] = threshold.parse(given.text)
        except BadValue as error:
            faults.append(Fault("THRESHOLD_VALUE", name, given.origin, str(error)))
        origins[name] = given.origin
    unread = tuple(sorted(set(environ or {}) & set(thresholds)))
    runbook = env_values.get(RUNBOOK_KEY)
    # Files must not differ by the shell that rendered them.
    address = runbook.text if runbook and runbook.text and runbook.origin != "process" else RUNBOOK
    return Resolved(env, thresholds, values, origins, unread, address), tuple(faults)


def resolve(
    thresholds: Mapping[str, Threshold],
    env: str,
    env_values: Mapping[str, Value],
    sets: Mapping[str, str],
    environ: Mapping[str, str] | None = None,
) -> Resolved:
    """Return what `judge` does. Raises UsageError listing every fault when there is one."""
    resolved, faults = judge(thresholds, env, env_values, sets, environ)
    if faults:
        codes = {fault.code for fault in faults}
        raise UsageError(
            codes.pop() if len(codes) == 1 else "THRESHOLDS_INVALID",
            f"{len(faults)} threshold(s) of {env} can't be used",
            evidence="\n".join(map(str, faults)),
            next_step=f"mend them; rules_templates/{FILE} says type and range of each",
        )
    return resolved


def _given(
    threshold: Threshold, env: str, env_values: Mapping[str, Value], sets: Mapping[str, str]
) -> Value | None:
    if threshold.name in sets:
        return Value(sets[threshold.name], "--set")
    if threshold.name in env_values:
        return env_values[threshold.name]
    default = threshold.defaults.get(env)
    return None if default is None else Value(default, "default")


def _unknown(key: str, known: Mapping[str, Threshold], origin: str) -> Fault:
    near = difflib.get_close_matches(key.upper(), known, n=1, cutoff=0.5)
    why = "there is no such threshold" + (f"; did you mean {near[0]}?" if near else "")
    return Fault("THRESHOLD_UNKNOWN", key, origin, why)


def _threshold(name: object, entry: object, problems: list[str]) -> Threshold | None:
    if not isinstance(name, str) or _NAME.fullmatch(name) is None:
        problems.append(f"{name}: a name is ALERT_.. or SLO_.., in capitals")
        return None
    if not isinstance(entry, dict) or (wrong := set(entry) ^ _KEYS) - {"min", "max"}:
        said = f" ({', '.join(sorted(map(str, wrong)))})" if isinstance(entry, dict) else ""
        problems.append(f"{name}: it needs exactly {', '.join(sorted(_KEYS))}{said}")
        return None
    try:
        return _checked(name, entry)
    except (BadValue, ValueError) as error:
        problems.append(f"{name}: {error}")
        return None


def _checked(name: str, entry: Mapping[str, object]) -> Threshold:
    kind, order = Kind(_text(entry, "type")), Order(_text(entry, "order"))
    bounds = [parse_value(_text(entry, key), kind) if key in entry else None for key in ("min", "max")]
    defaults = entry["defaults"]
    if not isinstance(defaults, dict) or not all(isinstance(text, str) for text in defaults.values()):
        raise BadValue("defaults is a mapping of environment to value")
    low, high = bounds
    made = Threshold(
        name, kind, _text(entry, "unit"), low, high, order, defaults, _names(entry["used_by"]),
        _text(entry, "help"),
    )  # fmt: skip
    for env, text in defaults.items():
        try:
            made.parse(text)
        except BadValue as error:
            raise BadValue(f"default of {env}: {error}") from None
    return made


def _text(entry: Mapping[str, object], key: str) -> str:
    text = entry[key]
    if not isinstance(text, str) or not text:
        raise BadValue(f"{key} needs a text")
    return text


def _names(value: object) -> tuple[str, ...]:
    if not isinstance(value, Sequence) or isinstance(value, str) or not value:
        raise BadValue("used_by is a list of alerts")
    return tuple(map(str, value))


def _unreadable(path: Path, problems: Sequence[str]) -> UsageError:
    return UsageError(
        "THRESHOLDS_FILE_INVALID",
        f"{path} can't be used",
        evidence="\n".join(problems),
        next_step=f"edit {path}",
    )
