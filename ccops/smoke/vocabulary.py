"""Hold the words of a scenario against what the backend says it has: routes, events, metrics, topics.

A misspelt `achievment_progress` is then an error in the file and not a time-out five seconds into a run.
"""

from __future__ import annotations

import difflib
import fnmatch
import re
from collections.abc import Collection, Iterator, Mapping

from ccops.smoke.findings import Finding, suggestion
from ccops.smoke.model import Place, Scenario, Watch
from ccops.smoke.promises import all_steps
from ccops.smoke.tables import http_target

# Frames of the connection itself, and what a watcher reports about them; no catalogue lists these.
CONTROL_FRAMES = (
    "sync_connected", "initial_state", "backfill_complete", "heartbeat", "pong", "subscribed", "error",
)  # fmt: skip
WATCHER_FINDINGS = ("watch_gap", "watch_duplicate", "watch_not_json", "watch_not_an_object", "watch_schema")
_EXPRESSION = re.compile(r"\$\{[^}]*\}")
_PARAMETER = re.compile(r"\{[^}]*\}|<[^>]*>")
_SERIES = ("_bucket", "_count", "_sum", "_created")


def check_vocabulary(
    scenario: Scenario,
    openapi: Mapping[str, object] | None,
    events: Mapping[str, object] | None,
    *,
    metrics: Collection[str] | None = None,
    topics: Collection[str] | None = None,
) -> list[Finding]:
    """Return what the scenario names and the backend does not have; a catalogue that is None is not asked.

    `events` is the contract bundle's events.json: `websocket.types` and `kafka.topics` (topic -> types).
    Topics may contain `{env}`; without `topics` those of `events` count.
    """
    findings: list[Finding] = []
    if openapi is not None:
        findings += _routes(scenario, openapi)
    if events is not None:
        findings += _event_types(scenario, {"ws": _frame_types(events), "kafka": _record_types(events)})
    if metrics is not None:
        findings += _metrics(scenario, metrics)
    known_topics = _kafka_topics(events) if topics is None and events is not None else topics
    if known_topics is not None:
        findings += _topics(scenario, known_topics)
    return sorted(findings, key=lambda finding: (finding.place.line, finding.place.column))


def _routes(scenario: Scenario, openapi: Mapping[str, object]) -> Iterator[Finding]:
    paths = openapi.get("paths")
    known = {str(path): _methods(item) for path, item in paths.items()} if isinstance(paths, Mapping) else {}
    for step in all_steps(scenario):
        if step.act.kind != "http":
            continue
        method, path = http_target(step.act.args)
        shape = _EXPRESSION.sub("{}", str(path)).partition("?")[0]
        fitting = [each for each in known if _same_route(shape, each)]
        if any(method.lower() in known[each] for each in fitting):
            continue
        if fitting:
            allowed = ", ".join(sorted(name.upper() for each in fitting for name in known[each]))
            yield Finding(step.act.place, f"{method} {path}: the route takes {allowed}")
            continue
        near = difflib.get_close_matches(shape, known, n=1)
        yield Finding(
            step.act.place, f"{method} {path}: no such route", f"did you mean {near[0]}?" if near else ""
        )


def _methods(item: object) -> set[str]:
    return {str(method).lower() for method in item} if isinstance(item, Mapping) else set()


def _same_route(shape: str, known: str) -> bool:
    ours, theirs = shape.strip("/").split("/"), known.strip("/").split("/")
    return len(ours) == len(theirs) and all(map(_same_segment, ours, theirs))


def _same_segment(ours: str, theirs: str) -> bool:
    return "{" in theirs or fnmatch.fnmatchcase(theirs, ours.replace("{}", "*"))


def _frame_types(events: Mapping[str, object]) -> list[str]:
    socket = events.get("websocket")
    return (
        [*_names(socket.get("types")), *CONTROL_FRAMES, *WATCHER_FINDINGS]
        if isinstance(socket, Mapping)
        else []
    )


def _kafka_topics(events: Mapping[str, object]) -> Mapping[str, object] | None:
    kafka = events.get("kafka")
    topics = kafka.get("topics") if isinstance(kafka, Mapping) else None
    return topics if isinstance(topics, Mapping) else None


def _record_types(events: Mapping[str, object]) -> list[str]:
    return [word for types in (_kafka_topics(events) or {}).values() for word in _names(types)]


def _event_types(scenario: Scenario, known: Mapping[str, list[str]]) -> Iterator[Finding]:
    watches = {watch.name: watch for watch in scenario.watch}
    for effect in (effect for step in all_steps(scenario) for effect in step.effects):
        watch = watches.get(effect.where)
        if watch is None or not known.get(watch.kind):
            continue
        for word in _types(effect.match, watch):
            if word not in known[watch.kind]:
                message = f"no {watch.kind} event has the type {word!r}"
                yield Finding(effect.place, message, suggestion(word, known[watch.kind]))


def _types(match: object, watch: Watch) -> list[str]:
    """Return the event types a pattern names: a text, or the texts of `{in: [...]}`."""
    if not isinstance(match, Mapping):
        return []
    value = match.get("value")
    where = value if watch.kind == "kafka" and isinstance(value, Mapping) else match
    wanted = where.get("type")
    options = wanted.get("in", ()) if isinstance(wanted, Mapping) else [wanted]
    words = options if isinstance(options, list | tuple) else ()
    return [word for word in words if isinstance(word, str) and not word.startswith("$") and "${" not in word]


def _names(words: object) -> list[str]:
    """Return the words of a list, or the keys of a mapping."""
    return (
        [str(word) for word in words] if isinstance(words, Mapping | list | tuple | set | frozenset) else []
    )


def _metrics(scenario: Scenario, metrics: Collection[str]) -> Iterator[Finding]:
    for metric, place in _named_metrics(scenario):
        if isinstance(metric, str) and "${" not in metric and not _has_metric(metric, metrics):
            yield Finding(place, f"no metric is called {metric!r}", suggestion(metric, metrics))


def _named_metrics(scenario: Scenario) -> Iterator[tuple[object, Place]]:
    for step in all_steps(scenario):
        for effect in step.effects:
            yield effect.source.get("metric"), effect.place
        if step.act.kind == "prom" and isinstance(step.act.args, Mapping):
            yield step.act.args.get("metric"), step.act.place


def _has_metric(metric: str, metrics: Collection[str]) -> bool:
    stems = [metric.removesuffix(suffix) for suffix in _SERIES if metric.endswith(suffix)]
    # Client libraries declare a counter without the _total that its series carries.
    return any(name in metrics for name in (metric, metric.removesuffix("_total"), *stems))


def _topics(scenario: Scenario, topics: Collection[str]) -> Iterator[Finding]:
    known = {_PARAMETER.sub("*", _EXPRESSION.sub("*", topic)): topic for topic in topics}
    for topic, place in _named_topics(scenario):
        shape = _EXPRESSION.sub("*", topic)
        if not any(shape == pattern or fnmatch.fnmatchcase(shape, pattern) for pattern in known):
            near = difflib.get_close_matches(shape, known, n=1)
            hint = f"did you mean {known[near[0]]}?" if near else ""
            yield Finding(place, f"no topic is called {topic!r}", hint)


def _named_topics(scenario: Scenario) -> Iterator[tuple[str, Place]]:
    for watch in scenario.watch:
        if watch.kind == "kafka" and isinstance(watch.target, list | tuple):
            for topic in watch.target:
                yield str(topic), watch.place
    for step in all_steps(scenario):
        if step.act.kind == "kafka" and isinstance(step.act.args, Mapping):
            yield str(step.act.args.get("topic")), step.act.place
