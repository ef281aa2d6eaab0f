"""The words of the scenario language: one table for the loader, the JSON schema and the suggestions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ccops.smoke.model import SYSTEMS

FORMAT: Final = "scenario/v1"
NAME_PATTERN: Final = r"[a-z0-9][a-z0-9_-]{0,63}"
VARIABLE_PATTERN: Final = r"[a-z_][a-z0-9_]{0,63}"

METHODS: Final = ("get", "post", "put", "patch", "delete")
WS_VERBS: Final = ("drop", "reopen", "open", "send", "stall", "closed")
ROW_SYSTEMS: Final = ("sql", "clickhouse")
EFFECT_SYSTEMS: Final = ("sql", "redis", "clickhouse", "prom", "alerts")
SCRAPES: Final = ("auto", "backend", "worker")
RULES: Final = ("exactly", "at_least", "never")
DEFAULT_WITHIN_S: Final[Mapping[str, float]] = {
    "ws": 2.0,
    "sql": 2.0,
    "redis": 2.0,
    "kafka": 10.0,
    "clickhouse": 15.0,
    "prom": 20.0,
    "alerts": 30.0,
}
DEFAULT_EVERY_S: Final = 0.25

# What an expression may use besides `vars`, `secrets` and captures; the engine puts it into the scope.
GLOBAL_NAMES: Final = ("env", "run_id", "admin_site_id", "admin_password", "webhook_secret")
STEP_NAMES: Final = ("trace_id", "step_id")
ANSWER_NAMES: Final = ("status", "headers", "body", "rows")


@dataclass(frozen=True, slots=True)
class Field:
    """One key: what its value must be, whether it must be there, and the line an editor shows for it."""

    kind: str
    about: str = ""
    required: bool = False
    choices: tuple[str, ...] = ()


Shape = Mapping[str, Field]

SCENARIO: Final[Shape] = {
    "ccops": Field("choice", "Format of this file.", required=True, choices=(FORMAT,)),
    "name": Field("name", "Name of the scenario, the same as the file's.", required=True),
    "title": Field("title", "One line for people, or {en, ko}."),
    "tags": Field("texts", "Words to select scenarios by."),
    "requires": Field("systems", "Systems that must be reachable; left out, those the scenario uses."),
    "mutates": Field("boolean", "false only if no step changes anything; default true."),
    "parts": Field("parts", "Numbered parts and the systems each must prove."),
    "vars": Field("variables", "Values of the run; later ones may use earlier ones."),
    "secrets": Field("variables", "As vars, and masked by value in everything that is written."),
    "watch": Field("watches", "Observers that are armed before the acts."),
    "setup": Field("steps", "Steps before the first part."),
    "steps": Field("steps", "The scenario.", required=True),
    "invariants": Field("invariants", "Queries that must stay empty all along."),
    "teardown": Field("steps", "Steps that always run at the end."),
}
PART: Final[Shape] = {
    "part": Field("number", "Number of the part, from 1.", required=True),
    "title": Field("title", "One line for people, or {en, ko}.", required=True),
    "systems": Field("systems", "Systems that must each evaluate at least one assertion.", required=True),
}
WATCHES: Final[Mapping[str, Shape]] = {
    "ws": {
        "ws": Field("path", "Path of the WebSocket.", required=True),
        "auth": Field("any", "Token, usually ${access}."),
        "open_after": Field("text", "Step after which the feed is opened."),
    },
    "kafka": {"kafka": Field("texts", "Topics to follow from their ends.", required=True)},
}
STEP: Final[Shape] = {
    "id": Field("name", "Unique name of the step.", required=True),
    "part": Field("number", "Part this step belongs to."),
    "title": Field("title", "One line for people, or {en, ko}."),
    "expect": Field("expect", "What the answer of the act must be."),
    "capture": Field("captures", "What is kept of the answer."),
    "effects": Field("effects", "What must be seen on the systems after the act."),
}
ACTS: Final[Mapping[str, Shape]] = {
    "http": {
        **{method: Field("path", f"{method.upper()} this path.") for method in METHODS},
        "json": Field("any", "Body, sent as JSON."),
        "headers": Field("mapping", "Request headers."),
        "auth": Field("any", "Bearer token, usually ${access}."),
        "sign": Field("any", "Secret that signs the body like the payment provider: ${webhook_secret}."),
        "query": Field("mapping", "Query parameters."),
    },
    "ws": {
        "drop": Field("text", "Watch whose connection is cut."),
        "reopen": Field("text", "Watch that connects again and resumes."),
        "open": Field("text", "Watch that connects now."),
        "send": Field("text", "Watch through which `json` is sent."),
        "stall": Field("text", "Watch that stops reading, as on a dead line."),
        "closed": Field("text", "Watch that the server must end; the status is the close code."),
        "how": Field("choice", "How `drop` cuts it.", choices=("reset", "close")),
        "json": Field("any", "Message of `send`."),
    },
    **{
        name: {
            "query": Field("text", "One read-only statement.", required=True),
            "params": Field("mapping", "Its parameters."),
        }
        for name in ROW_SYSTEMS
    },
    "redis": {"key": Field("text", "Key to read.", required=True)},
    "kafka": {
        "topic": Field("text", "Topic to read.", required=True),
        "partition": Field("count", "Partition.", required=True),
        "offset": Field("count", "Offset of the record.", required=True),
    },
    "prom": {
        "metric": Field("text", "Name of the metric.", required=True),
        "labels": Field("mapping", "Labels the sample must have."),
        "scrape": Field("choice", "Whom to ask.", choices=SCRAPES),
    },
    "alerts": {
        "alert": Field("text", "Name of the alert.", required=True),
        "labels": Field("mapping", "Labels it must have."),
    },
    "rules": {
        "time_scale": Field("any", "Shortens every window and `for`; 1 when left out."),
        "set": Field("mapping", "Thresholds; left out, those of the profile."),
    },
    "produce": {
        "topic": Field("text", "Topic to write to, past the outbox.", required=True),
        "value": Field("any", "A text as it stands, anything else as JSON.", required=True),
        "key": Field("text", "Key of the record."),
        "headers": Field("mapping", "Headers of the record."),
    },
    "stop": {"service": Field("text", "Service of the embedded stack.", required=True)},
    "start": {"service": Field("text", "Service of the embedded stack.", required=True)},
    "restart": {
        "service": Field("text", "Service of the embedded stack.", required=True),
        "set": Field("mapping", "Settings it gets until its next restart."),
    },
    "repeat": {
        "times": Field("count", "How often.", required=True),
        "as": Field("variable", "Variable that counts from 1."),
        "steps": Field("steps", "The steps that are repeated.", required=True),
    },
    "race": {
        "n": Field("count", "How many at once.", required=True),
        "as": Field("variable", "Variable that counts from 0."),
        "steps": Field("steps", "Exactly one http step.", required=True),
    },
}
OTHER_ACTS: Final[Mapping[str, Field]] = {
    "sleep": Field("duration", "Wait this long."),
    "set": Field("variables", "Variables to set."),
}
# Exactly one of these keys must be given.
ONE_OF: Final[Mapping[str, tuple[str, ...]]] = {"http": METHODS, "ws": WS_VERBS}
ACT_KINDS: Final = (*ACTS, *OTHER_ACTS)

EXPECT: Final[Shape] = {
    "status": Field("pattern", "HTTP status, or a matcher."),
    "json": Field("pattern", "The answer's body."),
    "body": Field("pattern", "The same as json."),
    "headers": Field("patterns", "Response headers; their case does not matter."),
    "rows": Field("pattern", "Rows of a query."),
    "outcomes": Field("outcomes", 'How often each status came: {200: 1, 409: 19} or {"409|429": 19}.'),
    "same_as": Field("text", "Earlier step whose answer this one must equal."),
}
EFFECT: Final[Shape] = {
    "where": Field("text", "sql, redis, clickhouse, prom, alerts or the name of a watch.", required=True),
    "label": Field("text", "One line for the report."),
    "exactly": Field("number", "This many observations match, and no more."),
    "at_least": Field("number", "This many observations match, or more."),
    "never": Field("never", "No observation matches during `within`."),
    "match": Field("pattern", "What an observation must look like."),
    "within": Field("duration", "Time from the send of the act."),
    "settle": Field("duration", "Time in which the count must not change any more."),
    "by": Field("by", "Correlation: the trace id of the step, {field: value}, or none."),
    "capture": Field("captures", "What is kept of the first match."),
}
SOURCES: Final[Mapping[str, Shape]] = {
    "sql": ACTS["sql"],
    "clickhouse": ACTS["clickhouse"],
    "redis": ACTS["redis"],
    "prom": ACTS["prom"],
    "alerts": ACTS["alerts"],
}
ALL_SOURCE_KEYS: Final[Shape] = {key: field for shape in SOURCES.values() for key, field in shape.items()}
INVARIANT: Final[Shape] = {
    "sql": Field("text", "Query that must yield no row."),
    "clickhouse": Field("text", "Query that must yield no row."),
    "params": Field("mapping", "Its parameters."),
    "every": Field("every", "Time between two samples, or `end`; default 250ms."),
}
TEXT_SHAPE: Final[Shape] = {
    "en": Field("text", "English.", required=True),
    "ko": Field("text", "Korean."),
}
ALL_SYSTEMS: Final = SYSTEMS


def http_target(args: object) -> tuple[str, object]:
    """Return method and path of the arguments of an http act: `("POST", "/api/x")`."""
    if isinstance(args, Mapping):
        for method in METHODS:
            if method in args:
                return method.upper(), args[method]
    raise ValueError("an http act names one of " + ", ".join(METHODS))
