"""Alembic's environment: the target is DATABASE_URL, the truth is models.metadata."""

from __future__ import annotations

from alembic import context
from sqlalchemy import create_engine, pool

from ccops.backend.core.config import settings
from ccops.backend.models import metadata


def run() -> None:
    """Run the migrations in one transaction under an advisory lock: two starters don't race."""
    url = settings.database_url.replace("postgresql://", "postgresql+psycopg://", 1)
    engine = create_engine(url, poolclass=pool.NullPool)
    with engine.connect() as connection:
        context.configure(connection=connection, target_metadata=metadata)
        with context.begin_transaction():
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7203201)")
            context.run_migrations()


run()
