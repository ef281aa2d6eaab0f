"""What acknowledgements say about the broker's log."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from ccops.backend.relays.kafka import judge, record_value
from ccops.backend.relays.realtime import frame_head
from ccops.backend.repositories.outbox import OutboxRow, Place

TOPIC = "cc.actions.events.dev"


def acks(*offsets: int, part: int = 0) -> list[tuple[int, Place]]:
    return [(number, Place(TOPIC, part, offset)) for number, offset in enumerate(offsets)]


def test_growing_offsets_are_marked() -> None:
    last = {(TOPIC, 0): 9}
    settled = judge(acks(10, 11), last)
    assert [place.offset for _, place in settled.marks] == [10, 11]
    assert (settled.cuts, settled.repeated, last) == ([], 0, {(TOPIC, 0): 11})


def test_a_repeated_offset_takes_back_everything_from_the_lowest_one_on() -> None:
    last = {(TOPIC, 0): 12}
    settled = judge(acks(10, 11, 12, 13), last)
    assert settled.marks == []
    assert (settled.cuts, settled.repeated) == ([Place(TOPIC, 0, 10)], 4)
    assert last == {(TOPIC, 0): 13}


def test_a_loss_in_the_middle_of_a_batch_keeps_what_lies_below_it() -> None:
    settled = judge(acks(8, 9, 10, 9, 10), {(TOPIC, 0): 7})
    assert [place.offset for _, place in settled.marks] == [8]
    assert settled.cuts == [Place(TOPIC, 0, 9)]


def test_other_partitions_are_not_touched() -> None:
    settled = judge(acks(0, part=1) + acks(3, part=2), {(TOPIC, 1): 5, (TOPIC, 2): 2})
    assert [place for _, place in settled.marks] == [Place(TOPIC, 2, 3)]
    assert settled.cuts == [Place(TOPIC, 1, 0)]


def test_a_much_shorter_log_is_a_new_log() -> None:
    last = {(TOPIC, 0): 50_000}
    assert judge(acks(0), last).cuts == [Place(TOPIC, 0, 0)]
    assert judge(acks(1), last).marks  # not climbed over one record at a time


@given(st.lists(st.integers(1, 40), min_size=1, max_size=8), st.integers(0, 60), st.integers(0, 60))
def test_whatever_was_lost_ends_above_everything_that_was_acknowledged(
    batches: list[int], recorded: int, kept: int
) -> None:
    """Against a model broker that forgot all but `kept` of `recorded` records, with batches of any size."""
    top, log = recorded - 1, min(kept, recorded)
    last = {(TOPIC, 0): top} if recorded else {}
    marked: list[int] = []
    for turn in range(2_000):
        if turn >= len(batches) and marked:
            break
        size = batches[turn % len(batches)]
        settled = judge(acks(*range(log, log + size)), last)
        log += size
        for cut in settled.cuts:
            marked = [offset for offset in marked if offset < cut.offset]
        marked += [place.offset for _, place in settled.marks]
    assert marked
    assert all(offset > top for offset in marked)
    assert len(marked) == len(set(marked))


def row(data: str = '{"a": 1}') -> OutboxRow:
    moment = datetime(2026, 11, 22, 9, 0, 0, 123456, tzinfo=UTC)
    return OutboxRow(7, "e-1", "t-1", "r-1", 42, "user_action", TOPIC, data, moment)


def test_the_payload_goes_out_as_it_was_written() -> None:
    data = '{"big": 12345678901234567890123, "text": "\\u0022\\\\ \\ud55c\\uad6d"}'
    value = json.loads(record_value(row(data)))
    assert value["data"] == json.loads(data)
    assert (value["event_id"], value["trace_id"], value["user_id"]) == ("e-1", "t-1", 42)
    assert (value["type"], value["ts"]) == ("user_action", "2026-11-22T09:00:00.123Z")


def test_a_frame_is_whole_once_lua_added_its_numbers() -> None:
    frame = json.loads(frame_head(row()) + ',"seq":3,"epoch":"x"}')
    assert list(frame) == ["type", "user_id", "data", "timestamp", "event_id", "trace_id", "seq", "epoch"]
    assert (frame["data"], frame["user_id"]) == ({"a": 1}, 42)
