"""Where partitions go: within what is there, never to -1, and nothing is lost silently."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ccops.kafka.lag import State, lag_of
from ccops.kafka.model import Cluster, Committed, Ends, Found, Group, Observed, Place, Topic
from ccops.kafka.targets import Kind, Mark, Wish, targets_of

PLACE: Place = ("cc.a.b.dev", 0)
TIME = 1_000


@st.composite
def observations(draw: st.DrawFn) -> Observed:
    """One partition with any ends, and any commit: before them, between, or beyond."""
    earliest = draw(st.integers(0, 50))
    latest = earliest + draw(st.integers(0, 50))
    commit = draw(st.none() | st.integers(0, 150))
    return observed(earliest, latest, commit)


def observed(earliest: int, latest: int, commit: int | None) -> Observed:
    committed = {} if commit is None else {PLACE: Committed(commit, "kept")}
    topics = {PLACE[0]: Topic(PLACE[0], 1, "id")}
    return Observed(
        Cluster("c", "h:1"), Group("g", "EMPTY"), topics, committed, {PLACE: Ends(earliest, latest)}
    )


def one(wish: Wish, seen: Observed, found: Found | None = None) -> tuple[int | None, Mark, int]:
    (target,) = targets_of(wish, seen, {PLACE: found} if found else {})
    return target.offset, target.mark, target.lost


@given(observations(), st.integers(-1, 120), st.integers(-1, 2 * TIME))
def test_a_time_never_leaves_the_partition_and_is_never_minus_one(
    seen: Observed, offset: int, stamp: int
) -> None:
    ends = seen.ends[PLACE]
    target, mark, lost = one(Wish(Kind.DATETIME, time_ms=TIME), seen, Found(offset, stamp))
    assert target is not None and ends.earliest <= target <= ends.latest
    assert (lost > 0) == (mark is Mark.CLAMPED)
    if offset < 0:
        assert target == ends.latest and mark in {Mark.END, Mark.EMPTY}


@given(observations(), st.integers(0, 150))
def test_an_offset_is_kept_or_marked(seen: Observed, wanted: int) -> None:
    ends = seen.ends[PLACE]
    target, mark, lost = one(Wish(Kind.OFFSET, number=wanted), seen)
    if wanted < ends.earliest:
        assert (target, mark, lost) == (ends.earliest, Mark.CLAMPED, ends.earliest - wanted)
    elif wanted > ends.latest:
        assert (target, mark) == (wanted, Mark.BEYOND)
    else:
        assert (target, mark, lost) == (wanted, Mark.NONE, 0)


@given(observations(), st.integers(-200, 200))
def test_a_shift_starts_at_the_commit_and_without_one_nothing_moves(seen: Observed, by: int) -> None:
    commit = seen.committed.get(PLACE)
    target, mark, lost = one(Wish(Kind.SHIFT, number=by), seen)
    if commit is None:
        assert (target, mark) == (None, Mark.UNCOMMITTED)
    elif mark is Mark.CLAMPED:
        assert target == seen.ends[PLACE].earliest == commit.offset + by + lost
    else:
        assert target == commit.offset + by


@given(observations())
def test_staying_where_it_stands_changes_nothing_and_keeps_the_metadata(seen: Observed) -> None:
    (target,) = targets_of(Wish(Kind.CURRENT), seen, {})
    assert not target.changes or target.mark is Mark.CLAMPED
    assert target.offset is None or target.metadata == "kept"


@given(observations())
def test_what_is_read_again_and_what_is_skipped_adds_up(seen: Observed) -> None:
    ends = seen.ends[PLACE]
    (first,), (last,) = (targets_of(Wish(kind), seen, {}) for kind in (Kind.EARLIEST, Kind.LATEST))
    assert first.again - last.again == ends.latest - ends.earliest
    assert first.again >= 0 >= last.again


@given(observations())
def test_lag_is_a_number_of_records_that_are_there_or_none(seen: Observed) -> None:
    ends, commit = seen.ends[PLACE], seen.committed.get(PLACE)
    (found,) = lag_of(seen).partitions
    assert found.lag is None or 0 <= found.lag <= ends.latest - ends.earliest
    assert (found.lag is None) == (found.state in {State.UNCOMMITTED, State.AHEAD})
    assert (found.state is State.AHEAD) == (commit is not None and commit.offset > ends.latest)
    assert (found.lost > 0) == (found.state is State.EXPIRED)


def test_a_record_of_exactly_the_time_is_no_loss_even_if_it_is_the_first_left() -> None:
    seen = observed(5, 9, 9)
    assert one(Wish(Kind.DATETIME, time_ms=TIME), seen, Found(5, TIME)) == (5, Mark.NONE, 0)
    assert one(Wish(Kind.DATETIME, time_ms=TIME), seen, Found(5, TIME + 1)) == (5, Mark.CLAMPED, 5)
    assert one(Wish(Kind.DATETIME, time_ms=TIME), observed(0, 9, 9), Found(0, TIME + 1))[1] is Mark.NONE
