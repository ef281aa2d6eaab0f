"""The acts of the language; a Python act is an entry point of group `ccops.smoke.acts` of the same shape."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from ccops.clients.guard import unreachable
from ccops.core.errors import CcopsError, UsageError
from ccops.smoke.engine_systems import Systems
from ccops.smoke.probes.base import Look, QueryFailed, plain
from ccops.smoke.signing import HEADER, signature
from ccops.smoke.tables import WS_VERBS, http_target
from ccops.smoke.watchers_ws import WsWatcher

if TYPE_CHECKING:
    import httpx


@dataclass(slots=True)
class Answer:
    """What an act gave back. `sent` is the moment effects count from; `system` who answered."""

    system: str
    summary: str
    sent: float
    elapsed_ms: float
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: object = None
    raw: bytes = b""
    rows: object = None
    evidence: str = ""
    outcomes: Mapping[str, int] = field(default_factory=dict)
    values: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ActContext:
    """What an act may use: the open systems and the ids of its step."""

    systems: Systems
    trace: str
    step: str
    scope: Mapping[str, object]
    settle: Callable[[str], Awaitable[None]]


ActFunction = Callable[[ActContext, object], Awaitable[Answer]]


def traceparent(trace: str, salt: object = 0) -> str:
    """Return the W3C header of one request of `trace`."""
    span = hashlib.sha256(f"{trace}/{salt}".encode()).hexdigest()[:16]
    return f"00-{trace}-{span}-01"


async def send(client: httpx.AsyncClient, args: Mapping[str, object], trace: str, salt: object = 0) -> Answer:
    """Send one HTTP request. Raises Unreachable when there is no answer; nothing is ever sent twice."""
    import httpx

    method, path = http_target(args)
    headers = {"traceparent": traceparent(trace, salt), **_texts(args.get("headers"))}
    if token := args.get("auth"):
        headers["Authorization"] = f"Bearer {token}"
    request = client.build_request(
        method, str(path), json=args.get("json"), headers=headers, params=_query(args.get("query"))
    )
    if secret := args.get("sign"):
        request.headers[HEADER] = signature(str(secret), request.content)
    sent = time.monotonic()
    try:
        response = await client.send(request)
    except httpx.TransportError as error:
        raise unreachable("backend", str(client.base_url), error) from None
    elapsed = _ms(sent)
    request_id = response.headers.get("x-request-id", "")
    return Answer(
        "http",
        f"{method} {path} → {response.status_code}",
        sent,
        elapsed,
        response.status_code,
        {name.lower(): value for name, value in response.headers.items()},
        _body(response.content),
        response.content,
        evidence=f"request_id {request_id}" if request_id else f"trace {trace}",
    )


async def http(context: ActContext, args: object) -> Answer:
    """`http: {post: /path, json, headers, auth, query}`."""
    return await send(await context.systems.client(), _mapping(args), context.trace)


async def sleep(context: ActContext, args: object) -> Answer:
    """`sleep: 500ms`."""
    sent = time.monotonic()
    seconds = float(cast("float", args))
    await asyncio.sleep(seconds)
    return Answer("engine", f"sleep {seconds:g} s", sent, _ms(sent))


async def assign(context: ActContext, args: object) -> Answer:
    """`set: {name: value}`."""
    values = _mapping(args)
    return Answer("engine", f"set {', '.join(values)}", time.monotonic(), 0.0, values=values)


async def ws(context: ActContext, args: object) -> Answer:
    """`ws: {drop|open|reopen|send: feed}`. A drop first lets the feed's pending settles end."""
    words = _mapping(args)
    verb = next(verb for verb in WS_VERBS if verb in words)
    watcher = context.systems.watchers[str(words[verb])]
    if not isinstance(watcher, WsWatcher):
        raise UsageError("SCENARIO_INVALID", f"{watcher.name} is no WebSocket feed")
    if verb in {"drop", "open", "reopen"}:
        await context.settle(watcher.name)
    sent = time.monotonic()
    if verb == "closed":
        code, reason = await watcher.closed()
        said, body = f"closed {watcher.name} → {code}", {"code": code, "reason": reason}
        return Answer("ws", said, sent, _ms(sent), code, body=body, evidence=reason)
    if verb == "stall":
        watcher.stall()
    elif verb == "drop":
        await watcher.drop(str(words.get("how", "reset")))
    elif verb == "send":
        await watcher.send(words.get("json"))
    else:
        await watcher.open(str(words.get("auth") or ""), resume=verb == "reopen")
    return Answer("ws", f"{verb} {watcher.name}", sent, _ms(sent), evidence=watcher.name)


async def sql(context: ActContext, args: object) -> Answer:
    """`sql: {query, params}`; its connection may write."""
    words = _mapping(args)
    connection = await context.systems.sql(writable=True)
    sent = time.monotonic()
    params = {**_mapping(words.get("params") or {}), "trace": context.trace}
    rows = await connection.rows(str(words.get("query", "")), params)
    return Answer("sql", f"sql: {len(rows)} rows", sent, _ms(sent), rows=rows, body=rows)


async def looked(context: ActContext, kind: str, args: object) -> Answer:
    """One look at a system as an act: its observations are the rows."""
    source = _mapping(args)
    probe = await context.systems.probe(kind)
    sent = time.monotonic()
    found = await probe.observe(Look(source, context.trace))
    rows = [dict(one.data) for one in found]
    evidence = ", ".join(one.evidence for one in found[:3])
    body = rows[0] if len(rows) == 1 and kind in {"redis", "prom", "alerts"} else rows
    return Answer(
        kind, f"{kind}: {len(rows)} found", sent, _ms(sent), rows=rows, body=body, evidence=evidence
    )


async def kafka(context: ActContext, args: object) -> Answer:
    """`kafka: {topic, partition, offset}` reads that one record."""
    from ccops.smoke.probes.kafka import read_record

    words = _mapping(args)
    sent = time.monotonic()
    where = (str(words["topic"]), int(str(words["partition"])), int(str(words["offset"])))
    found = await asyncio.to_thread(read_record, context.systems.targets.url("kafka"), *where)
    rows = [dict(found.data)] if found else []
    summary = f"kafka: {len(rows)} record"
    evidence = found.evidence if found else ""
    return Answer(
        "kafka", summary, sent, _ms(sent), rows=rows, body=rows[0] if rows else None, evidence=evidence
    )


def act_function(kind: str) -> ActFunction:
    """Return the act `kind`. Raises UsageError when neither the language nor an entry point has it."""
    from ccops.smoke import acts_stack

    own: dict[str, ActFunction] = {
        "http": http,
        "sleep": sleep,
        "set": assign,
        "ws": ws,
        "sql": sql,
        "kafka": kafka,
        "restart": acts_stack.restart,
        "stop": acts_stack.stop,
        "start": acts_stack.start,
        "produce": acts_stack.produce,
        "rules": acts_stack.rules,
    }
    if kind in own:
        return own[kind]
    if kind in {"redis", "clickhouse", "prom", "alerts"}:
        return lambda context, args: looked(context, kind, args)
    from importlib.metadata import entry_points

    found = entry_points(group="ccops.smoke.acts", name=kind)
    if not found:
        raise UsageError("ACT_UNKNOWN", f"no act {kind!r}", next_step="ccops smoke validate")
    return cast("ActFunction", next(iter(found)).load())


async def perform(context: ActContext, kind: str, args: object) -> Answer:
    """Run one act; what a Python act raises by mistake is a failed act, not a crash of ccops."""
    function = act_function(kind)
    try:
        return await function(context, args)
    except (CcopsError, QueryFailed, asyncio.CancelledError):
        raise
    except Exception as error:  # noqa: BLE001 - foreign code
        raise QueryFailed(f"act {kind} raised {type(error).__name__}: {error}") from None


def _body(content: bytes) -> object:
    if not content:
        return None
    try:
        return cast("object", json.loads(content))
    except ValueError:
        return content.decode(errors="replace")


def _mapping(value: object) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise UsageError("SCENARIO_INVALID", f"expected a mapping, got {value!r}")
    return value


def _texts(value: object) -> dict[str, str]:
    return {name: str(text) for name, text in _mapping(value).items()} if value else {}


def _query(value: object) -> dict[str, str] | None:
    return {name: str(plain(text)) for name, text in _mapping(value).items()} if value else None


def _ms(since: float) -> float:
    return round((time.monotonic() - since) * 1000, 1)
