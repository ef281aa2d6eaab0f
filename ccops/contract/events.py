"""Walk two AsyncAPI 3 documents: channels, and the messages that go each way.

`send` is what the service sends (clients read: response), `receive` is what clients send (request).
A channel without operations is taken to be sent. Messages are known by the constant `type` they carry, or
by name: the key a document files a message under is nobody's business.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ccops.contract.collect import Collector, Use
from ccops.contract.load import step
from ccops.contract.model import Direction, Verdict
from ccops.contract.normalise import Source, Sub

_DIRECTION = {"send": Direction.RESPONSE, "receive": Direction.REQUEST}


@dataclass(frozen=True, slots=True, eq=False)
class Message:
    """One message of a channel, one way."""

    kind: str  # what tells it from others: its `type`, or its name
    action: str
    payload: Sub
    headers: Sub
    at: str
    readable: bool


@dataclass(frozen=True, slots=True, eq=False)
class Channel:
    """One address and its messages by (action, kind)."""

    name: str  # "ws /api/realtime/sync", "kafka cc.shop.transactions.{env}"
    at: str
    messages: Mapping[tuple[str, str], Message]


def compare(collector: Collector) -> None:
    """Compare everything that travels."""
    olds, news = (channels(source) for source in collector.sources())
    gone = [olds[name] for name in sorted(olds.keys() - news.keys())]
    come = [news[name] for name in sorted(news.keys() - olds.keys())]
    pairs = [(olds[name], news[name]) for name in sorted(olds.keys() & news.keys())]
    for one in list(gone):
        twin = next((two for two in come if one.messages and _renamed(collector, one, two)), None)
        if twin is not None:
            collector.add(
                "CHANNEL_RENAMED",
                one.name,
                Verdict.REFUTED,
                (one.at, twin.at),
                old=one.name,
                new=twin.name,
                message=f"{one.name} is {twin.name} now",
                reason="the old address is gone",
            )
            gone.remove(one)
            come.remove(twin)
            pairs.append((one, twin))
    for one in gone:
        collector.add(
            "CHANNEL_REMOVED",
            one.name,
            Verdict.REFUTED,
            (one.at, ""),
            message=f"{one.name} is gone",
            reason="its readers and writers have nothing",
        )
    for one in come:
        collector.add(
            "CHANNEL_ADDED",
            one.name,
            Verdict.PROVED,
            ("", one.at),
            message=f"{one.name} is new",
            reason="nobody uses it yet",
        )
    for old, new in pairs:
        _channel(collector, old, new)


def channels(source: Source) -> dict[str, Channel]:
    """Return the channels of a document by what they are called on the wire."""
    held = source.mapping(source.document.data.get("channels", {}), "/channels")
    actions = _actions(source)
    found: dict[str, Channel] = {}
    for key in sorted(held):
        raw, at = source.follow(held[key], step("/channels", key))
        channel = source.mapping(raw, at)
        name = f"{_protocol(source, key, channel)} {channel.get('address') or key}"
        listed = source.mapping(channel.get("messages", {}), step(at, "messages"))
        messages: dict[tuple[str, str], Message] = {}
        for label in sorted(listed):
            place = step(step(at, "messages"), label)
            body, body_at = source.follow(listed[label], place)
            ways = (
                actions.get(place) or actions.get(body_at) or ({"send"} if not _used(actions, at) else set())
            )
            for action in sorted(ways):
                message = _message(source, source.mapping(body, body_at), body_at, label, action)
                # Two of one type: the second is told by its label too, or it would not be compared at all.
                kind = message.kind if (action, message.kind) not in messages else f"{message.kind} {label}"
                messages[action, kind] = message
        name = name if name not in found else f"{name} ({key})"
        found[name] = Channel(name, at, messages)
    return found


def _actions(source: Source) -> dict[str, set[str]]:
    """Return the actions of each message, by the pointers it is known by; of a channel, by its own."""
    found: dict[str, set[str]] = {}
    held = source.mapping(source.document.data.get("operations", {}), "/operations")
    for key in sorted(held):
        at = step("/operations", key)
        operation = source.mapping(held[key], at)
        action = str(operation.get("action", "send"))
        if action not in _DIRECTION:
            raise source.wrong(step(at, "action"), "send or receive is expected")
        channel, channel_at = source.follow(operation.get("channel"), step(at, "channel"))
        found.setdefault(channel_at, set()).add(action)
        listed = operation.get("messages")
        if not isinstance(listed, list):
            inside = source.mapping(channel, channel_at).get("messages", {})
            keys = sorted(source.mapping(inside, step(channel_at, "messages")))
            listed = [{"$ref": "#" + step(step(channel_at, "messages"), one)} for one in keys]
        for one in listed:
            if isinstance(one, Mapping) and isinstance(one.get("$ref"), str):
                found.setdefault(source.target(one["$ref"], at)[1], set()).add(action)
    return found


def _used(actions: Mapping[str, set[str]], channel_at: str) -> bool:
    return channel_at in actions


def _protocol(source: Source, key: str, channel: Mapping[str, object]) -> str:
    bindings = channel.get("bindings")
    named = sorted(bindings) if isinstance(bindings, Mapping) else []
    for known in ("kafka", "ws"):
        if known in named or key.split(".")[0].lower() == known or key.lower().startswith(known):
            return known
    servers = source.document.data.get("servers")
    protocols = {
        str(one.get("protocol"))
        for one in (servers.values() if isinstance(servers, Mapping) else ())
        if isinstance(one, Mapping)
    }
    if len(protocols) == 1:
        protocol = protocols.pop()
        return "ws" if protocol in {"ws", "wss"} else "kafka" if protocol.startswith("kafka") else protocol
    return "ws" if str(channel.get("address", "")).startswith("/") else "kafka"


def _message(source: Source, raw: Mapping[str, object], at: str, label: str, action: str) -> Message:
    payload, place = raw.get("payload", True), step(at, "payload")
    readable = True
    if isinstance(payload, Mapping) and "schemaFormat" in payload:
        readable = "json" in str(payload["schemaFormat"]) or "asyncapi" in str(payload["schemaFormat"])
        payload, place = payload.get("schema", True), step(place, "schema")
    sub = Sub(payload if readable else True, place)
    headers = Sub(raw.get("headers", True), step(at, "headers"))
    return Message(_kind(source, sub) or str(raw.get("name") or label), action, sub, headers, at, readable)


def _kind(source: Source, payload: Sub) -> str:
    held = source.schema(payload).keys.get("properties")
    sub = held.get("type") if isinstance(held, dict) else None
    values = source.schema(sub).keys.get("enum") if isinstance(sub, Sub) else None
    return str(values[0]) if isinstance(values, list) and len(values) == 1 else ""


def _renamed(collector: Collector, old: Channel, new: Channel) -> bool:
    if old.name.split(" ")[0] != new.name.split(" ")[0] or old.messages.keys() != new.messages.keys():
        return False
    for key, message in old.messages.items():
        relation, _ = collector.relation(_DIRECTION[key[0]])
        if relation.changes(message.payload, new.messages[key].payload):
            return False
    return True


def _channel(collector: Collector, old: Channel, new: Channel) -> None:
    for key in sorted({**old.messages, **new.messages}):
        action, kind = key
        direction = _DIRECTION[action]
        one, two = old.messages.get(key), new.messages.get(key)
        name = f"{old.name} {action} {kind}"
        if one is not None and two is not None:
            collector.operations += 1
            if not (one.readable and two.readable):
                collector.add(
                    "MESSAGE_FORMAT_UNKNOWN",
                    name,
                    Verdict.UNKNOWN,
                    (one.at, two.at),
                    message=f"{name} is not compared",
                    reason="its payload is not described as JSON Schema",
                    direction=direction,
                )
            collector.schema(Use(name, "body", "payload"), direction, one.payload, two.payload)
            collector.schema(Use(name, "body", "headers"), direction, one.headers, two.headers)
        elif one is not None:
            reason = (
                "clients send it, and it is refused" if action == "receive" else "readers wait for it in vain"
            )
            collector.add(
                "MESSAGE_REMOVED",
                name,
                Verdict.REFUTED,
                (one.at, ""),
                message=f"{name} is gone",
                reason=reason,
                direction=direction,
            )
        elif two is not None:
            reason = "nobody sends it yet" if action == "receive" else "readers skip types they don't know"
            collector.add(
                "MESSAGE_ADDED",
                name,
                Verdict.PROVED,
                ("", two.at),
                message=f"{name} is new",
                reason=reason,
                direction=direction,
            )
