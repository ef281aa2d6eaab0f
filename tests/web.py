"""HTTP for tests: our own servers, without TLS.

A client of httpx reads the machine's certificates when it is made: 20 ms of CPU each, and a test that asks
again and again until something is so takes a core from what it waits for.
"""

from __future__ import annotations

import httpx

from ccops.clients.http import tls


def http_client(url: str = "", *, timeout: float = 20, **more: object) -> httpx.Client:
    """Return a client that keeps its connections."""
    return httpx.Client(base_url=url, timeout=timeout, trust_env=False, verify=tls(False), **more)  # type: ignore[arg-type]


# For single questions, from any thread: a connection each, so none that a server has closed meanwhile.
web = http_client(limits=httpx.Limits(max_keepalive_connections=0))
