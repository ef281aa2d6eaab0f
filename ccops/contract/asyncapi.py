"""An AsyncAPI 3.0 document of the WebSocket and the Kafka topics, made from the contract bundle.

FastAPI leaves WebSockets and records out of its OpenAPI document. The bundle declares them: `events.json`
holds an envelope and one payload per `type`, `topics.yml` the topics with their types and headers. Here each
message is written out whole, with its envelope around its payload, so that nothing has to be merged later.
Actions are the service's own, as AsyncAPI has it: it `send`s frames and records, and `receive`s what clients
send.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ccops.core.errors import UsageError

VERSION = "3.0.0"
_JSON = "application/json"
_NO_ID = re.compile(r"[^A-Za-z0-9._-]+")
_PARAMETER = re.compile(r"\{([^}]+)\}")

Schema = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Bundle:
    """The files this is made from, parsed. `title` and `version` are those of the service."""

    events: Schema
    topics: Schema = field(default_factory=dict)
    title: str = "events"
    version: str = "1.0.0"


def asyncapi(bundle: Bundle) -> dict[str, object]:
    """Return the document. Raises UsageError when the bundle declares no message at all, or half of one."""
    maker = _Maker(bundle)
    maker.websocket(_mapping(bundle.events.get("websocket")))
    maker.kafka(_mapping(bundle.events.get("kafka")), bundle.topics)
    if not maker.messages:
        raise UsageError(
            "CONTRACT_EMPTY",
            "the contract declares no events",
            evidence="events.json has neither websocket types nor kafka topics with types",
            next_step="ccops contract export --contract DIR",
        )
    return {
        "asyncapi": VERSION,
        "info": {"title": f"{bundle.title}: events", "version": bundle.version},
        "defaultContentType": _JSON,
        "channels": maker.channels,
        "operations": maker.operations,
        "components": {"messages": maker.messages, "schemas": maker.schemas},
    }


class _Maker:
    def __init__(self, bundle: Bundle) -> None:
        self._payloads = _mapping(bundle.events.get("payloads"))
        self.channels: dict[str, object] = {}
        self.operations: dict[str, object] = {}
        self.messages: dict[str, object] = {}
        self.schemas: dict[str, object] = {}

    def websocket(self, socket: Schema) -> None:
        """Add the channel of the WebSocket, with what goes out and what comes in."""
        path = socket.get("path")
        if not isinstance(path, str):
            return
        channel = "ws" + _NO_ID.sub(".", path)
        control = _mapping(socket.get("control"))
        sent = {
            **{name: (socket.get("envelope"), self._payload(name)) for name in _words(socket.get("types"))},
            **{name: (socket.get("control_envelope"), payload) for name, payload in control.items()},
        }
        for name, (envelope, payload) in sent.items():
            self._message(f"ws.send.{name}", name, _enclosed(name, envelope, payload))
        received = _mapping(socket.get("client"))
        for name, schema in received.items():
            self._message(f"ws.receive.{name}", name, _mapping(schema))
        self.channels[channel] = {
            "address": path,
            "description": "The realtime channel of one user.",
            "messages": {
                key: {"$ref": f"#/components/messages/{key}"}
                for key in (
                    *(f"ws.send.{name}" for name in sent),
                    *(f"ws.receive.{name}" for name in received),
                )
            },
            "bindings": {"ws": {"method": "GET"}},
        }
        self._operation(channel, "send", [f"ws.send.{name}" for name in sent])
        self._operation(channel, "receive", [f"ws.receive.{name}" for name in received])

    def kafka(self, kafka: Schema, topics: Schema) -> None:
        """Add a channel a topic. A topic without types of its own (dead letters) promises no payload."""
        declared = _mapping(kafka.get("topics"))
        for topic in sorted({*declared, *topics}):
            about = _mapping(topics.get(topic))
            types = _words(declared.get(topic, about.get("types")))
            if types:
                self._topic(topic, types, kafka.get("envelope"), about)

    def _topic(self, topic: str, types: list[str], envelope: object, about: Schema) -> None:
        channel = "kafka." + _NO_ID.sub("", topic).strip(".")
        headers = _headers(_words(about.get("headers")))
        keys = []
        for name in types:
            key = f"{channel}.{name}"
            keys.append(key)
            self._message(key, name, _enclosed(name, envelope, self._payload(name)), headers)
        made: dict[str, object] = {
            "address": topic,
            "messages": {key: {"$ref": f"#/components/messages/{key}"} for key in keys},
        }
        if names := _PARAMETER.findall(topic):
            made["parameters"] = {name: {} for name in names}
        if isinstance(partitions := about.get("partitions"), int):
            made["bindings"] = {"kafka": {"partitions": partitions}}
        self.channels[channel] = made
        self._operation(channel, "send", keys)

    def _operation(self, channel: str, action: str, keys: list[str]) -> None:
        if keys:
            self.operations[f"{channel}.{action}"] = {
                "action": action,
                "channel": {"$ref": f"#/channels/{channel}"},
                "messages": [{"$ref": f"#/channels/{channel}/messages/{key}"} for key in keys],
            }

    def _message(self, key: str, name: str, payload: Schema, headers: Schema | None = None) -> None:
        self.schemas |= dict(_moved(key, payload))
        message: dict[str, object] = {
            "name": name,
            "contentType": _JSON,
            "payload": {"$ref": f"#/components/schemas/{key}"},
        }
        if headers:
            message["headers"] = headers
        self.messages[key] = message

    def _payload(self, name: str) -> Schema:
        payload = self._payloads.get(name)
        if not isinstance(payload, Mapping):
            raise UsageError(
                "CONTRACT_INVALID",
                f"the event type {name!r} has no payload",
                evidence=f"payloads of events.json: {', '.join(self._payloads) or 'none'}",
                next_step="declare it under payloads, or remove the type",
            )
        return payload


def _enclosed(name: str, envelope: object, payload: object) -> Schema:
    """Return the envelope with its `type` fixed and its `data` given; both keep their own definitions."""
    whole = copy.deepcopy(dict(_mapping(envelope)))
    data = copy.deepcopy(dict(_mapping(payload)))
    definitions = {**_mapping(whole.pop("$defs", None)), **_mapping(data.pop("$defs", None))}
    kept = _mapping(whole.get("properties"))
    whole["properties"] = {**kept, "type": {"const": name, "type": "string"}, "data": data}
    whole.setdefault("type", "object")
    if about := data.pop("description", None):
        whole["description"] = about
    if title := data.pop("title", None):
        whole["title"] = title
    return {**whole, "$defs": definitions} if definitions else whole


def _moved(key: str, schema: Schema) -> Iterator[tuple[str, object]]:
    """Yield `schema` and its `$defs` as components, their references following them."""
    whole = dict(schema)
    definitions = _mapping(whole.pop("$defs", None))
    yield key, _referring(whole, key)
    for name, inner in definitions.items():
        yield f"{key}.{_NO_ID.sub('_', name)}", _referring(inner, key)


def _referring(value: object, key: str) -> object:
    if isinstance(value, Mapping):
        return {
            name: _target(inner, key) if name == "$ref" else _referring(inner, key)
            for name, inner in value.items()
        }
    return [_referring(inner, key) for inner in value] if isinstance(value, list) else value


def _target(reference: object, key: str) -> object:
    if isinstance(reference, str) and reference.startswith("#/$defs/"):
        name = reference.removeprefix("#/$defs/")
        return f"#/components/schemas/{key}.{_NO_ID.sub('_', name)}"
    return reference


def _headers(names: list[str]) -> Schema | None:
    if not names:
        return None
    return {"type": "object", "properties": {name: {"type": "string"} for name in names}, "required": names}


def _mapping(value: object) -> Schema:
    return value if isinstance(value, Mapping) else {}


def _words(value: object) -> list[str]:
    return [str(word) for word in value] if isinstance(value, list | tuple) else []
