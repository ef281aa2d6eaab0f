"""AsyncAPI documents: what goes each way, and the bundled contract end to end."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest
import yaml

from ccops.contract.asyncapi import Bundle, asyncapi
from ccops.contract.model import Direction, Level
from ccops.core.errors import UsageError
from tests.unit.contract.documents import Json, assert_checked, compared, obj, words

TEXT: Json = {"type": "string"}
INT: Json = {"type": "integer"}
CONTRACT = Path(__file__).parents[3] / "ccops" / "backend" / "contract"
STATUS = {"enum": ["PENDING", "DONE", "FAILED"]}


def _event(name: str, data: object) -> Json:
    return obj("type user_id data", type={"const": name}, user_id=INT, data=data)


def events(*, address: str = "/ws", key: str = "ws.sync", **messages: tuple[str, object]) -> Json:
    """Return a document of one channel; each message is (send or receive, its data)."""
    inside = {name: {"payload": _event(name, data)} for name, (_action, data) in messages.items()}
    operations = {
        f"{name}.{action}": {
            "action": action,
            "channel": {"$ref": f"#/channels/{key}"},
            "messages": [{"$ref": f"#/channels/{key}/messages/{name}"}],
        }
        for name, (action, _data) in messages.items()
    }
    channel = {"address": address, "messages": inside}
    return copy.deepcopy({"asyncapi": "3.0.0", "channels": {key: channel}, "operations": operations})


@pytest.fixture(scope="module")
def bundled() -> Json:
    topics = yaml.safe_load((CONTRACT / "topics.yml").read_text(encoding="utf-8"))
    declared = topics.get("topics", topics) if isinstance(topics, dict) else {}
    made = asyncapi(Bundle(json.loads((CONTRACT / "events.json").read_text(encoding="utf-8")), declared))
    whole: Json = json.loads(json.dumps(made))
    return whole


def test_what_the_service_sends_is_read_by_clients_and_the_other_way_round() -> None:
    wide, narrow = obj("status", status=STATUS), obj("status", status={"enum": ["PENDING", "DONE"]})
    sent = compared(events(update=("send", wide)), events(update=("send", narrow)))
    taken = compared(events(update=("receive", wide)), events(update=("receive", narrow)))
    assert words(sent) == {("RESPONSE_ENUM_VALUE_REMOVED", "INFO")}
    assert words(taken) == {("REQUEST_ENUM_VALUE_REMOVED", "ERR")}
    (finding,) = taken.findings
    assert finding.operation == "ws /ws receive update"
    assert finding.path == "$.data.status"
    assert finding.witness is not None
    assert finding.witness.value == {"type": "update", "user_id": 1, "data": {"status": "FAILED"}}
    assert_checked(finding, {}, {}, (_event("update", wide), _event("update", narrow)))


@pytest.mark.parametrize(
    ("old", "new", "code", "level"),
    [
        (events(a=("send", TEXT)), events(a=("send", TEXT), b=("send", TEXT)), "MESSAGE_ADDED", "INFO"),
        (events(a=("send", TEXT), b=("send", TEXT)), events(a=("send", TEXT)), "MESSAGE_REMOVED", "ERR"),
        (events(a=("receive", TEXT), b=("send", TEXT)), events(b=("send", TEXT)), "MESSAGE_REMOVED", "ERR"),
        (events(a=("send", TEXT)), events(a=("send", INT)), "RESPONSE_TYPE_CHANGED", "ERR"),
        (events(a=("send", TEXT)), events(a=("send", TEXT), address="/other"), "CHANNEL_RENAMED", "ERR"),
        (events(a=("send", TEXT)), events(c=("send", TEXT), address="/other"), "CHANNEL_REMOVED", "ERR"),
        (events(a=("send", TEXT)), events(c=("send", TEXT), address="/other"), "CHANNEL_ADDED", "INFO"),
        (
            events(a=("send", obj("x", x=INT))),
            events(a=("send", obj())),
            "RESPONSE_REQUIRED_PROPERTY_REMOVED",
            "ERR",
        ),
        (
            events(a=("send", obj("x", x=INT))),
            events(a=("send", obj(x=TEXT))),
            "RESPONSE_PROPERTY_BECAME_OPTIONAL",
            "ERR",
        ),
    ],
)
def test_a_change_of_events_has_its_name_and_level(old: Json, new: Json, code: str, level: str) -> None:
    assert (code, level) in words(compared(old, new))


def test_the_keys_a_document_files_messages_under_are_nobodys_business() -> None:
    old = events(a=("send", TEXT), b=("receive", INT))
    new = events(key="another", a=("send", TEXT), b=("receive", INT))
    channel = new["channels"]["another"]  # type: ignore[index]
    channel["messages"] = {f"msg_{name}": one for name, one in channel["messages"].items()}
    for one in new["operations"].values():  # type: ignore[attr-defined]
        one["messages"] = [
            {"$ref": ref["$ref"].replace("/messages/", "/messages/msg_")} for ref in one["messages"]
        ]
    channel["bindings"] = {"ws": {}}
    assert compared(old, new).findings == ()
    assert compared(old, old | {"info": {"title": "t", "version": "2"}}).findings == ()


def test_a_topic_without_operations_is_read_by_consumers() -> None:
    def topic(data: object) -> Json:
        channel = {"address": "cc.shop.transactions.{env}", "messages": {"m": {"payload": _event("m", data)}}}
        return {"asyncapi": "3.0.0", "channels": {"kafka.shop": channel}}

    (finding,) = compared(topic(obj("a", a=INT)), topic(obj(a=INT))).findings
    assert finding.operation == "kafka cc.shop.transactions.{env} send m"
    assert (finding.code, finding.direction) == ("RESPONSE_PROPERTY_BECAME_OPTIONAL", Direction.RESPONSE)
    assert finding.pointer == "/channels/kafka.shop/messages/m/payload/properties/data/required"


def test_headers_of_records_count() -> None:
    def record(*names: str) -> Json:
        message = {
            "payload": _event("m", TEXT),
            "headers": obj(" ".join(names), **dict.fromkeys(names, TEXT)),
        }
        return {"asyncapi": "3.0.0", "channels": {"kafka.t": {"address": "t", "messages": {"m": message}}}}

    result = compared(record("trace", "type"), record("trace"))
    assert words(result) == {("RESPONSE_REQUIRED_PROPERTY_REMOVED", "ERR")}


def test_a_payload_in_another_language_is_said_not_to_be_compared() -> None:
    avro = {"schemaFormat": "application/vnd.apache.avro;version=1.9.0", "schema": {"type": "record"}}
    whole: Json = {
        "asyncapi": "3.0.0",
        "channels": {"c": {"messages": {"m": {"name": "m", "payload": avro}}}},
    }
    other = copy.deepcopy(whole) | {"info": {}}
    assert words(compared(whole, other)) == {("MESSAGE_FORMAT_UNKNOWN", "WARN")}


def test_the_bundled_contract_lists_its_frames_and_topics(bundled: Json) -> None:
    result = compared(bundled, copy.deepcopy(bundled))
    assert result.findings == ()
    assert result.compared.operations > 10
    assert result.exit_code == 0


def test_a_field_that_leaves_a_bundled_frame_is_a_break_with_the_frame(bundled: Json) -> None:
    broken = copy.deepcopy(bundled)
    frame = broken["components"]["schemas"]["ws.send.reward_granted"]["properties"]["data"]  # type: ignore[index]
    del frame["properties"]["balance_after"]
    frame["required"].remove("balance_after")
    findings = [one for one in compared(bundled, broken).findings if one.level is Level.ERR]
    (finding,) = findings
    assert finding.operation == "ws /api/realtime/sync send reward_granted"
    assert finding.path == "$.data.balance_after"
    assert finding.witness is not None
    assert "balance_after" not in finding.witness.value["data"]  # type: ignore[index]


def test_an_action_nobody_knows_is_refused_with_its_pointer() -> None:
    whole = events(a=("send", TEXT))
    whole["operations"]["a.send"]["action"] = "publish"  # type: ignore[index]
    with pytest.raises(UsageError) as caught:
        compared(whole, events(a=("send", TEXT)))
    assert caught.value.evidence == "(document): /operations/a.send/action"


def test_two_messages_of_one_type_and_two_channels_of_one_address_are_all_compared() -> None:
    def whole(first: Json, second: Json, third: Json) -> Json:
        made = events(a=("send", first), b=("send", second))
        channels, operations = made["channels"], made["operations"]
        assert isinstance(channels, dict)
        assert isinstance(operations, dict)
        held = channels["ws.sync"]["messages"]
        held["b"] = {"payload": {**held["b"]["payload"]}}
        held["b"]["payload"]["properties"] = {**held["b"]["payload"]["properties"], "type": {"const": "a"}}
        other = events(key="ws.other", c=("send", third))
        return made | {
            "channels": channels | other["channels"],  # type: ignore[operator]
            "operations": operations | other["operations"],  # type: ignore[operator]
        }

    base = whole(TEXT, TEXT, TEXT)
    for changed in (whole(INT, TEXT, TEXT), whole(TEXT, INT, TEXT), whole(TEXT, TEXT, INT)):
        result = compared(base, changed)
        assert words(result) == {("RESPONSE_TYPE_CHANGED", "ERR")}
        assert result.compared.operations == 3
