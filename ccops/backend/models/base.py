"""Metadata with a naming convention, so that errors map by constraint name."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, DateTime, ForeignKey, Identity, MetaData, func

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def identity() -> Column[int]:
    """Return the internal key: a bigint that PostgreSQL makes."""
    return Column("id", BigInteger, Identity(always=True), primary_key=True)


def at(name: str, *, default: bool = True, nullable: bool = False) -> Column[object]:
    """Return a timestamptz column, by default filled by the database's clock."""
    return Column(
        name,
        DateTime(timezone=True),
        nullable=nullable,
        server_default=func.now() if default and not nullable else None,
    )


def user_id() -> Column[int]:
    """Return the column that says whose row it is."""
    return Column("user_id", BigInteger, ForeignKey("users.id"), nullable=False)
