"""What the YAML files beside this module must look like; an unknown key is a typo, not a wish."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from ccops.backend.rules.paytables import Paytables

Gold = Annotated[int, Field(strict=True, gt=0, le=1_000_000_000)]
Exp = Annotated[int, Field(strict=True, ge=0, le=1_000_000)]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,31}$")]
GoldByStep = Annotated[tuple[Gold, ...], Field(min_length=1, max_length=400)]


class Shape(BaseModel):
    """Base of all files and sections."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Earn(Shape):
    """Experience by source; games add theirs."""

    model_config = ConfigDict(frozen=True, extra="allow")
    __pydantic_extra__: dict[str, Exp]

    streak_claim: Exp
    event_claim: Exp
    achievement_claim: Exp
    slot_round: Exp


class Progression(Shape):
    """progression.yml: what earns experience, and the experience from which level 2, 3, ... start."""

    earn: Earn
    levels: Annotated[tuple[Annotated[int, Field(strict=True, gt=0)], ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _levels_ascend(self) -> Self:
        for at, (lower, upper) in enumerate(zip(self.levels, self.levels[1:], strict=False), start=1):
            if upper <= lower:
                raise ValueError(f"levels[{at}] ({upper}) must be above levels[{at - 1}] ({lower})")
        return self


class Tracks(Shape):
    """Gold of level 1, 2, ... on the two tracks of a battle pass."""

    free: GoldByStep
    premium: GoldByStep


class Rewards(Shape):
    """rewards.yml: gold that the house grants."""

    streak: Annotated[Mapping[Name, GoldByStep], Field(min_length=1)]
    battle_pass: Mapping[Name, Tracks]

    @model_validator(mode="after")
    def _default_pass(self) -> Self:
        if "default" not in self.battle_pass:
            raise ValueError("battle_pass.default is missing: it serves every season without its own table")
        return self


SHAPES: Mapping[str, type[BaseModel]] = {
    "progression": Progression,
    "rewards": Rewards,
    "paytables": Paytables,
}
