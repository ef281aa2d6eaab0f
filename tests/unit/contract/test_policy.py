"""Who is hit, who answered for it, and until when."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from ccops.contract.model import Approval, Consumer, DiffResult, Direction, Level, Verdict
from ccops.core.errors import ExitCode
from tests.unit.contract.documents import OPERATION, TODAY, Json, api, compared, obj, words

TEXT: Json = {"type": "string"}
INT: Json = {"type": "integer"}
OLD, NEW = api(None, obj("id balance", id=INT, balance=INT)), api(None, obj("id", id=INT))


def _approved(days: int, fingerprint: str) -> Approval:
    return Approval(fingerprint, "ops@example.com", "the app was updated first", TODAY + timedelta(days=days))


def _fingerprint(result: DiffResult) -> str:
    (finding,) = result.findings
    return finding.fingerprint


@pytest.mark.parametrize(("days", "code"), [(1, ExitCode.OK), (0, ExitCode.OK), (-1, ExitCode.NEGATIVE)])
def test_an_approval_holds_until_its_day(days: int, code: ExitCode) -> None:
    approval = _approved(days, _fingerprint(compared(OLD, NEW)))
    result = compared(OLD, NEW, approvals=(approval,))
    assert result.exit_code is code
    assert result.findings[0].approval == (approval if days >= 0 else None)
    assert [one.why for one in result.stale] == ([] if days >= 0 else ["expired on 2026-11-22"])


def test_an_approval_of_nothing_is_stale() -> None:
    result = compared(OLD, OLD | {"info": {}}, approvals=(_approved(9, "0123456789abcdef"),))
    assert [one.why for one in result.stale] == ["no finding has this fingerprint"]


def test_a_fingerprint_is_about_the_change_and_nothing_else() -> None:
    base = _fingerprint(compared(OLD, NEW))
    words_changed = (api(None, obj("id balance", id=INT, balance=INT | {"description": "gold"})), NEW)
    ref: Json = {"$ref": "#/components/schemas/User"}
    moved = tuple(
        api(None, ref, schemas={"User": one})
        for one in (obj("id balance", id=INT, balance=INT), obj("id", id=INT))
    )
    for old, new in (words_changed, moved):
        assert _fingerprint(compared(old, new)) == base
    other_type = compared(
        api(None, obj("id balance", id=INT, balance=INT)), api(None, obj("id balance", id=TEXT, balance=INT))
    )
    other_place = compared(api(None, obj("id gold", id=INT, gold=INT)), NEW)
    other_way = compared(api(obj("id balance", id=INT, balance=INT)), api(obj("id", id=INT)))
    assert len({base, *map(_fingerprint, (other_type, other_place, other_way))}) == 4


def test_two_changes_never_share_a_fingerprint() -> None:
    def page(limit: int, kinds: tuple[str, ...]) -> Json:
        schema = TEXT | {"maxLength": limit}
        answer = {
            "content": {kind: {"schema": schema} for kind in kinds},
            "headers": {"X-A": {"schema": schema}},
        }
        body = {"requestBody": {"content": {kind: {"schema": schema} for kind in kinds}}}
        queries = [
            {"name": name, "in": place, "schema": schema} for name in "ab" for place in ("query", "header")
        ]
        return api(parameters=queries, operation=body | {"responses": {"200": answer, "404": answer}})

    for old, new in (
        (page(9, ("application/json",)), page(5, ("application/json",))),
        (page(9, ("application/json", "text/csv")), page(9, ("application/json",))),
        (api(), page(9, ("application/json",))),
        (
            api(None, {"anyOf": [obj("k", k={"const": "a"}), obj("k", k={"const": "b"})]}),
            api(None, {"anyOf": [obj("k", k={"const": "a"}, n=INT), obj("k", k={"const": "b"}, n=INT)]}),
        ),
    ):
        prints = [one.fingerprint for one in compared(old, new).findings]
        assert len(prints) > 1
        assert len(set(prints)) == len(prints)


def test_a_field_that_a_scenario_reads_is_a_break_that_names_the_line() -> None:
    old, new = api(None, obj("id", id=INT, balance=INT)), api(None, obj("id", id=INT))
    assert words(compared(old, new)) == {("RESPONSE_PROPERTY_REMOVED", "WARN")}
    consumer = Consumer(OPERATION, "$.balance", "scenarios/journey.yaml", 42)
    (finding,) = compared(old, new, consumers=(consumer,)).findings
    assert (finding.level, finding.verdict, finding.consumers) == (Level.ERR, Verdict.REFUTED, (consumer,))
    assert finding.reason == "read by scenarios/journey.yaml:42"


@pytest.mark.parametrize(
    ("operation", "path", "hit"),
    [
        (OPERATION, "$.items[0].price", True),
        (OPERATION, "$.items[*].price", True),
        (OPERATION, "$.items", True),
        (OPERATION, "$.items[3].price.cents", True),
        (OPERATION, "$.items[0].name", False),
        (OPERATION, "$.item", False),
        (OPERATION, "", False),
        ("GET /things", "$.items[0].price", False),
        ("POST /other", "$.items[0].price", False),
    ],
)
def test_a_consumer_is_hit_where_it_looks(operation: str, path: str, hit: bool) -> None:
    old = api(None, obj("items", items={"type": "array", "items": obj("price", price=INT)}))
    new = api(None, obj("items", items={"type": "array", "items": obj()}))
    consumer = Consumer(operation, path, "s.yaml", 1)
    (finding,) = compared(old, new, consumers=(consumer,)).findings
    assert finding.path == "$.items[*].price"
    assert (finding.consumers == (consumer,)) is hit
    assert finding.level is Level.ERR


def test_a_concrete_path_calls_its_template() -> None:
    def user(schema: Json) -> Json:
        whole = api()
        answer = {"200": {"content": {"application/json": {"schema": schema}}}}
        parameters = [{"name": "id", "in": "path", "required": True, "schema": INT}]
        whole["paths"] = {"/users/{id}/gold": {"get": {"parameters": parameters, "responses": answer}}}
        return whole

    old, new = user(obj("a", a=INT)), user(obj("a", a=TEXT))
    calls = {
        "GET /users/7/gold": True,
        "GET /users/{user}/gold": True,
        "GET /users/7": False,
        "GET /users/7/8/gold": False,
    }
    for wanted, hit in calls.items():
        (finding,) = compared(old, new, consumers=(Consumer(wanted, "$.a", "s.yaml", 1),)).findings
        assert bool(finding.consumers) is hit, wanted


def test_what_is_sent_is_not_what_is_read() -> None:
    body = obj("gold", gold=INT)
    old, new = api(body, body), api(obj("gold", gold=INT | {"maximum": 5}), body)
    read, sent = (
        compared(old, new, consumers=(Consumer(OPERATION, "$.gold", "s.yaml", 1, side),))
        .findings[0]
        .consumers
        for side in (Direction.RESPONSE, Direction.REQUEST)
    )
    assert (len(read), len(sent)) == (0, 1)


def test_a_call_that_is_gone_hits_whoever_calls_it() -> None:
    new = api() | {"paths": {"/kept": {"get": {"responses": {}}}}}
    consumer = Consumer(OPERATION, "$.anything", "s.yaml", 7)
    (finding,) = (
        one for one in compared(OLD, new, consumers=(consumer,)).findings if one.code == "OPERATION_REMOVED"
    )
    assert finding.consumers == (consumer,)


def test_a_level_can_be_set_by_code_or_alias() -> None:
    for name in ("RESPONSE_REQUIRED_PROPERTY_REMOVED", "response-required-property-removed"):
        result = compared(OLD, NEW, overrides={name: Level.INFO})
        assert words(result) == {("RESPONSE_REQUIRED_PROPERTY_REMOVED", "INFO")}
        assert result.exit_code is ExitCode.OK
        assert "set by policy" in result.findings[0].reason


def test_the_worst_comes_first_and_the_bar_is_a_policy() -> None:
    result = compared(
        api(TEXT, INT), api({"type": "string", "maxLength": 3}, {"type": "integer", "maximum": 2})
    )
    assert [one.level for one in result.findings] == [Level.ERR, Level.INFO]
    safe = compared(api(None, INT), api(None, {"type": "integer", "maximum": 2}))
    assert safe.exit_code is ExitCode.OK
    assert (
        compared(api(None, INT), api(None, {"type": "integer", "maximum": 2}), fail_on=Level.INFO).exit_code
        is ExitCode.NEGATIVE
    )


def test_the_day_an_approval_ends_is_compared_with_the_injected_day() -> None:
    from ccops.contract.diff import diff
    from ccops.contract.model import Policy

    approval = Approval(_fingerprint(compared(OLD, NEW)), "o", "r", date(2030, 1, 1))
    late = diff(OLD, NEW, policy=Policy(today=date(2030, 1, 2), approvals=(approval,)))
    assert late.exit_code is ExitCode.NEGATIVE
