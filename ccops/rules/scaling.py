"""Windows and `for` as values of a template, so that a test need not wait for an hour to pass."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_UP, Decimal

from ccops.core.errors import UsageError
from ccops.rules.values import BadValue, canonical, format_duration, parse_duration

# rate() needs some samples: four of the embedded stack, which scrapes every second, and one to spare.
SHORTEST_WINDOW_S = Decimal(5)
SHORTEST_HOLD_S = Decimal(1)


@dataclass(frozen=True, slots=True)
class Scale:
    """How much of each window and `for` is left: 1 is all of it, 0.05 a twentieth."""

    factor: Decimal

    def __post_init__(self) -> None:
        if not 0 < self.factor <= 1:
            raise UsageError(
                "TIME_SCALE_INVALID",
                f"--time-scale {canonical(self.factor)} is not above 0 and at most 1",
                evidence="0.05 makes 15 s of a window of 5 m",
                next_step="--time-scale 0.05, or leave it out",
            )

    def window(self, text: str) -> str:
        """Return a range or offset of `text`: never shorter than rate() can work with."""
        return self._scaled(text, SHORTEST_WINDOW_S)

    def hold(self, text: str) -> str:
        """Return a `for` of `text`; none stays none."""
        return self._scaled(text, SHORTEST_HOLD_S)

    def _scaled(self, text: str, shortest: Decimal) -> str:
        try:
            seconds = parse_duration(text)
        except BadValue as error:
            raise ValueError(str(error)) from None
        if self.factor == 1 or not seconds:
            return text
        whole = (seconds * self.factor).to_integral_value(ROUND_UP)
        return format_duration(max(whole, min(shortest, seconds)))


def parse_scale(text: str) -> Decimal:
    """Return the factor that `--time-scale` names. Raises UsageError."""
    from ccops.rules.values import Kind, parse_value

    try:
        return Scale(parse_value(text, Kind.NUMBER)).factor
    except BadValue as error:
        raise UsageError(
            "TIME_SCALE_INVALID", f"--time-scale: {error}", next_step="--time-scale 0.05"
        ) from None
