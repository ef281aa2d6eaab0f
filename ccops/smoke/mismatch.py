"""One difference between wanted and got, and how a list of them is written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ccops.smoke.values import columns, jsonable, shorten, shown

_NARROWEST = 12


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One difference: raw values, so that masking can come before shortening."""

    path: str
    wanted: object
    got: object

    def as_json(self) -> dict[str, object]:
        """Return the difference for machine reports; not masked."""
        return {"path": self.path, "wanted": jsonable(self.wanted), "got": jsonable(self.got)}


def render_mismatches(
    items: Sequence[Mismatch], *, width: int = 100, mask: Callable[[str], str] | None = None
) -> list[str]:
    """Return one line per difference, `$.data.amount  wanted 10  got 11`, in aligned columns.

    A masker works on whole values, so `mask` comes before anything is shortened.
    """
    paths = [shorten(mask(item.path) if mask else item.path, width // 2) for item in items]
    indent = max((columns(path) for path in paths), default=0)
    room = max(_NARROWEST, (width - indent - len("  wanted   got ")) // 2)
    wanted = [shorten(shown(item.wanted, mask), room) for item in items]
    middle = max((columns(text) for text in wanted), default=0)
    return [
        f"{_pad(path, indent)}  wanted {_pad(want, middle)}  got {shorten(shown(item.got, mask), room)}"
        for path, want, item in zip(paths, wanted, items, strict=True)
    ]


def _pad(text: str, width: int) -> str:
    return text + " " * (width - columns(text))
