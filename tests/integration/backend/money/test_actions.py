"""Actions: recorded once an event id, read back by their owner and by nobody else."""

from __future__ import annotations

import uuid

import httpx
import pytest


def act(player, **body: object) -> httpx.Response:
    return player.http.post("/api/actions", json={"action_type": "TEST_ACT"} | body)


def test_an_action_is_a_row_and_an_event_with_the_same_ids(player) -> None:
    trace = uuid.uuid4().hex
    answer = player.http.post(
        "/api/actions",
        json={"action_type": "VIEW", "context": {"page": "홈"}, "client_ts": "2026-11-22T09:00:00+09:00"},
        headers={"traceparent": f"00-{trace}-{'1' * 16}-01"},
    )
    body = answer.json()
    events = player.server.sql("SELECT event_id::text, type, topic FROM outbox WHERE trace_id = %s", trace)
    item = player.http.get(f"/api/actions/recent/{player.id}").json()["items"][0]

    assert (answer.status_code, body["duplicate"], answer.headers["X-Trace-Id"]) == (201, False, trace)
    assert events == [{"event_id": body["event_id"], "type": "user_action", "topic": "cc.actions.events.dev"}]
    assert (item["event_id"], item["context"], item["trace_id"]) == (body["event_id"], {"page": "홈"}, trace)


def test_a_repeated_event_id_is_a_duplicate(player) -> None:
    event = str(uuid.uuid4())
    first, second = act(player, event_id=event), act(player, event_id=event)

    assert (first.status_code, second.status_code) == (201, 200)
    assert second.json() == first.json() | {"duplicate": True}
    assert len(player.server.sql("SELECT 1 FROM outbox WHERE event_id = %s", event)) == 1


def test_anothers_event_id_is_refused_without_saying_whose(player, new_player) -> None:
    event = act(player).json()["event_id"]
    answer = act(new_player(), event_id=event)

    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "BUSY")


def test_recent_actions_are_for_their_owner_and_admins(player, new_player) -> None:
    other = new_player()

    assert other.http.get(f"/api/actions/recent/{player.id}").status_code == 403
    assert other.http.get(f"/api/actions/recent/{2**63 - 1}").status_code == 403
    assert other.http.get(f"/api/actions/recent/{2**63}").status_code == 422
    assert other.http.get("/api/actions/recent/me").status_code == 422


def test_recent_actions_come_newest_first_and_limited(player) -> None:
    for n in range(3):
        act(player, context={"n": n})
    items = player.http.get(f"/api/actions/recent/{player.id}", params={"limit": 2}).json()["items"]

    assert [item["context"]["n"] for item in items] == [2, 1]
    assert player.http.get(f"/api/actions/recent/{player.id}", params={"limit": 101}).status_code == 422


def test_a_context_of_4096_bytes_fits_and_one_more_does_not(player) -> None:
    around = len('{"a":""}')

    assert act(player, context={"a": "x" * (4_096 - around)}).status_code == 201
    assert act(player, context={"a": "x" * (4_097 - around)}).status_code == 422


@pytest.mark.parametrize("name", ["a", "A", "lower", "A-B", "A" * 65, "", "AB\n", "ÄB", "A\x00B", 7, None])
def test_action_types_are_upper_case_words(anyone, name: object) -> None:
    assert act(anyone, action_type=name).status_code == 422


@pytest.mark.parametrize(
    "context",
    [
        b'{"a":"\\ud800"}',
        b'{"\\ud800":1}',
        b'{"a":"\\u0000"}',
        b'{"\\u0000":1}',
        b'{"a":%s}' % (b"9" * 400),
        b'{"a":' * 600 + b"1" + b"}" * 600,
        b'{"a":' * 3_000 + b"1" + b"}" * 3_000,
        b"[]",
        b'"text"',
    ],
)
def test_what_cannot_be_stored_is_the_callers_mistake(anyone, context: bytes) -> None:
    answer = anyone.http.post(
        "/api/actions",
        content=b'{"action_type":"AB","context":' + context + b"}",
        headers={"Content-Type": "application/json"},
    )

    assert answer.status_code in {400, 422}


@pytest.mark.parametrize(
    "moment",
    ["9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59", 1e300, -1, "now", "2026-11-22T09:00:00"],
)
def test_implausible_client_times_are_refused(anyone, moment: object) -> None:
    assert act(anyone, client_ts=moment).status_code == 422


def test_a_backslash_before_u0000_is_just_text(anyone) -> None:
    assert act(anyone, context={"a": "\\u0000"}).status_code == 201


def test_a_body_without_end_is_cut_off(anyone) -> None:
    assert act(anyone, context={"a": "x" * 300_000}).json()["error"]["code"] == "PAYLOAD_TOO_LARGE"
