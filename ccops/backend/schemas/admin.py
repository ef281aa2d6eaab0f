"""Requests and answers of administrators."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, Field

from ccops.backend.schemas.base import RequestModel, StorableStr

Rank = Literal["STANDARD", "PREMIUM", "VIP", "ADMIN"]
Reason = Annotated[StorableStr, Field(min_length=1, max_length=200)]
# Nobody means more than this at once, and a slip of the finger shall not mint it.
MOST_GOLD = 10**12


def _number(value: object) -> object:
    if isinstance(value, bool):  # Python takes true for 1
        raise ValueError("must be a number")
    return value


def _fresh_code() -> str:
    return secrets.token_hex(6).upper()


Code = Annotated[
    str,
    Field(
        default_factory=_fresh_code,
        min_length=3,
        max_length=64,
        pattern=r"^[A-Za-z0-9_-]+$",
        description="Left out: one is made up",
    ),
]
Uses = Annotated[
    int | None, Field(ge=1, le=2**31 - 1, description="null: without a limit"), BeforeValidator(_number)
]


def _storable_moment(moment: datetime) -> datetime:
    # At both ends of the calendar a time zone leads out of it, where the database driver fails.
    if not datetime(1970, 1, 1, tzinfo=UTC) <= moment < datetime(9999, 1, 1, tzinfo=UTC):
        raise ValueError("not between the years 1970 and 9998")
    return moment


Moment = Annotated[AwareDatetime, AfterValidator(_storable_moment)]


class UserRow(BaseModel):
    """An account as administrators see it; never a birth date or a phone number."""

    id: int
    public_id: UUID
    site_id: str
    nickname: str
    rank: Rank
    gold_balance: int
    wallet_version: int
    is_active: bool
    created_at: datetime


class UserPage(BaseModel):
    """Accounts, newest first; `next_cursor` is null on the last page."""

    items: list[UserRow]
    next_cursor: int | None


class RankChange(RequestModel):
    """The rank to give, and why."""

    rank: Rank
    reason: Reason


class RankChanged(BaseModel):
    """The rank now and before; `changed` is false, and nothing was logged, when they are the same."""

    user_id: int
    rank: Rank
    previous_rank: Rank
    changed: bool


def _moves(delta: int) -> int:
    if delta == 0:
        raise ValueError("must not be 0")
    return delta


class GoldAdjust(RequestModel):
    """Gold to add, or to take when negative, and why."""

    delta: Annotated[
        int,
        Field(ge=-MOST_GOLD, le=MOST_GOLD, json_schema_extra={"not": {"const": 0}}),
        AfterValidator(_moves),
        BeforeValidator(_number),
    ]
    reason: Reason


class GoldAdjusted(BaseModel):
    """What an adjustment did."""

    adjustment_id: UUID
    user_id: int
    delta: int
    balance_after: int
    wallet_version: int
    audit_id: int
    event_id: UUID


class NewInvite(RequestModel):
    """An invite code to create."""

    code: Code
    max_uses: Uses = None
    expires_at: Moment | None = None


class Invite(BaseModel):
    """An invite code."""

    code: str
    max_uses: int | None
    expires_at: datetime | None


class NewPromo(RequestModel):
    """A promo code to create; without `starts_at` it is valid at once."""

    code: Code
    gold: Annotated[int, Field(ge=1, le=10**9), BeforeValidator(_number)]
    max_uses: Uses = None
    starts_at: Moment | None = None
    expires_at: Moment | None = None


class Promo(BaseModel):
    """A promo code."""

    code: str
    gold: int
    max_uses: int | None
    starts_at: datetime
    expires_at: datetime | None


class RunningSettings(BaseModel):
    """Settings of the process that answered, by the name of their variable; no secrets."""

    settings: dict[str, bool | int | float | str] = Field(examples=[{"APP_ENV": "prod", "POOL_SIZE": 16}])


class AuditRow(BaseModel):
    """What an administrator did. `hash` covers the row and the one before it (hex)."""

    id: int
    actor_id: int
    action: str
    target: str
    before: dict[str, object]
    after: dict[str, object]
    reason: str
    request_id: str
    created_at: datetime
    hash: str


class AuditPage(BaseModel):
    """Audit rows, newest first; `next_cursor` is null on the last page."""

    items: list[AuditRow]
    next_cursor: int | None
