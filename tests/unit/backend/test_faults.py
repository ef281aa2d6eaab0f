"""Each planted fault changes one attribute and does exactly what it says."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from ccops.backend import faults
from ccops.backend.relays import kafka, realtime
from ccops.backend.repositories import shop, streak
from ccops.backend.repositories.outbox import Place


class Recorder:
    """Stands in for the real function under the fault."""

    def __init__(self) -> None:
        self.seen: list[object] = []

    def __call__(self, _: object, row: object, *args: object) -> None:
        self.seen.append(row)


def test_an_unknown_fault_is_an_error() -> None:
    with pytest.raises(KeyError):
        faults.plant("gremlins")


def test_ws_skips_rewards_only(monkeypatch: pytest.MonkeyPatch) -> None:
    sent = Recorder()
    monkeypatch.setattr(realtime, "publish", sent)
    faults.plant("ws")
    reward, profile = SimpleNamespace(type="reward_granted"), SimpleNamespace(type="profile_update")
    for row in (reward, profile):
        realtime.publish(None, row, "sha")  # type: ignore[arg-type]

    assert sent.seen == [profile]


def test_kafka_acknowledges_actions_that_it_never_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    sent, reports = Recorder(), list[object]()
    monkeypatch.setattr(kafka, "produce", sent)
    faults.plant("kafka")
    ledger, action = SimpleNamespace(type="ledger"), SimpleNamespace(type="user_action")
    for row in (ledger, action, action):
        kafka.produce(None, row, reports.append)  # type: ignore[arg-type]

    assert sent.seen == [ledger]
    # Below every real offset, so that no comparison of offsets finds it, or others because of it.
    assert reports == [Place("fault.lost", 0, -1)] * 2


class Connection:
    """Remembers the order of what happened to it."""

    def __init__(self) -> None:
        self.log: list[str] = []

    def transaction(self) -> Connection:
        return self

    async def __aenter__(self) -> None:
        self.log.append("begin")

    async def __aexit__(self, *_: object) -> None:
        self.log.append("end")

    async def execute(self, query: str, *_: object) -> str:
        self.log.append("again" if "cc_post" in query else query)
        return ""


@pytest.mark.parametrize(("module", "name"), [(shop, "buy"), (streak, "claim")])
def test_ledger_posts_again_in_the_same_transaction(
    monkeypatch: pytest.MonkeyPatch, module: object, name: str
) -> None:
    conn = Connection()

    async def real(*_: object, **__: object) -> str:
        conn.log.append("real")
        return "answer"

    for other, attribute in ((shop, "buy"), (streak, "claim")):
        monkeypatch.setattr(other, attribute, real)
    faults.plant("ledger")
    answer = asyncio.run(getattr(module, name)(conn, 7, product_id="X"))

    assert answer == "answer"
    assert conn.log == ["begin", "real", "again", "end"]
