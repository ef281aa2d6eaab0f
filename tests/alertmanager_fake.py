"""An Alertmanager that is played: its silences, and how it answers as 0.25 and as later versions do."""

from __future__ import annotations

import json
from collections.abc import Mapping

import httpx


class Alertmanager:
    """Answers the silences API from `items`, which are its silences by id.

    gone  its status for the DELETE of an unknown one: 500, later 404
    """

    def __init__(self, *items: Mapping[str, object], gone: int = 500) -> None:
        self.items = {str(one["id"]): dict(one) for one in items}
        self.posted: list[dict[str, object]] = []
        self.gone = gone
        self.made_as = "active"
        self.headers: dict[str, str] = {}

    def __call__(self, request: httpx.Request) -> httpx.Response:
        ident = request.url.path.rpartition("/")[2]
        if request.method == "POST":
            body = json.loads(request.content)
            self.posted.append(body)
            made = str(body.get("id") or "new")
            self.items[made] = body | {"id": made, "status": {"state": self.made_as}}
            return httpx.Response(200, json={"silenceID": made})
        if ident == "silences":
            return httpx.Response(200, json=list(self.items.values()), headers=self.headers)
        if ident not in self.items:
            return httpx.Response(self.gone if request.method == "DELETE" else 404, json="not found")
        if request.method == "DELETE":
            self.items[ident]["status"] = {"state": "expired"}
        return httpx.Response(200, json=self.items[ident])

    def state(self, ident: str) -> object:
        """Return the status of a silence."""
        return self.items[ident]["status"]
