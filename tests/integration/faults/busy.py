"""A busy run: clients that retry until they are answered, and remember what they were promised."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx

GIVE_UP_AFTER_S = 45
# The fraud window lets one player start five payments a minute: each client is several players in turn.
PLAYERS, TURN = 8, 32


@dataclass
class Promises:
    """What the backend acknowledged: action event ids, and purchases as transaction id -> kind."""

    actions: set[str] = field(default_factory=set)
    purchases: dict[str, str] = field(default_factory=dict)
    unexpected: list[str] = field(default_factory=list)


class Busy:
    """`clients` users act and buy in a loop; each request is repeated under its key until answered."""

    def __init__(self, url: Callable[[], str], clients: int = 4) -> None:
        self._url, self._clients = url, clients
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self.promises = Promises()

    def __enter__(self) -> Busy:
        hands = [[self._account() for _ in range(PLAYERS)] for _ in range(self._clients)]
        self._threads = [threading.Thread(target=self._work, args=(hand,), daemon=True) for hand in hands]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(GIVE_UP_AFTER_S + 5)
        assert not any(thread.is_alive() for thread in self._threads)

    def acknowledged(self) -> int:
        """Return how much was promised so far."""
        return len(self.promises.actions) + len(self.promises.purchases)

    def wait_for(self, more: int, timeout_s: float = 20) -> None:
        """Wait until `more` further requests were acknowledged."""
        goal, end = self.acknowledged() + more, time.monotonic() + timeout_s
        while self.acknowledged() < goal:
            assert time.monotonic() < end, f"no progress: {self.acknowledged()} of {goal}"
            time.sleep(0.002)

    def _account(self) -> str:
        name = f"busy{uuid.uuid4().hex[:12]}"
        with httpx.Client(base_url=self._url(), timeout=10) as client:
            body = {"invite_code": "5858", "site_id": name, "nickname": name, "password": "correct horse"}
            client.post("/api/auth/signup", json={**body, "birth_date": "1990-01-01"}).raise_for_status()
            login = client.post("/api/auth/login", json={"site_id": name, "password": "correct horse"})
            return str(login.raise_for_status().json()["access_token"])

    def _work(self, tokens: list[str]) -> None:
        number = 0
        with httpx.Client(base_url=self._url(), timeout=5) as client:
            while not self._stop.is_set():
                client.headers["Authorization"] = f"Bearer {tokens[number // TURN % PLAYERS]}"
                number += 1
                if number % 4:
                    self._act(client)
                else:
                    self._buy(client, "GOLD_1000" if number % 8 else "LUCKY_CHARM")

    def _act(self, client: httpx.Client) -> None:
        event = str(uuid.uuid4())
        answer = self._insist(client, "/api/actions", {"action_type": "BUSY", "event_id": event}, {})
        if answer is not None and self._good(answer, {200, 201}):
            with self._lock:
                self.promises.actions.add(event)

    def _buy(self, client: httpx.Client, product: str) -> None:
        key = {"Idempotency-Key": uuid.uuid4().hex}
        answer = self._insist(client, "/api/shop/buy", {"product_id": product, "quantity": 1}, key)
        # Six payments of one player within a minute are refused, and a fast machine gets that far.
        if answer is not None and answer.status_code == 429 and "FRAUD_WINDOW" in answer.text:
            return
        if answer is not None and self._good(answer, {200, 202, 402}) and answer.status_code != 402:
            with self._lock:
                self.promises.purchases[answer.json()["transaction_id"]] = product

    def _good(self, answer: httpx.Response, statuses: set[int]) -> bool:
        if answer.status_code in statuses:
            return True
        with self._lock:
            self.promises.unexpected.append(
                f"{answer.request.url.path} {answer.status_code} {answer.text[:200]}"
            )
        return False

    def _insist(
        self, client: httpx.Client, path: str, body: dict[str, object], headers: dict[str, str]
    ) -> httpx.Response | None:
        """Repeat until answered by something else than `busy` or `unavailable`; None when time is up."""
        end = time.monotonic() + GIVE_UP_AFTER_S
        while time.monotonic() < end:
            try:
                answer = client.post(path, json=body, headers=headers)
            except httpx.TransportError:
                time.sleep(0.05)
                continue
            if answer.status_code in {503, 502} or (
                answer.status_code == 409
                and answer.json()["error"]["code"] in {"BUSY", "IDEMPOTENCY_IN_PROGRESS"}
            ):
                time.sleep(0.05)
                continue
            return answer
        return None
