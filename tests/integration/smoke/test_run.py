"""Whole runs of the engine over real sockets: what is green, what is red, and what could not be looked at."""

from __future__ import annotations

import asyncio
import socket
import time

import pytest

from ccops.core.errors import ExitCode, Refused, UsageError
from ccops.smoke.acts import ActContext, Answer, traceparent
from ccops.smoke.events import (
    ActDone,
    Event,
    Noted,
    RunDone,
    RunStarted,
    StepDone,
    Stream,
    Verdict,
)
from ccops.smoke.loader import parse
from ccops.smoke.run import Options, run_scenario
from tests.fakes.game import TOKEN, Game
from tests.integration.smoke.conftest import FEED, HEAD, LOGIN, Play, Played, profile_of

ACT = """
- id: act
  http: {post: /act, json: {n: 1}, auth: "${access}"}
  expect: {status: 201, json: {n: {ge: 1}}}
  effects:
  - {where: feed, match: {type: acted}, exactly: 1, within: 1s, settle: 200ms}
  - {where: prom, metric: acts_total, labels: {kind: a}, scrape: backend, match: {delta: 1}}
"""


def test_one_act_is_followed_through_http_feed_and_metrics(play: Play, game: Game) -> None:
    played = play(FEED + "steps:" + LOGIN + ACT)

    assert played.code == 0
    assert played.bad() == []
    (frame,) = played.of("act", "feed")
    assert frame.evidence == "e1:1"
    assert frame.trace == game.traces[0]
    assert played.of("act", "http")[0].evidence == "request_id req-1"
    assert played.of("act", "prom")[0].evidence == 'backend /metrics: acts_total{kind="a"} 1000→1001'


def test_a_token_is_in_no_event(play: Play) -> None:
    played = play(FEED + "steps:" + LOGIN + ACT.replace("{n: {ge: 1}}", "{n: {ge: 1}, token: nobody}"))

    assert played.code == 1
    assert "token" in played.of("act", "http")[1].observed
    assert TOKEN not in repr(played.events)


def test_a_token_that_a_long_answer_cuts_is_in_no_event(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    token = "token-" + "0123456789abcdef" * 20
    monkeypatch.setattr("tests.fakes.game.TOKEN", token)
    played = play("steps:" + LOGIN + "  expect: {status: 200, json: {access_token: {type: str}}}\n")

    assert played.code == 0
    assert token[:20] not in repr(played.events)


def test_a_frame_sent_twice_fails_exactly_one_and_the_numbering(play: Play, game: Game) -> None:
    game.double = True
    played = play(FEED + "steps:" + LOGIN + ACT)

    assert played.code == 1
    labels = [one.label for one in played.bad()]
    assert any("acted" in label for label in labels)
    assert "every frame once, in order" in labels


def test_a_skipped_frame_is_a_failed_effect_with_its_place(play: Play, game: Game) -> None:
    game.skip = True
    played = play(FEED + "steps:" + LOGIN + ACT.replace("within: 1s", "within: 200ms"))

    assert played.code == 1
    (bad,) = played.bad()
    assert (bad.step, bad.system, bad.observed.split(" (")[0]) == ("act", "ws", "nothing")
    assert bad.place.line == 14


def test_a_hole_in_the_numbering_is_found_by_the_next_frame(play: Play, game: Game) -> None:
    blind = "\n- {id: blind, http: {post: /act, json: {}}}"

    async def scenario() -> Played:
        events: list[object] = []

        def hear(event: object) -> None:
            events.append(event)
            if isinstance(event, StepDone):
                game.skip = event.step == "login"

        made = parse(HEAD + FEED + "steps:" + LOGIN + blind + ACT, "scenarios/trial.yaml")
        outcome = await run_scenario(made, profile_of(game.url), Stream(hear), Options())
        return Played(outcome, events)  # type: ignore[arg-type]

    played = asyncio.run(scenario())

    assert played.code == 1
    (bad,) = played.bad()
    assert '"missing": [1, 1]' in bad.observed
    assert bad.step == "act"


def test_a_closed_feed_is_not_evaluated_and_exits_4(play: Play) -> None:
    text = FEED + "steps:" + LOGIN + "\n- {id: cut, http: {post: /cut}}" + ACT
    played = play(text)

    assert played.code == 4
    (lost,) = played.of("act", "feed")
    assert lost.verdict is Verdict.NOT_EVALUATED
    assert lost.lost
    assert "1012" in lost.reason
    assert any(isinstance(event, Noted) and event.code == "WATCHER_LOST" for event in played.events)


def test_a_feed_that_refuses_the_token_stops_the_run_with_4(play: Play) -> None:
    played = play(FEED.replace("${access}", "${access}x") + "steps:" + LOGIN + ACT)

    assert played.code == 4
    assert {one.verdict for one in played.of("act", "feed")} == {Verdict.NOT_EVALUATED}


def test_a_status_outside_expect_fails_the_step_and_evaluates_nothing_after(play: Play) -> None:
    played = play(FEED + "steps:" + LOGIN + ACT.replace("status: 201", "status: 200"))

    assert played.code == 1
    failed = [one for one in played.assertions if one.verdict is Verdict.FAILED]
    assert [(one.label, one.observed, one.wanted) for one in failed] == [("status", "201", "200")]
    assert {one.verdict for one in played.of("act", "feed")} == {Verdict.NOT_EVALUATED}
    assert "status was 201" in played.of("act", "feed")[0].reason


def test_a_capture_that_finds_nothing_is_a_failure(play: Play) -> None:
    played = play(
        "steps:" + LOGIN.replace("$.access_token", "$.nothing") + "\n- {id: x, http: {get: /health}}"
    )

    assert played.code == 1
    assert played.bad()[0].label == "capture access"


def test_drop_and_reopen_bring_the_missed_frame_once(play: Play) -> None:
    text = """
- {id: first, http: {post: /act, json: {}}, effects: [{where: feed, match: {type: acted}, exactly: 1}]}
- {id: drop, ws: {drop: feed, how: reset}}
- {id: away, http: {post: /act, json: {n: 9}}}
- id: back
  ws: {reopen: feed}
  effects:
  - {where: feed, match: {type: sync_connected, data: {recovered: true}}, exactly: 1, by: none}
  - {where: feed, match: {replay: true, data: {n: 9}}, exactly: 1, by: none, settle: 200ms}
  - {where: feed, match: {type: watch_gap}, never: true, within: 200ms, by: none}
"""
    played = play(FEED + "steps:" + LOGIN + text)

    assert played.bad() == []
    assert played.code == 0


def test_twenty_at_once_are_a_histogram(play: Play) -> None:
    text = """
steps:
- id: stampede
  race: {n: 20, steps: [{http: {post: /once}}]}
  expect: {outcomes: {"200": 1, "409": 19}}
"""
    assert play(text).code == 0
    wrong = play(text)
    assert wrong.code == 1
    assert wrong.bad()[0].observed == '{"409": 20}'


def test_a_python_act_takes_part_like_any_other(game: Game, monkeypatch: pytest.MonkeyPatch) -> None:
    async def dance(context: ActContext, args: object) -> Answer:
        client = await context.systems.client()
        sent = time.monotonic()
        await client.post("/act", json=args, headers={"traceparent": traceparent(context.trace)})
        return Answer("http", "dance", sent, 1.0, body={"steps": 3})

    class Installed:
        def load(self) -> object:
            return dance

    monkeypatch.setattr("importlib.metadata.entry_points", lambda **_: [Installed()])
    step = """
- id: dance
  dance: {n: 4}
  expect: {json: {steps: 3}}
  effects: [{where: feed, match: {data: {n: 4}}, exactly: 1}]
"""
    events: list[Event] = []
    made = parse(HEAD + FEED + "steps:" + LOGIN + step, "t.yaml", acts={"dance"})
    outcome = asyncio.run(run_scenario(made, profile_of(game.url), Stream(events.append), Options()))

    assert outcome.exit_code is ExitCode.OK
    assert len(Played(outcome, events).of("dance", "feed")) == 1


def test_a_reconnect_uses_the_token_as_it_is_now(play: Play) -> None:
    text = """
- {id: spoil, set: {access: spoiled}}
- {id: drop, ws: {drop: feed}}
- {id: back, ws: {reopen: feed}}
"""
    played = play(FEED + "steps:" + LOGIN + text)

    assert played.code == 4
    assert "back" in {one.step for one in played.bad()}


def test_repeat_gives_each_turn_its_own_trace(play: Play, game: Game) -> None:
    text = (
        FEED
        + "steps:"
        + LOGIN
        + """
- id: turns
  repeat:
    times: 3
    as: turn
    steps:
    - id: turn
      http: {post: /act, json: {n: "${turn}"}}
      effects: [{where: feed, match: {data: {n: "${turn}"}}, exactly: 1}]
"""
    )
    played = play(text)

    assert played.code == 0
    assert len(set(game.traces)) == 3
    assert [event.step for event in played.events if isinstance(event, ActDone)][1:] == [
        "turn#1", "turn#2", "turn#3",
    ]  # fmt: skip


def test_settles_of_many_steps_overlap(play: Play) -> None:
    effects = "[{where: feed, exactly: 1, settle: 1s}]"
    steps = [f"\n- {{id: s{n}, http: {{post: /act, json: {{}}}}, effects: {effects}}}" for n in range(8)]
    begun = time.monotonic()
    played = play(FEED + "steps:" + LOGIN + "".join(steps))

    assert played.code == 0
    assert time.monotonic() - begun < 7  # one after the other they take eight seconds


def test_parts_are_judged_in_order_by_their_planned_systems(play: Play) -> None:
    parts = "parts:\n- {part: 1, title: One, systems: [http]}\n- {part: 2, title: Two, systems: [http, ws]}\n"
    steps = LOGIN.replace("id: login", "id: login\n  part: 1") + ACT.replace("id: act", "id: act\n  part: 2")
    played = play(parts + FEED + "steps:" + steps)

    assert [(one.number, one.verdict) for one in played.parts()] == [(1, Verdict.PASSED), (2, Verdict.PASSED)]
    assert played.parts()[1].systems == {"http": 2, "ws": 1, "prom": 1}


def test_teardown_runs_after_a_failure_and_cannot_make_it_green(play: Play, game: Game) -> None:
    text = (
        "steps:\n- {id: bad, http: {get: /nowhere}}\n- {id: never, http: {post: /act, json: {}}}\n"
        "teardown:\n- {id: forget, http: {post: /forget}}\n"
    )
    played = play(text)

    assert played.code == 1
    assert game.torn_down == 1
    assert game.acts == 0


def test_an_interrupt_runs_the_teardown_once_and_ends_with_130(game: Game) -> None:
    text = (
        HEAD + "steps:\n- {id: start, http: {get: /health}}\n- {id: wait, sleep: 30s}\n"
        "teardown:\n- {id: forget, http: {post: /forget}}\n"
    )
    events: list[object] = []

    async def scenario() -> ExitCode:
        job = run_scenario(parse(text, "t.yaml"), profile_of(game.url), Stream(events.append), Options())
        task = asyncio.create_task(job)
        while not any(isinstance(event, StepDone) for event in events):
            await asyncio.sleep(0.01)
        task.cancel()
        return (await task).exit_code

    assert asyncio.run(scenario()) is ExitCode.INTERRUPTED
    assert game.torn_down == 1
    assert isinstance(events[-1], RunDone)
    assert events[-1].reason == "interrupted"


def test_the_time_for_the_whole_run_is_bounded(play: Play, game: Game) -> None:
    text = "steps:\n- {id: wait, sleep: 30s}\nteardown:\n- {id: forget, http: {post: /forget}}\n"
    played = play(text, Options(timeout_s=0.3))

    assert played.code == 1
    assert game.torn_down == 1


def test_what_is_pending_at_the_end_of_time_was_not_evaluated(play: Play) -> None:
    text = FEED + "steps:" + LOGIN + ACT.replace("settle: 200ms", "settle: 20s")
    played = play(text, Options(timeout_s=1.5))

    assert played.code == 1
    assert [one.verdict for one in played.of("act", "feed")] == [Verdict.NOT_EVALUATED]


def test_from_acts_silently_before_and_to_stops_after(play: Play, game: Game) -> None:
    text = (
        FEED
        + "steps:"
        + LOGIN
        + ACT
        + ACT.replace("id: act", "id: act2")
        + ACT.replace("id: act", "id: act3")
    )
    played = play(text, Options(first="act2", last="act2"))

    assert played.code == 0
    assert game.acts == 2
    assert played.of("act", "feed") == []
    assert len(played.of("act2", "feed")) == 1


def test_an_unknown_step_names_the_nearest(play: Play) -> None:
    with pytest.raises(UsageError) as raised:
        play("steps:" + LOGIN, Options(first="logon"))

    assert "'login'" in raised.value.evidence


def test_a_variable_of_the_call_keeps_the_kind_of_the_scenario(play: Play) -> None:
    text = 'vars: {n: 1}\nsteps:\n- {id: act, http: {post: /act, json: {n: "${n}"}}, expect: {status: 201}}'

    assert play(text, Options(variables={"n": "5"})).code == 0
    assert play(text, Options(variables={"m": "5"})).outcome.error.code == "VAR_UNKNOWN"  # type: ignore[union-attr]


def test_a_changing_scenario_is_refused_on_a_protected_profile(play: Play, game: Game) -> None:
    guarded = profile_of(game.url, protected=True)
    text = "steps:\n- {id: act, http: {post: /act, json: {}}, expect: {status: 201}}"
    with pytest.raises(Refused) as raised:
        play(text, profile=guarded)
    assert game.acts == 0
    assert "--confirm trial" in raised.value.next_step

    assert play(text, Options(confirm="trial"), guarded).code == 0
    assert play("mutates: false\n" + "steps:\n- {id: look, http: {get: /health}}", profile=guarded).code == 0


def test_a_backend_that_is_down_exits_4_and_names_up(play: Play) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    played = play("steps:" + LOGIN, profile=profile_of(f"http://127.0.0.1:{port}"))

    assert played.code == 4
    assert played.outcome.error is not None
    assert played.outcome.error.next_step == "ccops up"
    assert str(port) in played.outcome.error.message


@pytest.mark.parametrize(
    ("kind", "step"),
    [("external", "set CCOPS_BACKEND_URL in env/test.env"), ("embedded", "ccops up --env test")],
)
def test_a_profile_without_addresses_exits_4_and_names_the_next_step(
    play: Play, kind: str, step: str
) -> None:
    played = play("steps:" + LOGIN, profile=profile_of("", CCOPS_STACK=kind))

    assert played.code == 4
    assert played.outcome.error is not None
    assert (played.outcome.error.code, played.outcome.error.next_step) == ("STACK_DOWN", step)


def test_the_header_has_addresses_and_says_that_prometheus_is_missing(play: Play, game: Game) -> None:
    played = play(FEED + "steps:" + LOGIN + ACT)

    started, done = played.events[0], played.events[-1]
    assert isinstance(started, RunStarted)
    assert started.targets["http"] == game.url.removeprefix("http://")
    assert isinstance(done, RunDone)
    assert "Prometheus does not run" in done.notes[0]
