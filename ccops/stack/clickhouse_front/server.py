"""The HTTP side: routes, keep-alive, one buffered write per answer, and a stop that lets queries finish."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from socketserver import BaseServer

from ccops.stack.clickhouse_front.auth import Gate
from ccops.stack.clickhouse_front.engine import Engine
from ccops.stack.clickhouse_front.errors import TOO_MANY_SIMULTANEOUS_QUERIES, ServerError
from ccops.stack.clickhouse_front.metrics import Metrics
from ccops.stack.clickhouse_front.query import Answer, Query

logger = logging.getLogger(__name__)

_CONNECTION_LIMIT = 256
_QUERY_LIMIT = 32
_QUEUE_SECONDS = 10.0


class Front(ThreadingHTTPServer):
    """A listening socket, the engine behind it, and who is busy."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    allow_reuse_address = True

    def __init__(self, host: str, port: int, *, body_limit: int, database: str, gate: Gate) -> None:
        from ccops.stack.clickhouse_front.handler import Handler

        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, port), Handler, bind_and_activate=False)
        self.engine: Engine | None = None
        self.metrics = Metrics()
        self.gate = gate
        self.body_limit = body_limit
        self.database = database
        self.stopping = False
        self._connections = threading.BoundedSemaphore(_CONNECTION_LIMIT)
        self._slots = threading.BoundedSemaphore(_QUERY_LIMIT)
        self._busy = 0
        self._idle = threading.Condition()
        try:
            self.server_bind()
        except BaseException:
            self.server_close()
            raise

    def serve(self, engine: Engine) -> threading.Thread:
        """Start answering; before this, clients wait in nobody's queue."""
        self.engine = engine
        self.server_activate()
        thread = threading.Thread(target=self.serve_forever, args=(0.1,), name="accept", daemon=True)
        thread.start()
        return thread

    def execute(self, query: Query) -> Answer:
        """Run a query when one of the slots is free, and count it."""
        if not self._slots.acquire(timeout=_QUEUE_SECONDS):
            raise ServerError(TOO_MANY_SIMULTANEOUS_QUERIES, "Too many simultaneous queries")
        kind = {"SELECT": "select", "WITH": "select", "INSERT": "insert"}.get(query.statement.verb, "other")
        since, rows = self.metrics.started(), 0
        try:
            assert self.engine is not None
            answer = self.engine.run(query)
            rows = answer.summary.written_rows
            return answer
        finally:
            self.metrics.finished(since, kind, rows)
            self._slots.release()

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Mark a request as being answered: `stop` waits for it."""
        with self._idle:
            self._busy += 1
        try:
            yield
        finally:
            with self._idle:
                self._busy -= 1
                self._idle.notify_all()

    def stop(self, grace: float) -> bool:
        """Accept nothing more and wait for the answers under way; False when the grace was too short."""
        self.stopping = True
        self.shutdown()
        self.server_close()
        with self._idle:
            return self._idle.wait_for(lambda: self._busy == 0, timeout=grace)

    def server_bind(self) -> None:
        """Bind without the base class's reverse DNS look-up of the host."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def process_request(self, request: object, client_address: object) -> None:
        """Give the connection a thread, unless there are too many already."""
        assert isinstance(request, socket.socket)
        if not self._connections.acquire(blocking=False):
            logger.warning("connection refused: %d are open", _CONNECTION_LIMIT)
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: object, client_address: object) -> None:
        """Serve one connection until it ends."""
        assert isinstance(request, socket.socket)
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._connections.release()

    def handle_error(self, request: object, client_address: object) -> None:
        """A connection broke or a handler failed: one line in the log, never the end of the server."""
        import sys

        error = sys.exc_info()[1]
        if not isinstance(error, (ConnectionError, TimeoutError)):
            logger.error("request failed: %s: %s", type(error).__name__, error)


def front_of(server: BaseServer) -> Front:
    """Narrow the server a handler belongs to."""
    assert isinstance(server, Front)
    return server
