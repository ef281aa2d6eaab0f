"""Gacha: a pure function from random words to one prize."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ccops.backend.rules.paytables import Gacha
from ccops.backend.services.draw import weighted


@dataclass(frozen=True, slots=True)
class Pull:
    """The prize and how many times the bet it pays."""

    prize: str
    multiplier: int


def pull(table: Gacha, source: Iterator[int]) -> Pull:
    """Return the prize that the words determine."""
    name = tuple(table.prizes)[weighted([prize.weight for prize in table.prizes.values()], source)]
    return Pull(name, table.prizes[name].pays)
