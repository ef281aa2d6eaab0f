"""Read the /metrics of every process of a profile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ccops.clients.guard import unreachable
from ccops.clients.http import errors, limits, tls
from ccops.clients.target import target
from ccops.core.errors import Unreachable, UsageError
from ccops.core.exposition import Exposition, ExpositionError, parse
from ccops.core.profile import Profile

if TYPE_CHECKING:
    import httpx

_PLACES = {"backend": "CCOPS_BACKEND_URL", "worker": "CCOPS_WORKER_URL"}
# Containers of the backend, each with counters and a port of its own.
_REPLICAS = "CCOPS_BACKEND_URLS"
_LARGEST = 32 * 2**20


def endpoints(profile: Profile, urls: Sequence[str] = ()) -> dict[str, str]:
    """Return label and address of each endpoint: `urls`, else backend and worker of the profile.

    Several backend processes behind one port share their counters, so that any of them answers for all;
    those with ports of their own are named by `urls`, or by the profile of a stack with several containers.
    Raises Unreachable when the profile knows none.
    """
    if urls:
        wrong = [url for url in urls if not url.startswith(("http://", "https://"))]
        if wrong or len(set(urls)) < len(urls):
            raise UsageError(
                "METRICS_URL_INVALID",
                "--url names no endpoint, or one twice" if wrong else "an endpoint is named twice",
                evidence=", ".join(wrong or urls),
                next_step="--url http://127.0.0.1:8000 --url http://127.0.0.1:8001",
            )
        return {url.split("//", 1)[1].rstrip("/"): url for url in urls}
    found = {label: profile.get(key) for label, key in _PLACES.items() if profile.get(key)}
    replicas = [url for url in profile.get(_REPLICAS).split(",") if url]
    if len(replicas) > 1:
        found.pop("backend", None)
        found |= {f"backend-{number}": url for number, url in enumerate(replicas, 1)}
    return found or {"backend": target(profile, "backend")}


class Scraper:
    """Scrapes the same endpoints again and again over kept connections; to be closed by its owner."""

    def __init__(self, places: Mapping[str, str], timeout_s: float = 5.0) -> None:
        import httpx

        self.places = dict(places)
        self._clients = {
            label: httpx.Client(
                base_url=url,
                timeout=timeout_s,
                verify=tls(url.startswith("https:")),
                trust_env=False,
                limits=limits(),
            )
            for label, url in places.items()
        }

    def __enter__(self) -> Scraper:
        return self

    def __exit__(self, *_: object) -> None:
        for client in self._clients.values():
            client.close()

    def scrape(self) -> dict[str, Exposition]:
        """Return what every endpoint says now. Raises Unreachable when one does not answer."""
        return {label: self._one(label, client) for label, client in self._clients.items()}

    def try_scrape(self) -> dict[str, Exposition]:
        """Return what those endpoints say that answer: a process that is being restarted is left out."""
        found: dict[str, Exposition] = {}
        for label, client in self._clients.items():
            try:
                found[label] = self._one(label, client)
            except Unreachable:
                continue
        return found

    def _one(self, label: str, client: httpx.Client) -> Exposition:
        try:
            answer = client.get("/metrics")
        except errors() as error:
            raise unreachable("metrics", self.places[label], error) from None
        if answer.status_code != 200 or len(answer.content) > _LARGEST:
            said = f"GET /metrics answered {answer.status_code}, {len(answer.content)} bytes"
            raise unreachable("metrics", self.places[label], ConnectionError(said))
        try:
            return parse(answer.text)
        except ExpositionError as error:
            raise unreachable("metrics", self.places[label], error) from None
