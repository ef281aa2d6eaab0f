"""Tables as SQLAlchemy metadata, for Alembic alone: no query is built from them."""

from ccops.backend.models import audit, crash, economy, offers, ops, outbox, play, users
from ccops.backend.models.base import metadata

__all__ = ["audit", "crash", "economy", "metadata", "offers", "ops", "outbox", "play", "users"]
