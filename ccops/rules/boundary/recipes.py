"""What rules_templates/tests/boundary.yml says about each alert: which series make its signal, and how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from pathlib import Path

from ccops.core.errors import UsageError
from ccops.rules.strictyaml import StrictYamlError, load_texts

FILE = "tests/boundary.yml"


class Form(StrEnum):
    """How a signal comes from series."""

    INCREASE = "increase"  # how much counters grew within a window
    SHARE = "share"  # what part of a growth is of one sort
    QUANTILE = "quantile"  # the 0.95 quantile of a histogram
    GAUGE = "gauge"  # a value as it is
    AGE = "age"  # how long ago a timestamp was
    DOWN = "down"  # a target that stops to answer


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to bring one alert to its threshold.

    `threshold` names a threshold or is a number; `volume` names the one of its guard. `part`, `rest` and
    `total` are series of a share; `series` are those of the other forms. `labels` are what the alert takes
    from its series. `burn` is the factor of a burn rate, `long` its other window. `variant` tells recipes of
    one alert apart.
    """

    alert: str
    variant: str
    form: Form
    threshold: str = "0"
    below: bool = False
    window: str = ""
    long: str = ""
    burn: str = ""
    volume: str = ""
    series: tuple[str, ...] = ()
    part: tuple[str, ...] = ()
    rest: tuple[str, ...] = ()
    total: tuple[str, ...] = ()
    volume_series: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()  # series that just grow
    present: tuple[str, ...] = ()  # series that are there at every evaluation, and do not grow
    buckets: tuple[str, ...] = ()  # `le` of a histogram, without +Inf
    scale: str = "1"  # the signal is the series times this
    labels: Mapping[str, str] | None = None
    labels_absent: Mapping[str, str] | None = None


_LISTS = frozenset(one.name for one in fields(Recipe) if str(one.type).startswith("tuple"))
_MAPPINGS = frozenset({"labels", "labels_absent"})


def load_recipes(templates_dir: Path) -> tuple[Recipe, ...]:
    """Return all recipes; the key of one is `Alert` or `Alert / variant`.

    Raises UsageError that lists every fault of the file.
    """
    path = templates_dir / FILE
    try:
        plain = load_texts(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, StrictYamlError) as error:
        raise _invalid(path, [str(error)]) from None
    problems: list[str] = []
    found: list[Recipe] = []
    entries = plain if isinstance(plain, dict) else {}
    for key in entries:
        if key.startswith("."):  # a place for anchors
            continue
        try:
            found.append(_recipe(key, _full(entries, key)))
        except (ValueError, TypeError) as error:
            problems.append(f"{key}: {error}")
    if problems or not found:
        raise _invalid(path, problems or ["it holds no recipe"])
    return tuple(found)


def _full(entries: Mapping[str, object], key: str, seen: tuple[str, ...] = ()) -> dict[str, object]:
    """Return one entry with those of the recipe it is `like` under it."""
    entry = entries.get(key)
    if not isinstance(entry, dict) or key in seen:
        raise ValueError(f"{key} is no mapping, or like itself")
    like = entry.get("like")
    below = _full(entries, str(like), (*seen, key)) if like else {}
    return {**below, **{name: value for name, value in entry.items() if name != "like"}}


def _recipe(key: str, entry: Mapping[str, object]) -> Recipe:
    known = {one.name for one in fields(Recipe)} - {"alert", "variant"}
    if unknown := sorted(set(entry) - known):
        raise ValueError(f"unknown: {', '.join(unknown)}")
    alert, _, variant = key.partition(" / ")
    values: dict[str, object] = {"alert": alert, "variant": variant}
    for key, value in entry.items():
        if key in _LISTS:
            values[key] = tuple(value) if isinstance(value, list) else (value,)
        elif key in _MAPPINGS:
            values[key] = dict(value) if isinstance(value, dict) else {}
        elif key == "below":
            values[key] = value == "true"
        else:
            values[key] = str(value)
    values["form"] = Form(str(entry.get("form", "")))
    return Recipe(**values)  # type: ignore[arg-type]


def _invalid(path: Path, problems: list[str]) -> UsageError:
    return UsageError(
        "BOUNDARY_INVALID",
        f"{path} can't be used",
        evidence="\n".join(problems),
        next_step=f"edit {path}; docs/rules.md says what a recipe holds",
    )
