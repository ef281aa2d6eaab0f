"""When a returning client may be given what it missed."""

from __future__ import annotations

import pytest
from websockets.frames import Frame as WireFrame
from websockets.frames import Opcode

from ccops.backend.realtime.frames import control, parse, wire
from ccops.backend.services.realtime import Resume, _resume, _token, recoverable


@pytest.mark.parametrize(
    ("last", "top", "oldest", "wanted"),
    [
        (10, 10, None, True),  # nothing was missed, even if the stream is gone
        (9, 10, None, False),
        (9, 10, 10, True),
        (8, 10, 10, False),  # one frame is no longer kept
        (0, 300, 1, True),
        (0, 301, 1, False),  # too many to send
        (11, 10, 1, False),  # the client saw more than there is: the stream was lost
    ],
)
def test_all_missed_frames_or_none(last: int, top: int, oldest: int | None, wanted: bool) -> None:
    assert recoverable(Resume("e", last), epoch="e", top=top, oldest=oldest) is wanted


def test_another_epoch_is_never_recoverable() -> None:
    assert recoverable(Resume("old", 5), epoch="new", top=5, oldest=1) is False


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"epoch": "e"},
        {"last_seq": "1"},
        {"epoch": "", "last_seq": "1"},
        {"epoch": "e", "last_seq": "-1"},
        {"epoch": "e", "last_seq": "1.5"},
        {"epoch": "e", "last_seq": "9" * 16},
        {"epoch": "e", "last_seq": "\u0663"},
    ],
)
def test_a_malformed_position_is_no_position(query: dict[str, str]) -> None:
    assert _resume(query) is None


def test_a_position_is_read() -> None:
    assert _resume({"epoch": "e", "last_seq": "0"}) == Resume("e", 0)


def test_the_token_comes_from_the_subprotocols_and_never_from_the_address() -> None:
    assert _token(["cc.v1", "bearer.abc.def"], {"token": "other"}) == "abc.def"
    assert _token(["cc.v1"], {"token": "other"}) == ""


def test_a_replay_is_the_original_and_says_that_it_is_one() -> None:
    text = (
        '{"user_id":1,"seq":2,"epoch":"e","type":"x","event_id":"i","timestamp":"2026-01-01T00:00:00.000Z"}'
    )
    assert parse(text).text == text
    assert parse(text).replayed == text[:-1] + ',"replay":true}'


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"user_id":"x"}'])
def test_what_is_not_a_frame_is_refused(text: str) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        parse(text)


def test_a_control_frame_has_no_number() -> None:
    assert '"seq"' not in control("sync_connected", 1, {})


@pytest.mark.parametrize("length", [0, 125, 126, 65_535, 65_536])
def test_a_text_on_the_wire_is_what_the_websocket_library_would_send(length: int) -> None:
    text = "é" * (length // 2) + "x" * (length % 2)
    assert wire(text) == WireFrame(Opcode.TEXT, text.encode()).serialize(mask=False)
