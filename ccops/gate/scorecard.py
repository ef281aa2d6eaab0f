"""The maturity levels, computed: an item is met by evidence that is there, young enough, and still true."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

from ccops.core import evidence
from ccops.core.errors import UsageError
from ccops.core.evidence import Evidence

LEVELS = ("L1", "L2", "L3")
ITEMS = Path(__file__).with_name("scorecard.yml")


class State(StrEnum):
    """Why an item counts, or does not."""

    MET = "met"
    FAILED = "failed"
    STALE = "stale"
    MISSING = "missing"
    UNPROVABLE = "nothing proves it yet"


@dataclass(frozen=True, slots=True)
class Item:
    """One box of the checklist. Without evidence, `lacks` says what it would take.

    ran  words that a recorded run must have had: any program can be recorded under any name
    """

    id: str
    level: str
    title: str
    evidence: tuple[str, ...] = ()
    lacks: str = ""
    ran: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Judged:
    """An item and what its evidence says. `why` names the first evidence that is not good enough."""

    item: Item
    state: State
    why: str = ""
    age: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Scorecard:
    """Every item of every level, and the highest level of which all items are met, with those below."""

    items: tuple[Judged, ...]

    @property
    def level(self) -> str:
        """Return the level that is reached, or "L0". A level that asks for nothing is reached by nobody."""
        reached = "L0"
        for level in LEVELS:
            met, of = self.count(level)
            if met < of or not of:
                break
            reached = level
        return reached

    def meets(self, target: str) -> bool:
        """Return whether `target` and every level below it is met."""
        return LEVELS.index(target) < (LEVELS.index(self.level) + 1 if self.level in LEVELS else 0)

    def count(self, level: str) -> tuple[int, int]:
        """Return how many items of a level are met, and how many there are."""
        found = [one for one in self.items if one.item.level == level]
        return sum(one.state is State.MET for one in found), len(found)


def read_items(path: Path = ITEMS) -> tuple[Item, ...]:
    """Read the items. Raises UsageError for a file that is not of the form its head describes."""
    import yaml

    try:
        text = path.read_text(encoding="utf-8")
        plain = yaml.safe_load(text)
        # Of two items of one id the last would stand for both.
        nodes = getattr(yaml.compose(text, yaml.SafeLoader), "value", ())
        twice = Counter(str(key.value) for key, _ in nodes)
        if again := [ident for ident, times in twice.items() if times > 1]:
            raise ValueError(f"{again[0]} is there twice")
        return tuple(_item(str(ident), fields) for ident, fields in plain.items())
    except (
        OSError,
        yaml.YAMLError,
        ValueError,
        TypeError,
        LookupError,
        AttributeError,
        RecursionError,
    ) as error:
        raise UsageError(
            "SCORECARD_INVALID",
            f"{path.name} can't be read",
            evidence=str(error),
            next_step="id: {level: L1, title: ..., evidence: [check]}",
        ) from None


def _item(ident: str, fields: Mapping[str, object]) -> Item:
    level, title = str(fields["level"]), str(fields["title"])
    names = fields.get("evidence") or ()
    lacks, ran = str(fields.get("lacks") or ""), fields.get("ran") or ()
    if not isinstance(ran, list | tuple):
        raise ValueError(f"{ident}: ran is a list of words")
    if level not in LEVELS or not isinstance(names, list | tuple) or bool(names) == bool(lacks):
        raise ValueError(f"{ident}: level is one of {', '.join(LEVELS)}; either evidence or lacks")
    if unknown := set(fields) - {"level", "title", "evidence", "lacks", "ran"}:
        raise ValueError(f"{ident}: unknown {', '.join(sorted(unknown))}")
    return Item(ident, level, title, tuple(map(str, names)), lacks, tuple(map(str, ran)))


@dataclass(frozen=True, slots=True)
class Reading:
    """Where the evidence lies and what it is held against. `versions` are those of now."""

    folder: Path
    env: str
    root: Path
    now: datetime
    max_age: timedelta
    versions: Mapping[str, str] = field(default_factory=dict)


def judge(items: Sequence[Item], reading: Reading) -> Scorecard:
    """Judge each item by its evidence; the inputs of each are digested again, once."""
    names = {name for item in items for name in item.evidence}
    found = {name: evidence.read(evidence.path_of(reading.folder, reading.env, name)) for name in names}
    fresh: dict[str, str] = {}
    for one in found.values():
        for pattern in one.inputs if one else ():
            if pattern not in fresh:
                fresh |= evidence.digests(reading.root, [pattern])
    return Scorecard(tuple(_judged(item, found, fresh, reading) for item in items))


def _judged(
    item: Item, found: Mapping[str, Evidence | None], fresh: Mapping[str, str], reading: Reading
) -> Judged:
    if item.lacks:
        return Judged(item, State.UNPROVABLE, item.lacks)
    ages: list[timedelta] = []
    for name in item.evidence:
        one = found[name]
        # A copy of another check's file under this name is none of this one's.
        if one is None or (one.check, one.env) != (name, reading.env):
            return Judged(item, State.MISSING, f"{name}: no evidence{_of_a_run(item)}")
        if not set(item.ran) <= set(one.argv):
            return Judged(item, State.MISSING, f"{name}: another program ran, no evidence{_of_a_run(item)}")
        age = reading.now - one.started_at
        ages.append(age)
        if one.exit_code != 0:
            return Judged(item, State.FAILED, f"{name}: ended with {one.exit_code}", age)
        if age > reading.max_age:
            return Judged(item, State.STALE, f"{name}: {_days(age)} old", age)
        if age < timedelta(minutes=-5):
            return Judged(item, State.STALE, f"{name}: dated in the future", age)
        if older := _outgrown(one, reading):
            return Judged(item, State.STALE, f"{name}: {older}", age)
        changed = [pattern for pattern, was in one.inputs.items() if fresh[pattern] != was]
        if changed:
            return Judged(item, State.STALE, f"{name}: {changed[0]} changed since", age)
    return Judged(item, State.MET, "", max(ages))


def _of_a_run(item: Item) -> str:
    return f" of a run of `{' '.join(item.ran)}`" if item.ran else ""


def _outgrown(one: Evidence, reading: Reading) -> str:
    """Say what is not as it was: the tool; of a recorded run, whose inputs nobody named, the commit."""
    recorded = not one.inputs and one.argv[:1] != ("ccops",)
    for name in ("ccops", "commit") if recorded else ("ccops",):
        was, now = one.versions.get(name, "?"), reading.versions.get(name)
        if now is not None and was != now:
            return f"made with {name} {was[:12]}, now {now[:12]}"
    return ""


def _days(age: timedelta) -> str:
    hours = age.total_seconds() / 3600
    return f"{hours / 24:.1f} days" if hours >= 48 else f"{hours:.0f} hours"
