"""Alertmanager's API of silences, as it was measured on 0.25: a repeated POST makes a second silence."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Silences:
    """What the server holds, and what it was asked."""

    def __init__(self) -> None:
        self.items: dict[str, dict[str, object]] = {}
        self.posts = 0
        self.url = ""

    def alive(self) -> list[dict[str, object]]:
        return [one for one in self.items.values() if one["status"] == {"state": "active"}]


@contextmanager
def alertmanager() -> Iterator[Silences]:
    """Serve silences on a port of its own."""
    silences = Silences()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            ident = self.path.rpartition("/")[2]
            if self.path.startswith("/api/v2/silences"):
                self._answer(200, list(silences.items.values()))
            elif ident in silences.items:
                self._answer(200, silences.items[ident])
            else:
                self._answer(404, {})

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            silences.posts += 1
            ident = body.get("id") or str(uuid.uuid4())
            old = silences.items.get(ident)
            if old and any(old[key] != body[key] for key in ("startsAt", "matchers")):
                old["status"] = {"state": "expired"}  # only the end of an active one can be moved
                ident = str(uuid.uuid4())
            silences.items[ident] = body | {"id": ident, "status": {"state": "active"}}
            self._answer(200, {"silenceID": ident})

        def do_DELETE(self) -> None:
            ident = self.path.rpartition("/")[2]
            if ident not in silences.items:
                self._answer(500, "silence not found")
                return
            silences.items[ident]["status"] = {"state": "expired"}
            self._answer(200, {})

        def _answer(self, status: int, body: object) -> None:
            raw = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    silences.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield silences
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
