"""What clients say they did."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated, TypeGuard
from uuid import UUID

import orjson
from pydantic import AfterValidator, AwareDatetime, BaseModel, Field

from ccops.backend.schemas.base import RequestModel

CONTEXT_BYTES = 4_096
# Far below what our encoders take: the answers that carry a context nest it deeper than it came.
CONTEXT_DEPTH = 32


def _storable(context: dict[str, object]) -> dict[str, object]:
    # What orjson refuses (lone surrogates, integers beyond 64 bits, endless nesting) jsonb would refuse too.
    try:
        encoded = orjson.dumps(context)
    except TypeError as err:
        raise ValueError("can't be stored as JSON") from err
    if len(encoded) > CONTEXT_BYTES:
        raise ValueError(f"longer than {CONTEXT_BYTES} bytes")
    if b"\\u0000" in encoded.replace(b"\\\\", b""):
        raise ValueError("holds a NUL character")
    _walk(context)
    return context


def _walk(context: dict[str, object]) -> None:
    level: list[object] = [context]
    for _ in range(CONTEXT_DEPTH):
        level = [inner for item in level if _holds(item) for inner in _inside(item)]
        # jsonb writes numbers out in full: 1e308 would come back as 309 digits.
        if any(isinstance(item, float) and not _plain(item) for item in level):
            raise ValueError("holds a number of extreme size")
    if any(_holds(item) for item in level):
        raise ValueError(f"nested deeper than {CONTEXT_DEPTH} levels")


def _plain(number: float) -> bool:
    return number == 0 or 1e-18 < abs(number) < 1e18


def _inside(item: dict[str, object] | list[object]) -> Iterable[object]:
    return item.values() if isinstance(item, dict) else item


def _holds(value: object) -> TypeGuard[dict[str, object] | list[object]]:
    return isinstance(value, dict | list)


def _plausible(moment: datetime) -> datetime:
    # Clients' clocks are wrong by days, not by centuries; the rest would not fit into a timestamptz.
    if not datetime(2000, 1, 1, tzinfo=UTC) <= moment < datetime(2100, 1, 1, tzinfo=UTC):
        raise ValueError("not between the years 2000 and 2100")
    return moment


ActionType = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]{1,63}$", examples=["LOGIN_STREAK_VIEW"])]


class ActionIn(RequestModel):
    """One action. `event_id` makes a repeat harmless: the same id from the same user is a duplicate."""

    action_type: ActionType
    context: Annotated[dict[str, object], AfterValidator(_storable)] = Field(default_factory=dict)
    client_ts: Annotated[AwareDatetime, AfterValidator(_plausible)] | None = None
    event_id: UUID | None = None


class ActionOut(BaseModel):
    """The recorded action."""

    id: int
    event_id: UUID
    server_ts: datetime
    duplicate: bool


class ActionRow(BaseModel):
    """One action as it is read back."""

    id: int
    event_id: UUID
    trace_id: str
    action_type: str
    context: dict[str, object]
    client_ts: datetime | None
    server_ts: datetime


class RecentActions(BaseModel):
    """The newest actions of one user, newest first."""

    items: list[ActionRow]
