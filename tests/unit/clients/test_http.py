"""Our clients of HTTP against a server that counts the connections it is asked on."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from ccops.clients.http import open_client, open_http
from ccops.monitor.scraping import Scraper


@dataclass
class Counting:
    """A server, and the port of the client in each request."""

    url: str = ""
    asked_from: list[int] = field(default_factory=list)


@pytest.fixture
def server() -> Iterator[Counting]:
    made = Counting()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            made.asked_from.append(self.client_address[1])
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        threading.Thread(target=http.serve_forever, args=(0.05,), daemon=True).start()
        made.url = f"http://127.0.0.1:{http.server_port}"
        yield made
        http.shutdown()


def test_a_connection_is_kept_for_the_next_request_and_left_before_a_server_closes_it(server: Counting):
    """uvicorn closes after five seconds: a request that meets that has no answer."""

    async def later() -> None:
        async with open_http(server.url) as client:
            for rest_s in (0.0, 2.1, 0.0):
                await client.get("/")
                await asyncio.sleep(rest_s)

    asyncio.run(later())

    first, second, third = server.asked_from
    assert (first == second, second == third) == (True, False)


def test_blocking_clients_leave_it_too(server: Counting):
    with open_client("http", server.url) as client, Scraper({"backend": server.url}) as scraper:
        for rest_s in (0.0, 2.1, 0.0):
            client.get("/")
            scraper.scrape()
            time.sleep(rest_s)

    for first, second, third in (server.asked_from[::2], server.asked_from[1::2]):
        assert (first == second, second == third) == (True, False)
