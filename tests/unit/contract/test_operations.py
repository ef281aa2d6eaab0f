"""Everything around payloads: operations, parameters, bodies, answers, headers, security, callbacks."""

# ruff: noqa: E501 - a case is a line
from __future__ import annotations

from datetime import date

import pytest

from ccops.contract.codes import catalogue, structural
from ccops.contract.model import Direction, Level, Verdict
from tests.unit.contract.documents import Json, api, compared, obj, words

TEXT: Json = {"type": "string"}
INT: Json = {"type": "integer"}
BEARER: Json = {
    "securitySchemes": {
        "token": {"type": "http", "scheme": "bearer"},
        "key": {"type": "apiKey", "name": "k", "in": "header"},
    }
}


def _query(name: str = "page", schema: Json = INT, **more: object) -> Json:
    return {"name": name, "in": "query", "schema": schema, **more}


def _body(schema: Json = TEXT, kind: str = "application/json", **more: object) -> Json:
    return {"requestBody": {"content": {kind: {"schema": schema}}, **more}}


def _answers(**more: object) -> Json:
    return {"responses": {key.strip("_"): value for key, value in more.items()}}


def _hooked(body: Json, key: str = "webhooks") -> Json:
    call = {
        "post": {
            "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
            "responses": {},
        }
    }
    if key == "webhooks":
        return api(webhooks={"paid": call})
    return api(operation={"callbacks": {"paid": {"{$request.body#/url}": call}}})


def _two(path: str, **operation: object) -> Json:
    whole = api()
    whole["paths"] = {
        path: {"get": {"responses": {"200": {"description": "x"}}, **operation}},
        "/kept": {"get": {"responses": {}}},
    }
    return whole


CONTENT = {"description": "x", "content": {"application/json": {"schema": obj("id", id=INT)}}}
GONE = {"paths": {"/kept": {"get": {"responses": {}}}}}
CASES: list[tuple[str, Json, Json, str, str]] = [
    ("an operation is new", _two("/a") | GONE, _two("/a"), "OPERATION_ADDED", "INFO"),
    ("an operation is gone", _two("/a"), _two("/a") | GONE, "OPERATION_REMOVED", "ERR"),
    ("a deprecated one is gone", _two("/a", deprecated=True), _two("/a") | GONE, "OPERATION_REMOVED_DEPRECATED", "WARN"),
    (
        "its end had passed", _two("/a", deprecated=True, **{"x-sunset": "2026-11-22"}), _two("/a") | GONE,
        "OPERATION_REMOVED_DEPRECATED", "INFO",
    ),
    (
        "its end is to come", _two("/a", deprecated=True, **{"x-sunset": "2026-11-24"}), _two("/a") | GONE,
        "OPERATION_REMOVED_BEFORE_SUNSET", "ERR",
    ),
    ("it is deprecated", _two("/a"), _two("/a", deprecated=True), "OPERATION_DEPRECATED", "INFO"),
    ("it is not any more", _two("/a", deprecated=True), _two("/a"), "OPERATION_REACTIVATED", "INFO"),
    ("its id changed", _two("/a", operationId="x"), _two("/a", operationId="y"), "OPERATION_ID_CHANGED", "INFO"),
    (
        "its path changed", _two("/shop/buy", operationId="buy"), _two("/store/purchase", operationId="buy"),
        "OPERATION_RENAMED", "ERR",
    ),
    (
        "only its content tells", _two("/api/shop/buy", responses={"200": CONTENT}), _two("/api/shop/purchase", responses={"200": CONTENT}),
        "OPERATION_RENAMED", "ERR",
    ),
    ("its end is words", _two("/a"), _two("/a", deprecated=True, **{"x-sunset": "soon"}), "SUNSET_UNREADABLE", "ERR"),
    ("its end is past", _two("/a"), _two("/a", deprecated=True, **{"x-sunset": "2026-01-01"}), "SUNSET_TOO_SOON", "ERR"),
    (
        "its end came nearer", _two("/a", deprecated=True, **{"x-sunset": "2027-05-01"}),
        _two("/a", deprecated=True, **{"x-sunset": "2026-11-01"}), "SUNSET_BROUGHT_FORWARD", "ERR",
    ),
    (
        "its end is gone", _two("/a", deprecated=True, **{"x-sunset": "2027-05-01"}), _two("/a", deprecated=True),
        "SUNSET_REMOVED", "ERR",
    ),
    (
        "it is less stable", _two("/a", **{"x-stability-level": "stable"}), _two("/a", **{"x-stability-level": "beta"}),
        "STABILITY_DECREASED", "ERR",
    ),
    (
        "the base path changed", api(servers=[{"url": "https://a.example/v1"}]), api(servers=[{"url": "https://a.example/v2"}]),
        "SERVER_PATH_CHANGED", "WARN",
    ),
    ("a parameter is new", api(), api(parameters=[_query()]), "PARAMETER_ADDED", "INFO"),
    ("a required one is new", api(), api(parameters=[_query(required=True)]), "REQUIRED_PARAMETER_ADDED", "ERR"),
    ("a parameter is gone", api(parameters=[_query()]), api(), "PARAMETER_REMOVED", "WARN"),
    ("a parameter is renamed", api(parameters=[_query("page")]), api(parameters=[_query("page_no")]), "PARAMETER_RENAMED", "WARN"),
    (
        "a required one is renamed", api(parameters=[_query("page", required=True)]),
        api(parameters=[_query("page_no", required=True)]), "PARAMETER_RENAMED", "ERR",
    ),
    ("it moved", api(parameters=[_query()]), api(parameters=[_query() | {"in": "header"}]), "PARAMETER_MOVED", "WARN"),
    ("it became required", api(parameters=[_query()]), api(parameters=[_query(required=True)]), "PARAMETER_BECAME_REQUIRED", "ERR"),
    ("it became optional", api(parameters=[_query(required=True)]), api(parameters=[_query()]), "PARAMETER_BECAME_OPTIONAL", "INFO"),
    ("it is deprecated", api(parameters=[_query()]), api(parameters=[_query(deprecated=True)]), "PARAMETER_DEPRECATED", "INFO"),
    ("it is back", api(parameters=[_query(deprecated=True)]), api(parameters=[_query()]), "PARAMETER_REACTIVATED", "INFO"),
    (
        "its default changed", api(parameters=[_query(schema=INT | {"default": 1})]),
        api(parameters=[_query(schema=INT | {"default": 2})]), "PARAMETER_DEFAULT_CHANGED", "WARN",
    ),
    (
        "its default is new", api(parameters=[_query()]), api(parameters=[_query(schema=INT | {"default": 2})]),
        "PARAMETER_DEFAULT_ADDED", "WARN",
    ),
    (
        "lists are written another way", api(parameters=[_query(schema={"type": "array", "items": INT})]),
        api(parameters=[_query(schema={"type": "array", "items": INT}, explode=False)]), "PARAMETER_STYLE_CHANGED", "ERR",
    ),
    ("a parameter takes text now", api(parameters=[_query()]), api(parameters=[_query(schema=TEXT)]), "REQUEST_TYPE_CHANGED", "INFO"),
    ("a parameter takes numbers only", api(parameters=[_query(schema=TEXT)]), api(parameters=[_query()]), "REQUEST_TYPE_CHANGED", "ERR"),
    (
        "a parameter is bounded", api(parameters=[_query()]), api(parameters=[_query(schema=INT | {"maximum": 100})]),
        "REQUEST_MAXIMUM_ADDED", "ERR",
    ),
    ("a body is new", api(), api(operation=_body()), "REQUEST_BODY_ADDED", "INFO"),
    ("a required body is new", api(), api(operation=_body(required=True)), "REQUIRED_REQUEST_BODY_ADDED", "ERR"),
    ("the body is gone", api(operation=_body()), api(), "REQUEST_BODY_REMOVED", "ERR"),
    ("the body is required", api(operation=_body()), api(operation=_body(required=True)), "REQUEST_BODY_BECAME_REQUIRED", "ERR"),
    ("the body is optional", api(operation=_body(required=True)), api(operation=_body()), "REQUEST_BODY_BECAME_OPTIONAL", "INFO"),
    (
        "a format is refused", api(operation=_body()), api(operation=_body(kind="application/xml")),
        "REQUEST_MEDIA_TYPE_REMOVED", "ERR",
    ),
    ("a format is taken", api(operation=_body()), api(operation=_body(kind="application/xml")), "REQUEST_MEDIA_TYPE_ADDED", "INFO"),
    (
        "an answer's format is gone", api(operation=_answers(_200=CONTENT)),
        api(operation=_answers(_200={"description": "x", "content": {"text/csv": {}}})), "RESPONSE_MEDIA_TYPE_REMOVED", "ERR",
    ),
    ("a success is gone", api(operation=_answers(_200=CONTENT)), api(operation=_answers(_201=CONTENT)), "RESPONSE_SUCCESS_STATUS_REMOVED", "ERR"),
    ("a success is new", api(operation=_answers(_200=CONTENT)), api(operation=_answers(_200=CONTENT, _202=CONTENT)), "RESPONSE_SUCCESS_STATUS_ADDED", "INFO"),
    ("an error is gone", api(operation=_answers(_200=CONTENT, _404=CONTENT)), api(operation=_answers(_200=CONTENT)), "RESPONSE_ERROR_STATUS_REMOVED", "INFO"),
    ("an error is new", api(operation=_answers(_200=CONTENT)), api(operation=_answers(_200=CONTENT, _404=CONTENT)), "RESPONSE_ERROR_STATUS_ADDED", "INFO"),
    (
        "a header is gone", api(operation=_answers(_200={"headers": {"X-A": {"schema": TEXT}}})), api(operation=_answers(_200={})),
        "RESPONSE_HEADER_REMOVED", "WARN",
    ),
    (
        "a sure header is gone", api(operation=_answers(_200={"headers": {"X-A": {"schema": TEXT, "required": True}}})),
        api(operation=_answers(_200={})), "RESPONSE_REQUIRED_HEADER_REMOVED", "ERR",
    ),
    (
        "a header is new", api(operation=_answers(_200={})), api(operation=_answers(_200={"headers": {"X-A": {"schema": TEXT}}})),
        "RESPONSE_HEADER_ADDED", "INFO",
    ),
    (
        "a header may be missing", api(operation=_answers(_200={"headers": {"X-A": {"schema": TEXT, "required": True}}})),
        api(operation=_answers(_200={"headers": {"x-a": {"schema": TEXT}}})), "RESPONSE_HEADER_BECAME_OPTIONAL", "ERR",
    ),
    (
        "a header is no number", api(operation=_answers(_200={"headers": {"X-A": {"schema": INT}}})),
        api(operation=_answers(_200={"headers": {"x-a": {"schema": TEXT}}})), "RESPONSE_TYPE_CHANGED", "ERR",
    ),
    ("a token is asked for", api(components=BEARER), api(components=BEARER, operation={"security": [{"token": []}]}), "SECURITY_TIGHTENED", "ERR"),
    ("for all of them", api(components=BEARER), api(components=BEARER, security=[{"token": []}]), "SECURITY_TIGHTENED", "ERR"),
    ("no token is asked for", api(components=BEARER, security=[{"token": []}]), api(components=BEARER), "SECURITY_RELAXED", "INFO"),
    (
        "a further way in", api(components=BEARER, security=[{"token": []}]),
        api(components=BEARER, security=[{"token": []}, {"key": []}]), "SECURITY_RELAXED", "INFO",
    ),
    (
        "a way in is closed", api(components=BEARER, security=[{"token": []}, {"key": []}]),
        api(components=BEARER, security=[{"token": []}]), "SECURITY_TIGHTENED", "ERR",
    ),
    ("a scope is needed", api(security=[{"o": ["a"]}]), api(security=[{"o": ["a", "b"]}]), "SECURITY_SCOPE_ADDED", "ERR"),
    ("a scope is not needed", api(security=[{"o": ["a", "b"]}]), api(security=[{"o": ["a"]}]), "SECURITY_SCOPE_REMOVED", "INFO"),
    ("a webhook is new", api(), _hooked(TEXT), "WEBHOOK_ADDED", "INFO"),
    ("a webhook is gone", _hooked(TEXT), api(), "WEBHOOK_REMOVED", "ERR"),
    ("a callback is new", api(), _hooked(TEXT, "callbacks"), "CALLBACK_ADDED", "INFO"),
    ("a callback is gone", _hooked(TEXT, "callbacks"), api(), "CALLBACK_REMOVED", "ERR"),
    ("inside a webhook the service writes", _hooked(TEXT), _hooked(INT), "RESPONSE_TYPE_CHANGED", "ERR"),
    (
        "so narrowing is safe there", _hooked({"type": ["integer", "string"]}), _hooked(INT), "RESPONSE_TYPE_NARROWED", "INFO",
    ),
    (
        "and widening is not", _hooked(INT, "callbacks"), _hooked({"type": ["integer", "string"]}, "callbacks"),
        "RESPONSE_TYPE_WIDENED", "ERR",
    ),
    (
        "readOnly takes a field out of requests", api(obj(a=TEXT, b=INT)), api(obj(a=TEXT, b=INT | {"readOnly": True})),
        "REQUEST_MUTABILITY_REMOVED", "WARN",
    ),
    (
        "writeOnly takes it out of answers", api(None, obj("b", b=INT)), api(None, obj("b", b=INT | {"writeOnly": True})),
        "RESPONSE_MUTABILITY_REMOVED", "ERR",
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "code", "level"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_a_change_outside_payloads_has_its_name_and_level(
    old: Json, new: Json, code: str, level: str
) -> None:
    assert (code, level) in words(compared(old, new))
    assert code in catalogue()


def test_nearly_every_structural_code_is_exercised() -> None:
    seen = {case[3] for case in CASES}
    elsewhere = {"PARAMETER_DEFAULT_REMOVED", "RESPONSE_HEADER_BECAME_REQUIRED", "RESPONSE_MEDIA_TYPE_ADDED"}
    events = {one for one in structural() if one.startswith(("CHANNEL", "MESSAGE"))}
    assert structural().keys() - seen - elsewhere - events == set()


def test_a_path_renamed_with_all_its_methods_is_one_finding() -> None:
    def shop(path: str) -> Json:
        whole = api()
        methods = {
            one: {"operationId": f"{one}_shop", "responses": {"200": CONTENT}}
            for one in ("get", "put", "delete")
        }
        whole["paths"] = {path: methods}
        return whole

    result = compared(shop("/api/shop/{id}"), shop("/api/store/{key}"))
    assert [(one.code, one.level) for one in result.findings] == [("OPERATION_RENAMED", Level.ERR)]
    assert result.findings[0].message == "DELETE, GET, PUT /api/shop/{id} answers at /api/store/{key} now"
    assert len(result.findings[0].also) == 2
    assert result.compared.operations == 3


def test_the_name_of_a_path_parameter_is_nobodys_business() -> None:
    def user(name: str) -> Json:
        whole = api()
        parameters = [{"name": name, "in": "path", "required": True, "schema": INT}]
        whole["paths"] = {f"/users/{{{name}}}": {"get": {"parameters": parameters, "responses": {}}}}
        return whole

    assert compared(user("id"), user("user_id")).findings == ()


def test_a_missing_parameter_is_shown_as_a_call_without_it() -> None:
    (finding,) = compared(api(), api(parameters=[_query(required=True)])).findings
    assert finding.witness is not None
    assert (finding.witness.value, finding.witness.old_valid, finding.witness.new_valid) == ({}, True, False)
    assert finding.witness.wire == "without ?page=..."


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (_query(schema=TEXT), {"name": "page", "in": "query", "content": {"application/json": {"schema": TEXT}}}),
        ({"name": "id", "in": "header", "schema": TEXT}, {"name": "id", "in": "header", "schema": TEXT, "style": "label"}),
    ],
)  # fmt: skip
def test_a_value_that_is_written_another_way_is_a_break(old: Json, new: Json) -> None:
    result = compared(api(parameters=[old]), api(parameters=[new]))
    assert words(result) == {("PARAMETER_STYLE_CHANGED", "ERR")}


def test_two_spellings_of_one_format_are_both_compared() -> None:
    def both(second: Json) -> Json:
        content = {
            "application/json": {"schema": TEXT},
            "application/json; charset=utf-8": {"schema": second},
        }
        return api(operation={"requestBody": {"content": content}})

    assert words(compared(both(TEXT), both(INT))) == {("REQUEST_TYPE_CHANGED", "ERR")}


def test_a_scheme_is_told_in_words() -> None:
    sides = [api(components=BEARER, security=[{name: []}]) for name in ("token", "key")]
    said = [one.message for one in compared(*sides).findings]
    assert said == [
        "POST /things: http bearer is not enough any more",
        "POST /things: apiKey header k is enough now",
    ]


def test_a_default_status_answers_for_all_others() -> None:
    old = api(operation=_answers(_200=CONTENT, default=CONTENT))
    new = api(operation=_answers(default=CONTENT))
    assert compared(old, new).findings == ()


def test_a_notice_period_is_a_policy() -> None:
    old, new = _two("/a"), _two("/a", deprecated=True, **{"x-sunset": "2026-12-01"})
    assert ("SUNSET_TOO_SOON", "ERR") not in words(compared(old, new))
    assert ("SUNSET_TOO_SOON", "ERR") in words(compared(old, new, sunset_days=30))


def test_the_day_is_injected() -> None:
    from ccops.contract.diff import diff
    from ccops.contract.model import Policy

    old, new = _two("/a", deprecated=True, **{"x-sunset": "2027-01-31"}), _two("/a") | GONE
    before = diff(old, new, policy=Policy(today=date(2027, 1, 30)))
    after = diff(old, new, policy=Policy(today=date(2027, 1, 31)))
    assert words(before) == {("OPERATION_REMOVED_BEFORE_SUNSET", "ERR")}
    assert words(after) == {("OPERATION_REMOVED_DEPRECATED", "INFO")}


def test_one_change_of_a_shared_schema_is_one_finding_with_every_operation() -> None:
    def whole(schema: Json) -> Json:
        made = api(schemas={"User": schema})
        answer = {"200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/User"}}}}}
        made["paths"] = {f"/{name}": {"get": {"responses": answer}} for name in ("a", "b", "c")}
        return made

    (finding,) = compared(whole(obj("id", id=INT)), whole(obj("id", id=TEXT))).findings
    assert finding.operation == "GET /a"
    assert finding.also == ("GET /b", "GET /c")
    assert finding.pointer == "/components/schemas/User/properties/id/type"
    assert finding.verdict is Verdict.REFUTED


@pytest.mark.parametrize("turned", [False, True])
def test_a_shared_change_is_a_break_where_one_operation_can_show_it(turned: bool) -> None:
    ref: Json = {"$ref": "#/components/schemas/Thing"}
    hidden, plain = {"type": "array", "items": ref, "maxItems": 0}, obj("x", x=ref)

    def two(schema: Json) -> Json:
        whole = api(schemas={"Thing": obj("a", a=schema)})
        bodies = [plain, hidden] if turned else [hidden, plain]
        return whole | {
            "paths": {f"/{name}": {"post": _body(body)} for name, body in zip("ab", bodies, strict=True)}
        }

    (finding,) = compared(two(TEXT), two(INT)).findings
    assert (finding.level, finding.witness is not None) == (Level.ERR, True)
    assert {finding.operation, *finding.also} == {"POST /a", "POST /b"}
    assert finding.operation == ("POST /a" if turned else "POST /b")


def test_a_form_travels_as_text() -> None:
    def form(schema: Json) -> Json:
        return api(operation=_body(obj(a=schema), kind="application/x-www-form-urlencoded"))

    assert words(compared(form(INT), form(TEXT))) == {("REQUEST_TYPE_CHANGED", "INFO")}
    assert words(compared(form(TEXT), form(INT))) == {("REQUEST_TYPE_CHANGED", "ERR")}


def test_closed_clients_are_a_policy() -> None:
    old = api(None, obj(a=TEXT) | {"additionalProperties": False})
    new = api(None, obj(a=TEXT, b=TEXT) | {"additionalProperties": False})
    (quiet,) = compared(old, new).findings
    (loud,) = compared(old, new, closed_clients=Level.ERR).findings
    assert (quiet.code, quiet.level, loud.level) == (
        "RESPONSE_PROPERTY_ADDED_TO_CLOSED",
        Level.INFO,
        Level.ERR,
    )
    assert loud.witness is not None
    assert loud.witness.value == {"b": "text"}
    assert quiet.direction is Direction.RESPONSE
