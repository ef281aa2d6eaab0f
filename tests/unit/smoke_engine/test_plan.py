"""Which effects the next step waits for."""

from __future__ import annotations

import pytest

from ccops.smoke.engine_plan import Timing, correlation, timing, trace_id
from ccops.smoke.model import CountRule, Effect
from tests.fakes.probes import effect

BY_TRACE = {"query": "select 1 from gold_ledger where trace_id = :trace"}
BY_USER = {"query": "select 1 from users where id = :uid"}


@pytest.mark.parametrize(
    ("one", "system", "watch", "how"),
    [
        (effect(where="feed", settle=1), "ws", True, Timing.REACHED),
        (effect(CountRule.NEVER, 0, where="feed"), "ws", True, Timing.NOT),
        (effect(where="records", settle=1), "kafka", True, Timing.NOT),
        (effect(where="feed", settle=1, by="none"), "ws", True, Timing.DONE),
        (effect(CountRule.NEVER, 0, where="feed", by="none"), "ws", True, Timing.DONE),
        (effect(source=BY_TRACE, settle=1), "sql", False, Timing.REACHED),
        (effect(source=BY_USER, settle=1), "sql", False, Timing.DONE),
        (effect(source=BY_USER), "sql", False, Timing.REACHED),
        (effect(source=BY_TRACE, where="clickhouse"), "clickhouse", False, Timing.NOT),
        (effect(source=BY_USER, where="clickhouse"), "clickhouse", False, Timing.REACHED),
        (effect(source={"metric": "x"}, where="prom"), "prom", False, Timing.NOT),
        (effect(source=BY_TRACE, capture={"id": "$.id"}), "sql", False, Timing.DONE),
    ],
)
def test_only_what_its_own_trace_answers_is_decided_later(
    one: Effect, system: str, watch: bool, how: Timing
) -> None:
    assert timing(one, system, traced=True, watch=watch) is how


def test_frames_belong_to_a_step_by_trace_and_rows_by_their_query() -> None:
    frame, row = effect(where="feed"), effect(source=BY_TRACE)

    assert correlation(frame, {}, "t1", traced=True, watch=True) == {"trace_id": "t1"}
    assert correlation(row, {}, "t1", traced=True, watch=False) is None
    assert correlation(effect(by="none"), {}, "t1", traced=True, watch=True) is None
    assert correlation(effect(by={"user_id": "${uid}"}), {"uid": 4}, "t1", traced=True, watch=True) == {
        "user_id": 4
    }


def test_an_act_without_a_trace_is_followed_by_time() -> None:
    assert correlation(effect(where="feed"), {}, "t1", traced=False, watch=True) is None


def test_every_iteration_of_every_run_has_a_trace_of_its_own() -> None:
    traces = {trace_id(run, step, turn) for run in "ab" for step in ("buy", "spin") for turn in ("#1", "#2")}

    assert len(traces) == 8
    assert all(len(trace) == 32 and int(trace, 16) for trace in traces)
