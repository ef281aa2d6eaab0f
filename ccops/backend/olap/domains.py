"""Which consumer group reads which topics into which tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ccops.backend.core.config import settings
from ccops.backend.olap.tables import (
    EVENTS,
    GAME_ROUNDS,
    LEDGER,
    PROGRESS,
    PURCHASES,
    REWARDS,
    SECURITY,
    Table,
)


@dataclass(frozen=True, slots=True)
class Domain:
    """A consumer group: which topics it reads into which tables."""

    name: str
    tables: Mapping[str, Table]

    @property
    def group(self) -> str:
        """Return the group `cc.<domain>.clickhouse.<env>`."""
        return f"cc.{self.name}.clickhouse.{settings.app_env}"

    @property
    def by_topic(self) -> Mapping[str, Table]:
        """Return the table of each topic of this environment."""
        return {settings.topic(stem): table for stem, table in self.tables.items()}


# A group costs its members' heartbeats and fetches even when nothing happens. The busy topics have one each,
# so that none waits for another; what says how players are doing shares one.
DOMAINS = (
    Domain("actions", {"actions.events": EVENTS}),
    Domain("games", {"games.rounds": GAME_ROUNDS}),
    Domain("economy", {"economy.ledger": LEDGER}),
    Domain("shop", {"shop.transactions": PURCHASES}),
    Domain("players", {"rewards.granted": REWARDS, "events.progress": PROGRESS, "auth.security": SECURITY}),
)
