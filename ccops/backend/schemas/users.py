"""Answers of users."""

from __future__ import annotations

import unicodedata
from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, BaseModel, Field

from ccops.backend.schemas.base import RequestModel


def _readable(value: str) -> str:
    # NFKC first: two spellings of one name must meet in the unique index.
    value = unicodedata.normalize("NFKC", value).strip()
    if not 2 <= len(value) <= 32 or not value.isprintable():
        raise ValueError("must be 2 to 32 printable characters")
    return value


Nickname = Annotated[str, Field(min_length=2, max_length=64), AfterValidator(_readable)]


class Account(BaseModel):
    """Who somebody is and what they have."""

    id: int
    public_id: UUID
    site_id: str
    nickname: str
    rank: str
    level: int
    exp: int
    gold_balance: int
    wallet_version: int
    age_verified: bool
    created_at: datetime


class AgeVerification(BaseModel):
    """The outcome of an age check; it never tells the birth date."""

    age_verified: bool
    age_verified_at: datetime


class ProfileChange(RequestModel):
    """What somebody may change about themselves."""

    nickname: Nickname


class Balance(BaseModel):
    """The gold of one account; `wallet_version` counts its movements and is what If-Match compares."""

    user_id: int
    gold_balance: int
    wallet_version: int


class LedgerRow(BaseModel):
    """One movement of gold."""

    seq: int
    delta: int
    balance_after: int
    counter_account: str
    reason: str
    ref_type: str
    ref_id: str
    created_at: datetime


class LedgerPage(BaseModel):
    """Movements, newest first; `next_cursor` is null on the last page."""

    items: list[LedgerRow]
    next_cursor: int | None


class Erasure(BaseModel):
    """Personal data is gone since `erased_at`."""

    erased: bool
    erased_at: datetime
