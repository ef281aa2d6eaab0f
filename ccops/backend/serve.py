"""Run the backend: `python -m ccops.backend.serve`.

Alone it opens its port. As one of several it is handed a listening socket (`LISTEN_FD`) that all of them
accept from: what waits there when one of them ends, or dies, is taken by the next.
"""

from __future__ import annotations

import sys

import uvicorn

from ccops.backend import draining, rules
from ccops.backend.core import logs
from ccops.backend.core.config import settings
from ccops.backend.realtime.protocol import PING_EVERY_S, PONG_WITHIN_S, SyncProtocol

# The client must be who closes what is idle: a request that meets the server's close gets no answer.
# uvicorn's 5 s are the very time that httpx keeps a connection; load balancers keep theirs for 60 s.
KEEP_ALIVE_S = 75


def main() -> int:
    """Serve until SIGTERM; in-flight requests get five seconds. Returns 2 when a rules file is wrong."""
    try:
        rules.check()
    except rules.RulesInvalid as error:
        sys.stderr.write(f"{error}\n")
        return 2
    if settings.listen_fd:
        server = draining.serve(_config(draining.SharedSyncProtocol))
    else:
        server = uvicorn.Server(_config(SyncProtocol))
        server.run()
    return 0 if server.started else 3


def _config(websockets: type[SyncProtocol]) -> uvicorn.Config:
    return uvicorn.Config(
        "ccops.backend.main:app",
        host=settings.http_host,
        port=settings.http_port,
        loop="uvloop",
        http="httptools",
        ws=websockets,
        ws_max_size=65_536,
        ws_ping_interval=PING_EVERY_S,
        ws_ping_timeout=PONG_WITHIN_S,
        ws_per_message_deflate=False,
        access_log=False,
        log_config=logs.config(settings.log_level),
        log_level=settings.log_level.lower(),
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=5,
        server_header=False,
        # X-Forwarded-For is whatever a client says: the lockout counts by the peer's own address.
        proxy_headers=False,
    )


if __name__ == "__main__":
    sys.exit(main())
