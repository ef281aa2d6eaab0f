"""Knock at the old games socket: `python -m ccops.backend.scripts.ws_touch_legacy --host URL --once`.

Prints `accepted` or `rejected` (also: what the service said), and exits 0 when there was an answer: then
`ws_legacy_games_connections_total` and `..._by_result_total` of /metrics have counted it. Exits 4 when
nothing answered. Without `--once` it knocks every second until interrupted.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from urllib.parse import urlsplit

from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI
from websockets.sync.client import connect

PATH = "/ws/games"
_WAIT_S = 5.0
_EVERY_S = 1.0
_UNREACHABLE = 4


def address(host: str) -> str:
    """Return the socket's address at the service `host`; raises ValueError for what is no URL of one."""
    parts = urlsplit(host if "://" in host else f"http://{host}")
    scheme = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}.get(parts.scheme)
    if scheme is None or not parts.netloc:
        raise ValueError(f"not the address of a service: {host}")
    return f"{scheme}://{parts.netloc}{PATH}"


def touch(url: str) -> str:
    """Return `accepted: ...` or `rejected: ...`; raises OSError when nothing answers like one."""
    try:
        with connect(url, open_timeout=_WAIT_S, close_timeout=1, proxy=None) as socket:
            try:
                return f"accepted: {socket.recv(_WAIT_S)!s}"
            except (ConnectionClosed, TimeoutError):
                return "accepted: without a word"
    except InvalidStatus as refusal:
        return f"rejected: HTTP {refusal.response.status_code}"
    except (InvalidHandshake, InvalidURI, TimeoutError) as error:
        raise OSError(f"{type(error).__name__}: {error}") from error


def main(argv: Sequence[str] | None = None) -> int:
    """Knock and print."""
    parser = argparse.ArgumentParser(
        prog="python -m ccops.backend.scripts.ws_touch_legacy",
        description="Knock at the old games socket, so that its metrics count it.",
    )
    parser.add_argument("--host", default="http://localhost:8000", help="URL of the backend")
    parser.add_argument("--once", action="store_true", help="knock once instead of every second")
    given = parser.parse_args(argv)
    try:
        url = address(given.host)
    except ValueError as error:
        parser.error(str(error))
    while True:
        try:
            sys.stdout.write(f"{touch(url)}\n")
        except OSError as error:
            sys.stderr.write(f"nothing answers at {url}: {error}\n")
            return _UNREACHABLE
        if given.once:
            return 0
        sys.stdout.flush()
        time.sleep(_EVERY_S)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
