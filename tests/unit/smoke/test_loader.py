"""From text to the model, or to every error at once."""
# ruff: noqa: E501 - a finding is one line, and is compared as one

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccops.core.errors import ExitCode, UsageError
from ccops.smoke.findings import ScenarioInvalid
from ccops.smoke.loader import check, load, parse
from ccops.smoke.model import CountRule, Scenario, Text
from tests.unit.smoke.sample import SAMPLE

MINIMAL = "ccops: scenario/v1\nname: small\nsteps:\n  - {id: one, http: {get: /health/ready}}\n"


def sample() -> Scenario:
    return parse(SAMPLE, "s.yaml", acts=())


def errors(old: str, new: str) -> list[str]:
    """Return the findings after one change of the sample, without their places."""
    assert SAMPLE.count(old) >= 1, old
    return messages(SAMPLE.replace(old, new, 1))


def messages(text: str) -> list[str]:
    _, findings = check(text, "s.yaml", acts=("browser",))
    return [str(finding).split(" ", 1)[1] for finding in findings]


def test_a_minimal_scenario_has_sensible_defaults() -> None:
    scenario = parse(MINIMAL, "s.yaml")

    assert (scenario.name, scenario.mutates, scenario.requires, scenario.parts) == (
        "small",
        True,
        ("http",),
        (),
    )
    assert (scenario.steps[0].part, scenario.steps[0].expect, scenario.steps[0].effects) == (0, None, ())


def test_every_block_arrives_in_the_model() -> None:
    scenario = sample()

    assert scenario.title == Text("A day", "하루")
    assert [part.systems for part in scenario.parts] == [
        ("http", "sql", "redis"),
        ("http", "ws", "kafka", "clickhouse", "prom"),
    ]
    assert scenario.requires == ("http", "ws", "sql", "redis", "kafka", "clickhouse", "prom")
    assert list(scenario.vars) == ["nick", "invite"]
    assert [(watch.kind, watch.target, watch.open_after) for watch in scenario.watch] == [
        ("ws", "/api/realtime/sync", "login"),
        ("kafka", ["cc.actions.events.${env}"], ""),
    ]
    assert [(item.where, item.every_s) for item in scenario.invariants] == [
        ("sql", 0.25),
        ("clickhouse", 0.0),
    ]
    assert [step.act.kind for step in scenario.steps] == [
        *("http", "http", "repeat", "race", "sleep", "ws", "ws", "set", "http", "redis", "kafka", "prom"),
    ]


def test_effects_have_the_rule_and_the_time_of_their_system() -> None:
    spin = sample().steps[2].act.steps[0]

    assert [
        (effect.where, effect.rule, effect.count, effect.within_s, effect.settle_s) for effect in spin.effects
    ] == [
        ("feed", CountRule.EXACTLY, 1, 0.5, 1.0),
        ("actions", CountRule.EXACTLY, 1, 10.0, 0.0),
        ("clickhouse", CountRule.AT_LEAST, 1, 15.0, 0.0),
        ("prom", CountRule.AT_LEAST, 1, 20.0, 0.0),
        ("feed", CountRule.NEVER, 0, 0.3, 0.0),
    ]
    assert spin.effects[3].source == {
        "metric": "spins_total",
        "labels": {"game": "slot"},
        "scrape": "backend",
    }
    assert str(spin.effects[3].place) == "s.yaml:53:15"


def test_acts_keep_their_arguments_and_inner_steps_inherit_the_part() -> None:
    scenario = sample()
    repeat, race, rest = scenario.steps[2], scenario.steps[3], scenario.steps[4]

    assert (repeat.act.args, repeat.act.steps[0].part) == ({"times": 3, "as": "round"}, 2)
    assert (race.act.args, race.act.steps[0].id) == ({"n": 20, "as": "runner"}, "stampede-one")
    assert race.expect is not None
    assert race.expect.outcomes == {"200": 1, "409|429": 19}
    assert rest.act.args == 1.0


def test_all_errors_come_at_once_with_their_places() -> None:
    text = SAMPLE
    for old, new in (
        ("tags: [gate]", "tag: [gate]"),
        ("open_after: login", "open_after: logn"),
        ("{type: int}", "{type: itn}"),
        ('nickname: "${nick}"', 'nickname: "${nik}"'),
        ("where: prom", "where: promm"),
        ("sleep: 1s", "sleep: 1"),
        ("{id: back, ws", "{id: rest, wss"),
    ):
        assert old in text
        text = text.replace(old, new, 1)

    with pytest.raises(ScenarioInvalid) as caught:
        parse(text, "scenarios/s.yaml", acts=())

    assert caught.value.exit_code is ExitCode.USAGE
    assert caught.value.message == "scenarios/s.yaml has 8 errors"
    assert caught.value.evidence.splitlines() == [
        "scenarios/s.yaml:4:1: unknown key 'tag' in a scenario (did you mean tags?)",
        "scenarios/s.yaml:13:65: open_after: no step is called 'logn' (did you mean login?)",
        "scenarios/s.yaml:23:79: ${nik}: nik is not defined here (did you mean nick?)",
        "scenarios/s.yaml:24:52: unknown type 'itn' (did you mean int?)",
        "scenarios/s.yaml:53:23: where: no system or watch is called 'promm' (did you mean prom?)",
        "scenarios/s.yaml:59:23: sleep: duration 1 has no unit: write 1s or 1ms",
        "scenarios/s.yaml:61:10: step id 'rest' is used twice (first on line 59)",
        "scenarios/s.yaml:61:16: unknown act or key 'wss' (did you mean ws?)",
    ]


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ("ccops: scenario/v1", "ccops: scenario/v2", "ccops: 'scenario/v2' is not one of scenario/v1 (did you mean scenario/v1?)"),
        ("name: sample\n", "", "a scenario needs 'name'"),
        ("name: sample", "name: A Day", "name: 'A Day' is not a name (lower-case letters, digits, - and _)"),
        ("title: {en: A day, ko: 하루}", "title: {ko: 하루}", "title needs 'en'"),
        ("tags: [gate]", "tags: gate", "tags: must be a list of texts, this is text"),
        ("tags: [gate]", "mutates: yes", "mutates: must be true or false, this is text"),
        ("tags: [gate]", "requires: [http]", "requires leaves out ws, sql, redis, kafka, clickhouse, prom, which the scenario uses"),
        ("tags: [gate]", "requires: [pg]", "requires: 'pg' is no system (did you mean sql?)"),
        ("[http, sql, redis]", "[http, sql, redis, kafka]", "part 1 promises kafka, but none of its steps asserts on it"),
        ("{part: 2, title: Play", "{part: 1, title: Play", "part 1 is declared twice"),
        ("part: 2\n    race", "part: 3\n    race", "part 3 is not declared (parts: 1, 2)"),
        ("nick: ${unique('day')}", "Nick: x", "vars: 'Nick' is no variable name: use lower-case letters, digits and _"),
        ("invite: ", "body: ", "vars: 'body' is set by ccops; choose another name"),
        ("invite: ", "today: ", "vars: 'today' is a function; choose another name"),
        ("secrets: {password", "secrets: {invite: x, password", "'invite' is in vars and in secrets"),
        ("nick: ${unique('day')}", "nick: ${unique('day'}", "${unique('day'}: unexpected end of template, expected ','."),
        ("feed: {ws: /api", "feed: {wss: /api", "watch feed needs exactly one of ws, kafka (did you mean ws?)"),
        ("feed: {ws: /api", "feed: {ws: http://host/api", "ws: a path begins with / (addresses come from --env, not from the scenario)"),
        ("actions: {kafka: ", "actions: {from: end, kafka: ", "unknown key 'from' in watch actions (known: kafka)"),
        ("no_negative: {sql:", "no_negative: {pg:", "invariant no_negative needs exactly one of sql, clickhouse"),
        ("no_negative: {sql:", "no_negative: {every: 5, sql:", "every: duration 5 has no unit: write 5s or 5ms"),
        ("    part: 1\n    http: {post: /api/auth/signup", "    part: 1\n    htp: {post: /api/auth/signup", "unknown act or key 'htp' (did you mean http?)"),
        ("{id: rest, sleep: 1s}", "{id: rest}", "the step has no act (one of http, ws, sql, clickhouse, redis, kafka, prom, alerts, rules, produce, stop, start, restart, repeat, race, sleep, set, browser)"),
        ("{id: rest, sleep: 1s}", "{id: rest, sleep: 1s, set: {a: 1}}", "a step does one act, this one has sleep and set"),
        ("{id: rest, sleep: 1s}", "{sleep: 1s}", "a step needs 'id'"),
        ("{id: rest, sleep: 1s}", "{id: rest, sleep: 1s, expects: {}}", "unknown key 'expects' in a step (did you mean expect?)"),
        ("{id: rest, sleep: 1s}", "rest", "a step must be a mapping, this is a text"),
        ("delete: ", "fetch: ", "act http needs exactly one of get, post, put, patch, delete"),
        ("{drop: feed, how: reset}", "{drop: feed, how: kick}", "how: 'kick' is not one of reset, close"),
        ("{reopen: feed}", "{reopen: feed, how: reset}", "'how' belongs to 'drop'"),
        ("{reopen: feed}", "{reopen: actions}", "no ws watch is called 'actions' (known: feed)"),
        ("offset: 5", "offset: last", "offset: must be a whole number or an expression"),
        ("{metric: spins_total}", "{metric: spins_total, scrape: all}", "scrape: 'all' is not one of auto, backend, worker"),
        ("{total: \"${gold0 + rows_seen}\"}", "{total: \"${gold_0}\"}", "${gold_0}: gold_0 is not defined here (did you mean gold0?)"),
        ("steps: [{http:", "steps: [{sleep: 1s}, {http:", "race needs exactly one http step"),
        ("steps: [{http:", "steps: [{capture: {a: $.b}, http:", "a step in a race captures nothing: there are many answers"),
        ("n: 20,", "n: many,", "n: must be a whole number or an expression"),
        ("times: 3\n", "time: 3\n", "act repeat needs 'times'"),
        ("{200: 1,", "{ok: 1,", "outcomes: 'ok' is no HTTP status (write 200, or \"409|429\" for either)"),
        ("{status: 201,", "{outcomes: {200: 1}, status: 201,", "only a race has outcomes"),
        ("same_as: login", "same_as: logn", "no earlier step is called 'logn' (did you mean login?)"),
        ("uid: $.user.id", "uid: $.user..id", "capture: not a path from '..id' on; write for example $.items[0].id"),
        ("uid: $.user.id", "uid: user.id", "capture: neither a path nor an expression (write $.field or ${expression})"),
        ("{ge: 0}", "{gte: 0}", "unknown matcher 'gte' (did you mean ge?)"),
        ("{ge: 0}", "{ge: 0, lte: 5}", "unknown matcher 'lte' (did you mean le?)"),
        ("{ge: 0}", "$uid", "unknown matcher '$uid' (did you mean $uuid?)"),
        ("{ge: 0}", "{re: '('}", "not a regular expression: missing ), unterminated subpattern at position 0"),
        ("[23h, 24h]", "[23h]", "between needs two values ({between: [1, 9]})"),
        ("{in: [200, 201]}", "{in: 200}", "in needs a list"),
        ("{where: redis, key:", "{where: redis, query:", "an effect on redis needs 'key'"),
        ("{where: redis,", "{where: http,", "http has no effects (its answer belongs under expect)"),
        ("{where: feed, match: {type: error}", "{where: ws, match: {type: error}", "where: no system or watch is called 'ws' (declare a ws watch and use its name)"),
        ("never: true, within: 300ms", "never: true", "never needs `within`: the window that is watched"),
        ("never: true, within: 300ms", "never: true, within: 300ms, settle: 1s", "settle means nothing with never (make `within` longer)"),
        ("exactly: 1, within: 500ms", "exactly: 1, at_least: 1, within: 500ms", "an effect has one rule, this one has exactly and at_least"),
        ("exactly: 1, within: 500ms", "exactly: 0, within: 500ms", "exactly: must be a whole number from 1 to 10000"),
        ("by: none", "by: trace", "by: must be none or a mapping of field to value (left out, it is the trace id of the step)"),
    ],
)  # fmt: skip
def test_one_mistake_gives_its_finding(old: str, new: str, error: str) -> None:
    found = errors(old, new)

    assert error in [message.removeprefix("s.yaml ") for message in found], found


def test_a_known_python_act_is_accepted() -> None:
    assert messages(MINIMAL.replace("http: {get: /health/ready}", "browser: {page: /}")) == []


def test_an_alias_shares_a_whole_value() -> None:
    text = MINIMAL.replace("http: {get: /health/ready}", "http: &a {get: /x}") + "  - {id: two, http: *a}\n"

    assert [step.act.args for step in parse(text, "s.yaml").steps] == [{"get": "/x"}] * 2


@pytest.mark.parametrize(
    "steps",
    [
        "[{id: a, http: {get: '/u/${uid}'}}, {id: b, http: {get: /u}, capture: {uid: $.id}}]",
        "[{id: a, http: {get: '/u/${body.id}'}}]",
        "[{id: a, repeat: {times: 2, as: i, steps: [{id: b, sleep: 0}]}}, {id: c, set: {x: '${i}'}}]",
        "[{id: a, http: {get: /u}, expect: {json: {id: {ref: uid}}}}]",
        "[{id: a, http: {get: /u}, effects: [{where: sql, query: 'select ${uid}'}]}]",
    ],
)
def test_a_name_that_is_used_before_it_is_set_is_found_before_the_run(steps: str) -> None:
    assert any(
        "is not defined here" in message for message in messages(f"{MINIMAL.split('steps')[0]}steps: {steps}")
    )


def test_a_token_must_be_known_when_its_feed_opens() -> None:
    assert any(
        "access is not defined here" in message
        for message in errors("open_after: login", "open_after: signup")
    )


def test_a_missing_file_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        load(tmp_path / "nope.yaml")

    assert caught.value.code == "SCENARIO_NOT_FOUND"


def test_places_show_the_path_inside_the_project(tmp_path: Path) -> None:
    (tmp_path / "scenarios").mkdir()
    path = tmp_path / "scenarios" / "small.yaml"
    path.write_text(MINIMAL)

    assert str(load(path, root=tmp_path).steps[0].place) == "scenarios/small.yaml:4:5"


@settings(database=None, deadline=None, max_examples=200)
@given(st.text())
def test_any_text_is_a_scenario_or_invalid(text: str) -> None:
    for content in (text, f"ccops: scenario/v1\nname: x\nsteps: {text}\n"):
        scenario, findings = check(content, "s.yaml", acts=())
        assert (scenario is None) == bool(findings)


LINES = SAMPLE.splitlines(keepends=True)
WORDS = [
    "~",
    "5",
    "true",
    "[]",
    "{}",
    "[x]",
    "{x: 1}",
    "'${'",
    "${x}",
    "text",
    "-1",
    "1.5",
    "",
    "*a",
    "&a x",
    "$any",
    "{ge: 1}",
]


@settings(database=None, deadline=None, max_examples=400)
@given(
    st.lists(st.tuples(st.integers(0, len(LINES) - 1), st.sampled_from(["drop", "twice", "value", "cut"]), st.sampled_from(WORDS)), min_size=1, max_size=4),
    st.integers(0, 60),
)  # fmt: skip
def test_a_broken_valid_scenario_never_raises_anything_else(
    changes: list[tuple[int, str, str]], at: int
) -> None:
    lines = list(LINES)
    for index, how, word in changes:
        line = lines[index]
        if how == "drop":
            lines[index] = ""
        elif how == "twice":
            lines[index] = line + line
        elif how == "value" and ":" in line:
            places = [i for i, char in enumerate(line) if char == ":"]
            cut = places[at % len(places)]
            end = min([line.find(char, cut) for char in ",}\n" if line.find(char, cut) >= 0])
            lines[index] = f"{line[:cut]}: {word}{line[end:]}"
        else:
            lines[index] = line[: at % (len(line) or 1)] + "\n"

    scenario, findings = check("".join(lines), "s.yaml", acts=())

    assert (scenario is None) == bool(findings)
