"""Every frame of a feed is held against the contract that the profile names."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ccops.core.errors import ExitCode
from tests.fakes.game import Game
from tests.integration.smoke.conftest import FEED, LOGIN, Play, profile_of

ACT = """
- id: act
  http: {post: /act, json: {n: %s}, auth: "${access}"}
  expect: {status: 201}
  effects:
  - {where: feed, match: {type: acted}, exactly: 1, within: 1s, settle: 200ms}
"""
ENVELOPE = {"type": "object", "required": ["seq", "epoch"], "properties": {"seq": {"type": "integer"}}}
ACTED = {
    "type": "object",
    "properties": {"n": {"type": "integer"}, "list": {"items": {"type": "string"}}},
    "additionalProperties": False,
}
LABEL = "every frame as the contract says"


@pytest.fixture
def contract(tmp_path: Path) -> Path:
    """A bundle that has nothing but the small game's frames."""
    socket = {
        "path": "/feed",
        "envelope": ENVELOPE,
        "types": ["acted"],
        "control_envelope": {"type": "object"},
        "control": {"sync_connected": {"required": ["epoch", "seq", "recovered"]}},
    }
    events = {"payloads": {"acted": ACTED}, "websocket": socket}
    (tmp_path / "events.json").write_text(json.dumps(events), encoding="utf-8")
    return tmp_path


def test_frames_as_promised_are_said_to_be_so(play: Play, game: Game, contract: Path) -> None:
    profile = profile_of(game.url, CCOPS_CONTRACT=str(contract))
    played = play(FEED + "steps:" + LOGIN + ACT % "1", profile=profile)
    assert played.code == 0
    (said,) = [one for one in played.assertions if one.label == LABEL]
    assert said.observed.startswith("2 seen")


@pytest.mark.parametrize("value", ['"one"', "[1]"])
def test_a_frame_that_breaks_its_schema_fails_the_step_with_the_place(
    play: Play, game: Game, contract: Path, value: str
) -> None:
    profile = profile_of(game.url, CCOPS_CONTRACT=str(contract))
    again = (ACT % value).replace("id: act", "id: again")
    played = play(FEED + "steps:" + LOGIN + ACT % value + again, profile=profile)
    assert played.code == 1
    (bad,) = [one for one in played.bad() if one.label == LABEL]  # once, not for every frame
    assert (bad.step, bad.where, bad.evidence) == ("act", "feed", "e1:1")
    assert "/data/n" in bad.observed
    assert "is not of type 'integer'" in bad.observed


def test_a_type_that_the_contract_does_not_have_is_a_breach(play: Play, game: Game, contract: Path) -> None:
    text = (contract / "events.json").read_text(encoding="utf-8").replace('["acted"]', "[]")
    (contract / "events.json").write_text(text, encoding="utf-8")
    played = play(
        FEED + "steps:" + LOGIN + ACT % "1", profile=profile_of(game.url, CCOPS_CONTRACT=str(contract))
    )
    (bad,) = [one for one in played.bad() if one.label == LABEL]
    assert "/type" in bad.observed
    assert "acted" in bad.observed


def test_another_channel_or_a_bundle_without_events_promises_nothing(
    play: Play, game: Game, contract: Path
) -> None:
    packaged = play(FEED + "steps:" + LOGIN + ACT % "1")  # the bundled backend's channel has another path
    (contract / "events.json").unlink()
    (contract / "openapi.json").write_text("{}", encoding="utf-8")
    without = play(
        FEED + "steps:" + LOGIN + ACT % "1", profile=profile_of(game.url, CCOPS_CONTRACT=str(contract))
    )
    for played in (packaged, without):
        assert played.code == 0
        assert LABEL not in {one.label for one in played.assertions}


def test_a_contract_that_cannot_be_read_is_an_error_and_no_verdict(
    play: Play, game: Game, contract: Path
) -> None:
    (contract / "events.json").write_text("{", encoding="utf-8")
    played = play(
        FEED + "steps:" + LOGIN + ACT % "1", profile=profile_of(game.url, CCOPS_CONTRACT=str(contract))
    )
    assert played.outcome.exit_code == ExitCode.USAGE
    assert game.acts == 0
