"""One HTTP connection: read a request, answer it in one write, keep the connection."""

from __future__ import annotations

import json
import secrets
import socket
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import asdict
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler

from ccops.stack.clickhouse_front.auth import credentials
from ccops.stack.clickhouse_front.body import BrokenBody, read_body
from ccops.stack.clickhouse_front.codec import decode
from ccops.stack.clickhouse_front.errors import ABORTED, INCORRECT_DATA, UNKNOWN_EXCEPTION, ServerError
from ccops.stack.clickhouse_front.query import Answer, Query
from ccops.stack.clickhouse_front.request import Target, build, parse_target
from ccops.stack.clickhouse_front.server import Front, front_of

_IDLE_SECONDS = 120
_DRAIN_SECONDS = 1.0
_DRAIN_BYTES = 16 << 20
_TEXT = "text/plain; charset=UTF-8"
_CONTENT_TYPES = {
    "TabSeparated": "text/tab-separated-values; charset=UTF-8",
    "JSON": "application/json; charset=UTF-8",
    "JSONEachRow": "application/x-ndjson; charset=UTF-8",
    "CSV": "text/csv; charset=UTF-8; header=absent",
}
_SINGLE_HEADERS = ("content-length", "transfer-encoding", "content-type", "content-encoding", "authorization")


class Handler(BaseHTTPRequestHandler):
    """The routes: /ping, /metrics, and / for queries."""

    protocol_version = "HTTP/1.1"
    timeout = _IDLE_SECONDS
    disable_nagle_algorithm = True
    wbufsize = 0

    def do_GET(self) -> None:
        """Answer a probe, the metrics, or a read-only query."""
        self._route(read_only=True)

    do_HEAD = do_GET  # noqa: N815 - the base class's name

    def do_POST(self) -> None:
        """Answer a query."""
        self._route(read_only=False)

    @property
    def front(self) -> Front:
        """The server this connection came to."""
        return front_of(self.server)

    def _route(self, *, read_only: bool) -> None:
        with self.front.busy():
            try:
                if self.front.stopping:
                    raise ServerError(ABORTED, "The front is stopping")
                target = parse_target(self.path)
                if read_only and self._answered_probe(target):
                    return
                self._query(target, read_only=read_only)
            except ServerError as error:
                # Body bytes may still be on the wire: they must not be read as the next request.
                self.close_connection = True
                self._refuse(error)
                self._drain()
            except BrokenBody:
                self.close_connection = True

    def _answered_probe(self, target: Target) -> bool:
        if target.path in {"/ping", "/replicas_status"} or (
            target.path == "/" and "query" not in target.params
        ):
            self._send(HTTPStatus.OK, {"Content-Type": _TEXT}, b"Ok.\n")
        elif target.path == "/metrics":
            version = self.front.engine.version if self.front.engine else ""
            text = self.front.metrics.render(version).encode()
            self._send(HTTPStatus.OK, {"Content-Type": "text/plain; version=0.0.4; charset=UTF-8"}, text)
        elif target.path != "/":
            self._not_found()
        else:
            return False
        return True

    def _query(self, target: Target, *, read_only: bool) -> None:
        headers = self._lowered()
        self.front.gate.check(credentials(headers, target.params))
        raw = read_body(self.rfile, headers, self.front.body_limit, required=not read_only)
        if target.path != "/":
            self._not_found()
            return
        query_id = ""
        try:
            body = decode(raw, headers.get("content-encoding", "").strip().lower(), self.front.body_limit)
            query = build(target, headers, body, default_database=self.front.database, read_only=read_only)
            query_id = query.query_id
            answer = self.front.execute(query)
        except ServerError as error:
            self._refuse(error, query_id)
            return
        except Exception as error:  # noqa: BLE001 - whatever it is, this client gets an answer and the others live
            self._refuse(ServerError(UNKNOWN_EXCEPTION, f"{type(error).__name__}: {error}"), query_id)
            return
        self._reply(query, answer)

    def _lowered(self) -> Mapping[str, str]:
        for name in _SINGLE_HEADERS:
            if len(self.headers.get_all(name, [])) > 1:
                raise ServerError(INCORRECT_DATA, f"The header {name} is given twice")
        return {name.lower(): value for name, value in self.headers.items()}

    def _reply(self, query: Query, answer: Answer) -> None:
        headers = self._common(query.query_id)
        headers["X-ClickHouse-Summary"] = (
            json.dumps({k: str(v) for k, v in asdict(answer.summary).items()})
            if (answer.more is None)
            else "{}"
        )
        if answer.format is not None:
            headers["X-ClickHouse-Format"] = answer.format
        headers["Content-Type"] = _CONTENT_TYPES.get(answer.format or "", _TEXT)
        if answer.more is None:
            self._send(HTTPStatus.OK, headers, answer.body)
        elif self.request_version == "HTTP/1.0":
            self._send(HTTPStatus.OK, headers, answer.body + b"".join(answer.more))
        else:
            self._stream(headers, answer)

    def _stream(self, headers: dict[str, str], answer: Answer) -> None:
        assert answer.more is not None
        tag = secrets.token_hex(8)
        headers |= {"Transfer-Encoding": "chunked", "X-ClickHouse-Exception-Tag": tag}
        with closing(answer.more) as more:
            self.wfile.write(self._head(HTTPStatus.OK, headers) + _chunk(answer.body))
            try:
                for block in more:
                    self.wfile.write(_chunk(block))
            except ServerError as error:
                # The status line is gone; ClickHouse marks the end of such a body with the error.
                self.front.metrics.failed(error.code)
                text = error.text(self._version()).rstrip("\n")
                marked = f"\r\n__exception__\r\n{tag}\r\n{text}\n{len(text) + 1} {tag}\r\n__exception__\r\n"
                self.wfile.write(_chunk(marked.encode()))
                self.close_connection = True
            self.wfile.write(b"0\r\n\r\n")

    def _refuse(self, error: ServerError, query_id: str = "") -> None:
        self.front.metrics.failed(error.code)
        headers = self._common(query_id)
        headers |= {"X-ClickHouse-Exception-Code": str(error.code), "Content-Type": _TEXT}
        self._send(HTTPStatus(error.status), headers, error.text(self._version()).encode("utf-8", "replace"))

    def _drain(self) -> None:
        # Closing over unread bytes resets the connection, and the client would lose the answer.
        self.connection.shutdown(socket.SHUT_WR)
        self.connection.settimeout(_DRAIN_SECONDS)
        left = _DRAIN_BYTES
        with suppress(OSError):
            while left > 0 and (data := self.connection.recv(min(left, 1 << 16))):
                left -= len(data)

    def _not_found(self) -> None:
        self._send(HTTPStatus.NOT_FOUND, {"Content-Type": _TEXT}, b"There is no handle for this path.\n")

    def _common(self, query_id: str) -> dict[str, str]:
        headers = {"X-ClickHouse-Server-Display-Name": "ccops-chdb"}
        if query_id:
            headers["X-ClickHouse-Query-Id"] = query_id
        if self.front.engine is not None:
            headers["X-ClickHouse-Timezone"] = self.front.engine.timezone
        return headers

    def _version(self) -> str:
        return self.front.engine.version if self.front.engine is not None else "0"

    def _send(self, status: HTTPStatus, headers: dict[str, str], body: bytes) -> None:
        head = self._head(status, headers | {"Content-Length": str(len(body))})
        if self.command == "HEAD":
            body = b""
        if len(body) > 1 << 20:
            self.wfile.write(head)
            self.wfile.write(body)
        else:
            self.wfile.write(head + body)

    def _head(self, status: HTTPStatus, headers: Mapping[str, str]) -> bytes:
        ending = "close" if self.close_connection else "keep-alive"
        lines = [f"HTTP/1.1 {status.value} {status.phrase}", f"Connection: {ending}"]
        if not self.close_connection:
            lines.append(f"Keep-Alive: timeout={_IDLE_SECONDS}")
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer what is not HTTP in plain text (the base class would write HTML)."""
        self.close_connection = True
        status = HTTPStatus(code)
        if not hasattr(self, "command"):
            self.command = ""
        self._send(status, {"Content-Type": _TEXT}, f"{status.phrase}\n".encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """No access log: targets carry parameters, and the stack reads /metrics."""


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)
