"""Answers of users."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel


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
