"""A scenario as text, run by the engine against a real HTTP and WebSocket server with faults on a switch."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ccops.core.masking import Masker
from ccops.core.profile import Profile, Project, Value
from ccops.smoke.events import AssertionDone, Event, PartDone, Stream, Verdict
from ccops.smoke.loader import parse
from ccops.smoke.run import Options, Outcome, run_scenario
from tests.fakes.game import Game, serving

HEAD = "ccops: scenario/v1\nname: trial\n"
LOGIN = """
- id: login
  http: {post: /login}
  capture: {access: {path: $.access_token, secret: true}}
"""
FEED = 'watch:\n  feed: {ws: /feed, auth: "${access}", open_after: login}\n'


@dataclass
class Played:
    """How a run ended, and everything it said."""

    outcome: Outcome
    events: list[Event] = field(default_factory=list)

    @property
    def code(self) -> int:
        return int(self.outcome.exit_code)

    @property
    def assertions(self) -> list[AssertionDone]:
        return [event for event in self.events if isinstance(event, AssertionDone)]

    def bad(self) -> list[AssertionDone]:
        return [one for one in self.assertions if one.verdict is not Verdict.PASSED]

    def parts(self) -> list[PartDone]:
        return [event for event in self.events if isinstance(event, PartDone)]

    def of(self, step: str, where: str) -> list[AssertionDone]:
        return [one for one in self.assertions if (one.step, one.where) == (step, where)]


Play = Callable[..., Played]


def profile_of(url: str, *, protected: bool = False, **more: str) -> Profile:
    """Return a profile whose backend is at `url`."""
    texts = {"CCOPS_BACKEND_URL": url, "CCOPS_PROTECTED": "1" if protected else "0", **more}
    values = {key: Value(text, "env/test.env:1") for key, text in texts.items()}
    return Profile("test", Project(Path(), Path()), values)


@pytest.fixture
def game() -> Iterator[Game]:
    """The small game, serving."""
    with serving() as made:
        yield made


@pytest.fixture
def play(game: Game) -> Play:
    """Run a scenario (without its first two lines) against the game."""

    def run(text: str, options: Options | None = None, profile: Profile | None = None) -> Played:
        scenario = parse(HEAD + text, "scenarios/trial.yaml")
        played: list[Event] = []
        job = run_scenario(
            scenario, profile or profile_of(game.url), Stream(played.append), options or Options(), Masker()
        )
        return Played(asyncio.run(job), played)

    return run
