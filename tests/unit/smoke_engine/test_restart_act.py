"""The acts that change the stack: a service of an embedded one, and no other."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from ccops.core.errors import ExitCode, Refused
from ccops.core.profile import Project, load_profile
from ccops.smoke import run_many
from ccops.smoke.acts import ActContext, perform
from ccops.smoke.engine_systems import Systems, Targets
from ccops.smoke.loader import parse
from ccops.smoke.probes.base import QueryFailed
from ccops.smoke.run import Options, Outcome
from ccops.stack import engine


async def _settle(_: str) -> None:
    return None


def context(root: Path, stack: str) -> ActContext:
    (root / "env").mkdir()
    (root / "env" / "dev.env").write_text(f"CCOPS_STACK={stack}\n", encoding="utf-8")
    profile = load_profile("dev", Project(root, root / "home"), {})
    return ActContext(Systems(Targets.of(profile)), "0" * 32, "step", {}, _settle)


def test_it_hands_service_and_settings_to_the_engine(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(engine, "restart", lambda profile, *given: seen.append((profile.env, *given)))
    args = {"service": "backend", "set": {"GAME_CLOCK_OFFSET_S": 86_400}}
    answer = asyncio.run(perform(context(tmp_path, "embedded"), "restart", args))

    assert seen == [("dev", "backend", {"GAME_CLOCK_OFFSET_S": "86400"})]
    assert answer.summary == "restart backend GAME_CLOCK_OFFSET_S=86400"


def test_a_stack_that_runs_elsewhere_is_left_alone(tmp_path):
    with pytest.raises(Refused):
        asyncio.run(perform(context(tmp_path, "external"), "restart", {"service": "backend"}))


@pytest.mark.parametrize("kind", ["restart", "stop", "start"])
def test_a_scenario_that_takes_a_service_away_runs_alone(tmp_path, monkeypatch, kind):
    running, seen = set(), {}

    async def walk(scenario, *_):
        running.add(scenario.name)
        await asyncio.sleep(0)
        seen[scenario.name] = set(running)
        await asyncio.sleep(0)
        running.discard(scenario.name)
        return Outcome(scenario.name, "r", ExitCode.OK)

    monkeypatch.setattr(run_many, "run_scenario", walk)
    acts = {"a": f"{{{kind}: {{service: backend}}}}", "b": "{sleep: 1ms}", "c": "{sleep: 1ms}"}
    scenarios = [
        parse(f"ccops: scenario/v1\nname: {name}\nsteps:\n- {{id: s, {act[1:]}\n", f"{name}.yaml")
        for name, act in acts.items()
    ]
    profile = context(tmp_path, "embedded").systems.targets.profile
    run_many.run_all(profile, scenarios, Options(), parallel=3)

    assert seen == {"a": {"a"}, "b": {"b", "c"}, "c": {"b", "c"}}


@pytest.mark.parametrize(
    ("kind", "args"),
    [
        ("restart", {"service": "kafka"}),
        ("stop", {"service": "kafka"}),
        ("start", {"service": "kafka"}),
        ("produce", {"topic": "t", "value": "v"}),
    ],
)
@pytest.mark.parametrize("settings", ["CCOPS_STACK=external", "CCOPS_STACK=embedded\nCCOPS_PROTECTED=1"])
def test_what_is_not_ours_to_break_is_left_alone(tmp_path, monkeypatch, kind, args, settings):
    for name in ("restart", "down", "up"):
        monkeypatch.setattr(engine, name, lambda *given: pytest.fail(f"touched: {given}"))
    monkeypatch.setattr("ccops.smoke.acts_stack.write_record", lambda *given: pytest.fail("written"))
    (tmp_path / "env").mkdir()
    (tmp_path / "env" / "prod.env").write_text(settings + "\n", encoding="utf-8")
    profile = load_profile("prod", Project(tmp_path, tmp_path / "home"), {})
    context = ActContext(Systems(Targets.of(profile)), "0" * 32, "step", {}, _settle)

    with pytest.raises(Refused) as caught:
        asyncio.run(perform(context, kind, args))
    assert caught.value.code == "ACT_REFUSED"


def test_stopping_what_does_not_run_is_a_failed_act(tmp_path, monkeypatch):
    monkeypatch.setattr(engine, "down", lambda profile, names: ())
    with pytest.raises(QueryFailed, match="kafka did not run"):
        asyncio.run(perform(context(tmp_path, "embedded"), "stop", {"service": "kafka"}))


def test_a_record_is_written_as_it_stands(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr("ccops.smoke.acts_stack.write_record", lambda *given: seen.append(given) or {})
    made = context(tmp_path, "embedded")
    monkeypatch.setattr(Targets, "url", lambda self, system: "broker:1")
    for value in ("not json{", {"a": 1}):
        args = {"topic": "t", "value": value, "key": 7, "headers": {"event_id": "e"}}
        asyncio.run(perform(made, "produce", args))

    assert seen == [("broker:1", "t", raw, b"7", {"event_id": "e"}) for raw in (b"not json{", b'{"a": 1}')]
