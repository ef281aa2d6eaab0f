"""The AsyncAPI document says what the contract bundle says, and the service keeps it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import cast

import jsonschema
import pytest
import yaml
from fastapi import WebSocket

from ccops.backend.realtime.connection import Connection
from ccops.backend.schemas.client import CLIENT
from ccops.contract.asyncapi import Bundle, asyncapi
from ccops.core.errors import UsageError

CONTRACT = Path(__file__).resolve().parents[3] / "ccops" / "backend" / "contract"
EVENTS = json.loads((CONTRACT / "events.json").read_text(encoding="utf-8"))
TOPICS = yaml.safe_load((CONTRACT / "topics.yml").read_text(encoding="utf-8"))


def _document() -> dict:
    return asyncapi(Bundle(EVENTS, TOPICS, "Casino-Club backend", "1.0.0"))


def _names(document: dict, operation: str) -> set[str]:
    keys = [item["$ref"].rpartition("/")[2] for item in document["operations"][operation]["messages"]]
    return {document["components"]["messages"][key]["name"] for key in keys}


def _references(value: object) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return own + [found for inner in value.values() for found in _references(inner)]
    return [found for inner in value for found in _references(inner)] if isinstance(value, list) else []


def _resolved(document: dict, reference: str) -> object:
    found: object = document
    for part in reference.removeprefix("#/").split("/"):
        found = cast(dict, found)[part]
    return found


def test_both_directions_of_the_socket_and_every_topic_with_types_are_there() -> None:
    document = _document()
    socket = EVENTS["websocket"]
    addresses = {channel["address"] for channel in document["channels"].values()}

    assert _names(document, "ws.api.realtime.sync.send") == {*socket["types"], *socket["control"]}
    assert _names(document, "ws.api.realtime.sync.receive") == set(CLIENT)
    assert addresses == {
        socket["path"],
        *(name for name, types in EVENTS["kafka"]["topics"].items() if types),
    }


def test_every_reference_leads_somewhere() -> None:
    document = _document()
    references = _references(document)

    assert len(references) > 50
    assert all(_resolved(document, one) for one in references)


def test_a_message_is_its_envelope_with_the_type_fixed_and_the_payload_inside() -> None:
    document = _document()
    schema = document["components"]["schemas"]["ws.send.profile_update"]
    frame = {"type": "profile_update", "user_id": 1, "data": {"changes": {}, "wallet_version": 1}}
    validator = jsonschema.Draft202012Validator(
        {**document, "$ref": "#/components/schemas/ws.send.profile_update"}
    )
    said = {error.json_path for error in validator.iter_errors(frame)}

    assert schema["properties"]["type"] == {"const": "profile_update", "type": "string"}
    assert {"$", "$.data.changes"} >= said
    assert "$.data.changes" in said
    assert {"user_id", "data"} <= set(schema["required"])


def test_records_carry_their_headers() -> None:
    message = _document()["components"]["messages"]["kafka.cc.economy.ledger.env.ledger"]
    assert message["headers"]["required"] == TOPICS["cc.economy.ledger.{env}"]["headers"]


def test_the_document_is_the_same_however_the_bundle_is_ordered() -> None:
    shuffled = json.loads(json.dumps(EVENTS, sort_keys=True))
    backwards = {key: shuffled[key] for key in sorted(shuffled, reverse=True)}
    again = asyncapi(Bundle(backwards, TOPICS, "Casino-Club backend", "1.0.0"))
    assert json.dumps(_document(), sort_keys=True) == json.dumps(again, sort_keys=True)


def test_a_bundle_without_events_and_a_type_without_payload_are_errors() -> None:
    with pytest.raises(UsageError, match="declares no events"):
        asyncapi(Bundle({}))
    with pytest.raises(UsageError, match="'lost' has no payload"):
        asyncapi(Bundle({"payloads": {}, "kafka": {"envelope": {}, "topics": {"t": ["lost"]}}}))


def test_definitions_of_two_payloads_with_one_name_stay_apart() -> None:
    def payload(kind: str) -> dict:
        return {"$ref": "#/$defs/Item", "$defs": {"Item": {"type": kind}}}

    events = {
        "payloads": {"a": payload("integer"), "b": payload("string")},
        "kafka": {"envelope": {}, "topics": {"t": ["a", "b"]}},
    }
    schemas = cast(dict, asyncapi(Bundle(events))["components"])["schemas"]

    assert schemas["kafka.t.a.Item"] == {"type": "integer"}
    assert schemas["kafka.t.b"]["properties"]["data"] == {"$ref": "#/components/schemas/kafka.t.b.Item"}


@pytest.mark.parametrize("name", [*CLIENT, "shout"])
def test_the_service_takes_exactly_what_it_lists_for_clients(name: str) -> None:
    async def answer() -> str:
        return Connection(cast(WebSocket, None), 1)._answer(json.dumps({"type": name, "seq": 0}).encode())

    assert ("BAD_MESSAGE" in asyncio.run(answer())) is (name not in CLIENT)
