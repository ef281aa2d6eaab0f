"""Tables as SQLAlchemy metadata, for Alembic alone: no query is built from them."""

from ccops.backend.models import economy, outbox, play, users
from ccops.backend.models.base import metadata

__all__ = ["economy", "metadata", "outbox", "play", "users"]
