"""Mask the texts of an event before anybody hears it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import TypeVar, cast

from ccops.core.masking import Masker
from ccops.smoke.model import Place, Text

_E = TypeVar("_E")


def masked(event: _E, masker: Masker) -> _E:
    """Return `event` with every text masked by value; titles and places come from the file as they are."""
    return cast("_E", _masked(event, masker))


def _masked(value: object, masker: Masker) -> object:
    if type(value) is str:  # enums are texts too, and stay what they are
        return masker.text(value)
    if isinstance(value, Place | Text):
        return value
    if isinstance(value, tuple):
        return tuple(_masked(one, masker) for one in value)
    if isinstance(value, Mapping):
        return {key: _masked(one, masker) for key, one in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        changed = {one.name: _masked(getattr(value, one.name), masker) for one in fields(value)}
        return replace(value, **changed)
    return value
