"""Answer `/metrics` and `/healthz`, one request after the other: one Prometheus asks once a second."""

from __future__ import annotations

import socket
from collections.abc import Callable

_READ_S = 2.0
_LONGEST = 16_384
_KIND = "text/plain; version=0.0.4; charset=utf-8"
_REASONS = {200: "OK", 400: "Bad Request", 404: "Not Found"}


def serve(host: str, port: int, metrics: Callable[[], str]) -> None:
    """Serve until the process ends. Every scrape calls `metrics`. Raises OSError for a taken port."""
    with socket.create_server((host, port), backlog=16) as server:
        while True:
            link, _ = server.accept()
            with link:
                try:
                    link.settimeout(_READ_S)
                    _answer(link, metrics)
                except OSError:
                    continue  # who asked went away


def _answer(link: socket.socket, metrics: Callable[[], str]) -> None:
    head = b""
    while b"\r\n\r\n" not in head and len(head) < _LONGEST:
        part = link.recv(4096)
        if not part:
            return
        head += part
    method, _, rest = head.split(b"\r\n", 1)[0].decode("latin-1").partition(" ")
    path = rest.partition(" ")[0].partition("?")[0]
    status, body = _page(method, path, metrics)
    raw = body.encode()
    lines = (
        f"HTTP/1.1 {status} {_REASONS[status]}",
        f"Content-Type: {_KIND}",
        f"Content-Length: {len(raw)}",
        "Connection: close",
    )
    link.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + (b"" if method == "HEAD" else raw))


def _page(method: str, path: str, metrics: Callable[[], str]) -> tuple[int, str]:
    if method not in {"GET", "HEAD"}:
        return 400, "GET only\n"
    if path == "/metrics":
        return 200, metrics()
    if path == "/healthz":
        return 200, "ok"
    return 404, "/metrics or /healthz\n"
