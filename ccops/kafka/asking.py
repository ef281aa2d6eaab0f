"""How an answer of the cluster is waited for: a refusal is no silence, and who asked too early asks again."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from typing import TYPE_CHECKING, TypeVar

from ccops.clients.guard import unreachable
from ccops.core.errors import Unreachable
from ccops.kafka.model import Refusal

if TYPE_CHECKING:
    from confluent_kafka.admin import AdminClient

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)
ABSENT = frozenset({"GROUP_ID_NOT_FOUND", "INVALID_GROUP_ID"})
_SOON_S = 0.1
# A new cluster makes its topic of offsets at the first question, a topic's leader begins after it is told.
COMING = frozenset(
    {
        "COORDINATOR_LOAD_IN_PROGRESS",
        "COORDINATOR_NOT_AVAILABLE",
        "NOT_COORDINATOR",
        "LEADER_NOT_AVAILABLE",
        "NOT_LEADER_FOR_PARTITION",
    }
)


class Asking:
    """One cluster, and how its answers are taken. Whatever it does raises Unreachable without an answer."""

    def __init__(self, client: AdminClient, bootstrap: str, timeout: float = 10.0) -> None:
        self._client, self._bootstrap, self._timeout = client, bootstrap, timeout

    @property
    def bootstrap(self) -> str:
        """Return the address that was asked."""
        return self._bootstrap

    def _settled(self, ask: Callable[[], dict[K, T | Refusal]]) -> dict[K, T | Refusal]:
        """Return what `ask` does, asked again while a coordinator or leader is beginning."""
        end = time.monotonic() + self._timeout
        while True:
            said = ask()
            early = any(isinstance(one, Refusal) and one.code in COMING for one in said.values())
            if not early or time.monotonic() > end:
                return said
            time.sleep(_SOON_S)

    def _perhaps(self, future: Future[T]) -> T | Refusal:
        """Return the answer, or the broker's refusal. A client-side failure is Unreachable."""
        from confluent_kafka import KafkaException

        try:
            return future.result(self._timeout + 5.0)
        except KafkaException as error:
            inner = error.args[0]
            if inner.name().startswith("_") and inner.name() != "_NOENT":
                raise self._down(inner.str()) from None
            return Refusal(inner.name(), inner.str())
        except FutureTimeout:
            raise self._down(f"no answer within {self._timeout:g} s") from None

    def _answer(self, future: Future[T]) -> T:
        said = self._perhaps(future)
        if isinstance(said, Refusal):
            raise self._down(said.text)
        return said

    def _down(self, said: str) -> Unreachable:
        return unreachable("kafka", self._bootstrap, ConnectionError(said))
