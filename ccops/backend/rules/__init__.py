"""Rates and tables, loaded once from the YAML files beside this module and checked before anything starts."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import cast

from ccops.backend.rules.paytables import Paytables
from ccops.backend.rules.reader import FOLDER, RulesInvalid, read
from ccops.backend.rules.shapes import SHAPES, Progression, Rewards

__all__ = ["RulesInvalid", "check", "exp_of", "levels", "load", "paytables", "rewards", "streak_rewards"]


def check(folder: Path = FOLDER) -> None:
    """Read every file. Raises RulesInvalid: better no start than a request that finds the typo."""
    found = {name: read(name, folder)[0] for name in SHAPES}
    top = len(cast(Progression, found["progression"]).levels) + 1
    for season, tracks in cast(Rewards, found["rewards"]).battle_pass.items():
        for track, gold in (("free", tracks.free), ("premium", tracks.premium)):
            if len(gold) > top:
                raise RulesInvalid(
                    f"rewards.yml: battle_pass.{season}.{track}: rewards level {len(gold)}, "
                    f"but progression.yml ends at level {top}"
                )


@lru_cache(maxsize=8)
def load(name: str) -> dict[str, object]:
    """Return the rules file `name` (rewards, progression, paytables) as a plain mapping."""
    return read(name)[1]


@lru_cache(maxsize=1)
def rewards() -> Rewards:
    """Return what the house grants."""
    return cast(Rewards, read("rewards")[0])


@lru_cache(maxsize=1)
def paytables() -> Paytables:
    """Return odds, limits and payouts of every game."""
    return cast(Paytables, read("paytables")[0])


@lru_cache(maxsize=1)
def _progression() -> Progression:
    return cast(Progression, read("progression")[0])


def exp_of(source: str) -> int:
    """Return the experience that `source` earns."""
    return cast(int, getattr(_progression().earn, source))


def levels() -> list[int]:
    """Return the experience from which level 2, 3, ... start."""
    return list(_progression().levels)


def streak_rewards(action_type: str) -> list[int] | None:
    """Return the gold of day 1, 2, ... or None when there is no such streak."""
    found = rewards().streak.get(action_type)
    return None if found is None else list(found)
