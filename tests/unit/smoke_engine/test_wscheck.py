"""What the check of the realtime channel makes of planted frames."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from ccops.core.errors import ExitCode, Refused
from ccops.core.profile import Profile, Project, Value
from ccops.smoke.wscheck import Run, Wanted, check_ws
from ccops.smoke.wscheck_heard import Heard, quantile, quantiles


class Planted(Run):
    """A run without servers: acts are noted, frames are given."""

    def __init__(self) -> None:
        super().__init__(None, "http://127.0.0.1:9", "token", Wanted())  # type: ignore[arg-type]
        self.frame({"type": "sync_connected", "data": {"epoch": "e", "seq": 0, "recovered": False}})
        self._open_since = time.monotonic()
        self.seq = 0

    def act(self, name: str) -> None:
        self._order[name] = len(self._order)
        self._sent[name] = time.monotonic()
        self._acked.append(name)

    def frame(self, frame: Mapping[str, object]) -> None:
        self._feed._take(json.dumps({"user_id": 7, **frame}))

    def tell(self, name: str, *, seq: int = 0, **more: object) -> None:
        self.seq = seq or self.seq + 1
        self.frame({"type": "user_action", "event_id": name, "seq": self.seq, "epoch": "e", **more})

    def end(self) -> Heard:
        self.heard.unseen = len(self._missing())
        return self.heard


@pytest.fixture
def run() -> Planted:
    async def make() -> Planted:
        return Planted()

    return asyncio.run(make())


def test_every_act_once_and_in_order_is_green(run: Planted) -> None:
    for name in "abc":
        run.act(name)
        run.tell(name)
    heard = run.end()

    assert heard.wrong(None) == []
    assert heard.exit_code(None) is ExitCode.OK
    assert len(heard.latencies) == 3


def test_a_skipped_number_is_a_gap(run: Planted) -> None:
    run.act("a")
    run.tell("a", seq=2)
    assert run.end().wrong(None) == ["1 gap(s) in the numbering"]


def test_a_number_twice_is_a_duplicate(run: Planted) -> None:
    for name in "ab":
        run.act(name)
        run.tell(name)
    run.tell("b", seq=2)
    assert run.end().duplicates >= 1


def test_an_event_under_two_numbers_is_a_duplicate(run: Planted) -> None:
    run.act("a")
    run.tell("a")
    run.tell("a")
    assert run.end().wrong(None) == ["1 frame(s) twice"]


def test_an_act_that_no_frame_tells_of_is_unseen(run: Planted) -> None:
    run.act("a")
    run.tell("a")
    run.act("b")
    assert run.end().wrong(None) == ["1 act(s) that no frame told of"]


def test_frames_in_another_order_than_the_acts_are_found(run: Planted) -> None:
    run.act("a")
    run.act("b")
    run.tell("b")
    run.tell("a")
    assert run.end().wrong(None) == ["1 act(s) out of order"]


def test_a_snapshot_stands_for_the_frames_before_it(run: Planted) -> None:
    run.act("a")
    run.frame({"type": "sync_connected", "data": {"epoch": "f", "seq": 9, "recovered": False}})
    run.act("b")
    run.tell("b", seq=10, epoch="f")
    heard = run.end()

    assert (heard.snapshots, heard.wrong(None)) == (1, [])


def test_a_snapshot_may_run_ahead_of_the_frame_it_stands_for(run: Planted) -> None:
    run.act("a")
    run.frame({"type": "sync_connected", "data": {"epoch": "f", "seq": 9, "recovered": False}})
    run.tell("a", seq=10, epoch="f")
    assert run.end().duplicates == 0
    run.tell("a", seq=11, epoch="f")
    assert run.end().duplicates == 1


def test_an_act_under_way_at_the_snapshot_is_forgiven_too(run: Planted) -> None:
    run.act("a")
    run._acked.clear()
    run.frame({"type": "sync_connected", "data": {"epoch": "f", "seq": 9, "recovered": False}})
    run._acked.append("a")
    assert run.end().unseen == 0


def test_a_channel_that_never_recovers_is_not_green() -> None:
    heard = Heard(acts=5, latencies=[1.0], reconnects=3, snapshots=3)
    assert heard.wrong(None) == ["none of 3 reconnect(s) recovered"]
    heard.snapshots = 2
    assert heard.wrong(None) == []


def test_replayed_frames_are_seen_but_not_timed(run: Planted) -> None:
    run.act("a")
    run.tell("a", replay=True)
    heard = run.end()

    assert (heard.replayed, heard.unseen) == (1, 0)
    assert heard.wrong(None) == ["no live frame was timed"]


def test_what_was_sent_before_the_socket_opened_is_not_timed(run: Planted) -> None:
    run.act("a")
    run._open_since = time.monotonic() + 1
    run.tell("a")
    assert run.end().latencies == []


def test_a_slow_channel_fails_its_threshold_only() -> None:
    heard = Heard(acts=20, latencies=[10.0] * 18 + [900.0] * 2)

    assert heard.exit_code(None) is ExitCode.OK
    assert heard.wrong(500) == ["p95 900 ms is above 500 ms"]
    assert heard.exit_code(900) is ExitCode.OK


def test_quantiles_are_samples() -> None:
    assert quantile([4, 1, 3, 2], 0.5) == 2
    assert quantiles([])["p95"] is None
    with pytest.raises(ValueError, match="no samples"):
        quantile([], 0.5)


def test_a_protected_profile_wants_its_name() -> None:
    profile = Profile("prod", Project(Path(), Path()), {"CCOPS_PROTECTED": Value("1", "env/prod.env:1")})
    with pytest.raises(Refused) as caught:
        check_ws(profile, Wanted(confirm="prod"))
    assert "--confirm prod:ws" in caught.value.next_step
