"""Whether Prometheus is there is asked of its query API, and of no page for people."""

from __future__ import annotations

import asyncio
import json

import pytest
import requests

from ccops.clients.prometheus import open_prometheus
from ccops.core.errors import Unreachable

URL = "http://prometheus.test:9090"
ANSWER = {"status": "success", "data": {"resultType": "vector", "result": [{"value": [1, "1"]}]}}


def _opened(monkeypatch: pytest.MonkeyPatch, pages: dict[str, tuple[int, str]]) -> bool:
    """Open a client whose server has these pages, anything else is an error of its own."""

    def answer(_: requests.Session, method: str, url: str, **__: object) -> requests.Response:
        made = requests.Response()
        made.status_code, text = pages.get(url.removeprefix(URL), (500, "no files of the user interface"))
        made._content = text.encode()
        return made

    monkeypatch.setattr(requests.Session, "request", answer)

    async def work() -> bool:
        async with open_prometheus(URL) as client:
            return client.url == URL

    return asyncio.run(work())


def test_a_server_without_its_user_interface_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _opened(monkeypatch, {"/api/v1/query": (200, json.dumps(ANSWER))})


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (503, "Service Unavailable"),
        (200, "<html>a login page</html>"),
        (200, "{}"),
        (200, '{"data": []}'),
    ],
)
def test_what_does_not_answer_queries_is_not_there(
    monkeypatch: pytest.MonkeyPatch, status: int, text: str
) -> None:
    with pytest.raises(Unreachable, match="prometheus"):
        _opened(monkeypatch, {"/": (200, "a page"), "/api/v1/query": (status, text)})
