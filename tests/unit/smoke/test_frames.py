"""The bundled backend's frames against the bundled contract."""

from __future__ import annotations

import copy
import time
import uuid
from pathlib import Path

import pytest

from ccops.core.profile import Profile, Project
from ccops.smoke.frames import FrameSchemas, frame_schemas

FRAME = {
    "type": "profile_update",
    "user_id": 7,
    "data": {"changes": {"gold_balance": 10, "level": 1, "exp": 0}, "wallet_version": 2},
    "timestamp": "2026-11-23T00:00:00.000Z",
    "event_id": str(uuid.uuid4()),
    "trace_id": "0" * 32,
    "seq": 1,
    "epoch": "abc",
}
BEAT = {
    "type": "heartbeat",
    "user_id": 7,
    "data": {"epoch": "abc", "seq": 1, "acked": 0},
    "timestamp": "2026-11-23T00:00:00.000Z",
}


def schemas(target: str = "/api/realtime/sync") -> FrameSchemas | None:
    return frame_schemas(Profile("test", Project(Path(), Path()), {}), target)


def test_frames_of_the_service_pass_replayed_or_not() -> None:
    found = schemas("/api/realtime/sync?epoch=a&last_seq=1")
    assert found is not None
    for frame in (FRAME, FRAME | {"replay": True}, BEAT):
        assert found.judge(frame) is None


@pytest.mark.parametrize(
    ("path", "value", "pointer"),
    [
        (("seq",), "1", "/seq"),
        (("event_id",), "nobody", "/event_id"),
        (("data", "changes", "level"), 1.5, "/data/changes/level"),
        (("data", "more"), 1, "/data"),
        (("data",), None, "/data"),
        (("type",), "level_up", "/type"),
        (("type",), 7, "/type"),
    ],
)
def test_a_breach_is_named_by_its_place(path: tuple[str, ...], value: object, pointer: str) -> None:
    found, frame = schemas(), copy.deepcopy(FRAME)
    inner = frame
    for name in path[:-1]:
        inner = inner[name]  # type: ignore[assignment]
    inner[path[-1]] = value
    assert found is not None
    breach = found.judge(frame)
    assert breach is not None
    assert breach.pointer == pointer
    assert breach.said


def test_a_missing_field_is_a_breach() -> None:
    found = schemas()
    assert found is not None
    breach = found.judge({name: value for name, value in FRAME.items() if name != "epoch"})
    assert breach is not None
    assert "'epoch' is a required property" in breach.said


def test_holding_a_frame_costs_little() -> None:
    found = schemas()
    assert found is not None
    found.judge(FRAME)
    begun = time.perf_counter()
    for _ in range(200):
        found.judge(FRAME)
    assert (time.perf_counter() - begun) / 200 < 0.005  # measured: about 0.1 ms


def test_no_profile_and_another_path_promise_nothing() -> None:
    assert frame_schemas(None, "/api/realtime/sync") is None
    assert schemas("/feed") is None
