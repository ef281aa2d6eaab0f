"""The act `restart` changes a service of the embedded stack, and no other."""

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


def test_a_scenario_that_restarts_a_service_runs_alone(tmp_path, monkeypatch):
    running, seen = set(), {}

    async def walk(scenario, *_):
        running.add(scenario.name)
        await asyncio.sleep(0)
        seen[scenario.name] = set(running)
        await asyncio.sleep(0)
        running.discard(scenario.name)
        return Outcome(scenario.name, "r", ExitCode.OK)

    monkeypatch.setattr(run_many, "run_scenario", walk)
    acts = {"a": "{restart: {service: backend}}", "b": "{sleep: 1ms}", "c": "{sleep: 1ms}"}
    scenarios = [
        parse(f"ccops: scenario/v1\nname: {name}\nsteps:\n- {{id: s, {act[1:]}\n", f"{name}.yaml")
        for name, act in acts.items()
    ]
    profile = context(tmp_path, "embedded").systems.targets.profile
    run_many.run_all(profile, scenarios, Options(), parallel=3)

    assert seen == {"a": {"a"}, "b": {"b", "c"}, "c": {"b", "c"}}
