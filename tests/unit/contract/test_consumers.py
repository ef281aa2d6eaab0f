"""The project's scenarios are consumers: what they call, send and read, with the line it stands on."""

from __future__ import annotations

from pathlib import Path

import pytest

from ccops.cli.contractsides import consumers
from ccops.contract.model import Consumer, Direction
from ccops.contract.sources import events_of, made
from ccops.core.profile import Project, find_project
from ccops.smoke.uses import Use, uses

ROOT = Path(__file__).resolve().parents[3]
SCENARIO = """\
ccops: scenario/v1
name: shop
title: shop
watch:
  feed: {ws: "/api/realtime/sync?x=1", auth: "${token}"}
  records: {kafka: ["cc.economy.ledger.${env}", "cc.auth.security.${env}"]}
steps:
- id: buy
  http: {post: "/api/events/${event}/claim?x=1", json: {items: [{id: 1}], note: $any}}
  expect:
    status: 200
    json:
      balance: {ge: 0}
      items: {each: {price: 1}}
      gone: $absent
  capture:
    first: $.items[0].id
    spent: "${gold - body.wallet.gold}"
  effects:
  - {where: feed, match: {type: {in: [reward_granted, stats_update]}, data: {amount: 1}}}
  - {where: records, match: {value: {type: ledger, data: {reason: bet, delta: 1}}}}
  - {where: sql, query: "SELECT 1", match: {secret: 1}}
- id: twice
  repeat:
    times: 2
    steps:
    - id: ping
      ws: {send: feed, json: {type: ping}}
"""


def _uses(folder: Path, text: str = SCENARIO) -> list[Use]:
    (folder / "scenarios").mkdir()
    (folder / "env").mkdir()
    (folder / "scenarios" / "shop.yaml").write_text(text, encoding="utf-8")
    return uses(Project(folder, folder / "home"))


def test_http_uses_name_template_path_direction_and_line(tmp_path: Path) -> None:
    found = [one for one in _uses(tmp_path) if one.system == "http"]

    assert {one.target for one in found} == {"POST /api/events/{}/claim"}
    assert [(one.path, one.line) for one in found if one.sends] == [
        ("$.items[*].id", 9), ("$.note", 9),
    ]  # fmt: skip
    assert {(one.path, one.line) for one in found if not one.sends} == {
        ("$", 9), ("$.balance", 13), ("$.items[*].price", 14), ("$.items[*].id", 17),
        ("$.wallet.gold", 18),
    }  # fmt: skip


def test_an_exact_object_is_looked_into(tmp_path: Path) -> None:
    exact = "      $exact: {balance: {ge: 0}, user: {id: {type: int}}}\n"
    whole = "      balance: {ge: 0}\n      items: {each: {price: 1}}\n      gone: $absent\n"
    text = SCENARIO.replace(whole, exact)
    read = {one.path for one in _uses(tmp_path, text) if one.system == "http" and not one.sends}
    assert {"$.balance", "$.user.id"} <= read
    assert not {path for path in read if "exact" in path or "ge" in path}


def test_absence_is_no_need(tmp_path: Path) -> None:
    assert "$.gone" not in {one.path for one in _uses(tmp_path)}


def test_frames_and_records_name_their_type_and_are_told_from_what_is_sent(tmp_path: Path) -> None:
    found = _uses(tmp_path)
    frames = {(one.kind, one.path, one.sends) for one in found if one.system == "ws"}
    records = {(one.target, one.kind, one.path) for one in found if one.system == "kafka"}

    assert {("reward_granted", "$.data.amount", False), ("stats_update", "$.data.amount", False)} <= frames
    assert ("ping", "$.type", True) in frames
    assert ("cc.economy.ledger.{}", "ledger", "$.data.delta") in records


def test_a_record_is_used_of_the_topics_that_carry_its_type(tmp_path: Path) -> None:
    events = events_of(str(ROOT / "ccops" / "backend" / "contract"))
    found = set(consumers(_uses(tmp_path), events))
    file = "scenarios/shop.yaml"

    assert Consumer("kafka cc.economy.ledger.{env} send ledger", "$.data.delta", file, 21) in found
    assert not any("auth.security" in one.operation for one in found)
    assert Consumer("ws /api/realtime/sync send reward_granted", "$.data.amount", file, 20) in found
    assert Consumer("ws /api/realtime/sync receive ping", "$.type", file, 28, Direction.REQUEST) in found
    assert not any(one.operation.startswith("POST") for one in found)


@pytest.mark.parametrize(
    ("path", "seen"),
    [("/api/events/{code}/claim", True), ("/api/events/{code}", False), ("/api/{any}/WELCOME/claim", True),
     ("/v2/events/{code}/claim", False)],
)  # fmt: skip
def test_an_openapi_document_has_the_consumers_of_its_own_operations(
    path: str, seen: bool, tmp_path: Path
) -> None:
    openapi = made({"openapi": "3.1.0", "paths": {path: {"post": {}}}}, "x")
    found = list(consumers(_uses(tmp_path), openapi))

    assert {one.operation for one in found} == ({"POST /api/events/{}/claim"} if seen else set())
    assert ("" in {one.path for one in found}) is seen


def test_the_projects_own_journey_is_read() -> None:
    found = uses(find_project(ROOT))
    read = {(one.target, one.path) for one in found if one.file == "scenarios/journey.yaml"}
    assert ("GET /api/dashboard", "$.gold_balance") in read
    assert len(found) > 300


def test_a_broken_scenario_uses_nothing_and_hides_no_other(tmp_path: Path) -> None:
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "scenarios" / "bad.yaml").write_text("a: [", encoding="utf-8")
    (tmp_path / "scenarios" / "good.yaml").write_text(SCENARIO, encoding="utf-8")
    assert {one.file for one in uses(Project(tmp_path, tmp_path))} == {"scenarios/good.yaml"}
