"""Rates and tables, loaded once from the YAML files beside this module."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files
from typing import cast

import yaml


@lru_cache(maxsize=8)
def load(name: str) -> dict[str, object]:
    """Return the rules file `name` (rewards, progression, paytables)."""
    text = files(__name__).joinpath(f"{name}.yml").read_text(encoding="utf-8")
    return cast(dict[str, object], yaml.safe_load(text))


def exp_of(source: str) -> int:
    """Return the experience that `source` earns."""
    return cast(dict[str, int], load("progression")["earn"])[source]


def levels() -> list[int]:
    """Return the experience from which level 2, 3, ... start."""
    return cast(list[int], load("progression")["levels"])


def streak_rewards(action_type: str) -> list[int] | None:
    """Return the gold of day 1, 2, ... or None when there is no such streak."""
    return cast(dict[str, list[int]], load("rewards")["streak"]).get(action_type)
