"""The silence of a run: found before it is made, exact, read back, and ended."""

from __future__ import annotations

from datetime import timedelta

import httpx
import pytest

from ccops.clients.alertmanager import open_alertmanager
from ccops.core.clock import SystemClock
from ccops.core.errors import Unreachable
from ccops.kafka.silence import Silencer, matchers
from ccops.kafka.snapshot import Who
from tests.alertmanager_fake import Alertmanager

WHO = Who("reset-1", "me@here", "INC-1")
GROUP = "cc.a.b.dev"
LEASE = timedelta(minutes=15)


def silence(ident: str, author: str, group: str = GROUP, state: str = "active") -> dict[str, object]:
    return {"id": ident, "createdBy": author, "matchers": matchers(group), "status": {"state": state}}


def begun(server: Alertmanager) -> str:
    transport = httpx.MockTransport(server)
    with open_alertmanager("http://alerts:9093", transport=transport) as client:
        return Silencer(client, SystemClock()).begin(GROUP, WHO, LEASE).ident


def test_a_run_without_a_silence_makes_one_with_author_and_comment() -> None:
    server = Alertmanager(silence("a", "ccops/other"), silence("b", "ccops/reset-1", "cc.a.c.dev"))
    assert begun(server) == "new"
    (body,) = server.posted
    assert "id" not in body and body["createdBy"] == "ccops/reset-1" and "INC-1" in str(body["comment"])
    assert str(body["endsAt"]).endswith("Z")  # without a zone Alertmanager takes it silently


def test_the_own_silence_is_extended_and_an_expired_one_is_not_used_again() -> None:
    assert begun(Alertmanager(silence("mine", "ccops/reset-1"))) == "mine"
    assert begun(Alertmanager(silence("mine", "ccops/reset-1", state="expired"))) == "new"


def test_a_silence_that_does_not_read_back_as_active_is_none() -> None:
    server = Alertmanager()
    server.made_as = "expired"
    with pytest.raises(Unreachable) as caught:
        begun(server)
    assert caught.value.code == "SILENCE_LOST"


def test_ending_one_that_is_gone_is_fine_and_a_broken_server_is_not() -> None:
    with open_alertmanager("http://alerts:9093", transport=httpx.MockTransport(Alertmanager())) as client:
        Silencer(client, SystemClock()).end("unknown")
    broken = httpx.MockTransport(lambda request: httpx.Response(500))
    with pytest.raises(Unreachable), open_alertmanager("http://alerts:9093", transport=broken) as client:
        Silencer(client, SystemClock()).end("x")
