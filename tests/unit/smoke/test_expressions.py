"""`${...}`: types, escapes, the sandbox, and names that are not there."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccops.smoke.expressions import ExpressionError, names_in, render
from ccops.smoke.functions import FUNCTIONS, make_functions


class NoonUtc:
    def now(self) -> datetime:
        return datetime(2026, 11, 22, 16, 30, 0, 123456, tzinfo=UTC)

    def monotonic(self) -> float:
        return 0.0


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${gold}", 1500),
        ("${gold + bonus}", 1600),
        ("${gold // 7}", 214),
        ("x${gold}y", "x1500y"),
        ("${body.items[1].id}", 8),
        ("${body['odd name']}", 1),
        ("${flag}!", "true!"),
        ("${body.items}!", '[{"id":7},{"id":8}]!'),
        ("$${gold}", "${gold}"),
        ("$$${gold}", "$${gold}"),
        ("cost $5", "cost $5"),
        ("${ {'a': {'b': gold}} }", {"a": {"b": 1500}}),
        ("${'}'}", "}"),
        ("${gold == 1500 and not flag}", False),
    ],
)
def test_an_expression_keeps_its_type_unless_it_stands_in_a_text(text: str, value: object) -> None:
    scope = {
        "gold": 1500,
        "bonus": 100,
        "flag": True,
        "body": {"items": [{"id": 7}, {"id": 8}], "odd name": 1},
    }

    found = render(text, scope)

    assert found == value
    assert type(found) is type(value)


def test_rendering_goes_into_lists_mappings_and_keys() -> None:
    assert render({"user:${uid}": [{"id": "${uid}"}, 5, None]}, {"uid": 3}) == {
        "user:3": [{"id": 3}, 5, None]
    }


@settings(database=None, deadline=None)
@given(st.integers(), st.integers())
def test_whole_numbers_stay_exact(gold: int, bonus: int) -> None:
    found = render("${gold + bonus * 2 - 1}", {"gold": gold, "bonus": bonus})

    assert found == gold + bonus * 2 - 1
    assert type(found) is int


def test_an_undefined_name_is_named_with_the_nearest_known_one() -> None:
    with pytest.raises(ExpressionError) as caught:
        render({"a": ["${acess}"]}, {"access": "token", "uid": 1})

    assert (caught.value.name, caught.value.nearest) == ("acess", "access")
    assert caught.value.next_step == "did you mean access?"


def test_a_missing_field_is_an_error_and_not_empty() -> None:
    with pytest.raises(ExpressionError, match="not there"):
        render("${body.nope}", {"body": {"a": 1}})


def test_null_inside_a_text_is_an_error() -> None:
    with pytest.raises(ExpressionError, match="null inside a text"):
        render("/api/users/${uid}", {"uid": None})


@pytest.mark.parametrize(
    "expression",
    [
        "''.__class__",
        "x.__class__.__mro__",
        "x|attr('__class__')",
        "x['__class__']",
        "''['__class__']",
        "'{0.__class__}'.format(x)",
        "range(10)",
        "items.append(1)",
        "body.update(a=1)",
        "9 ** 9 ** 9",
        "'a' * 100000000",
        "[1] * 100000000",
        "'%99999999d' % 1",
        "'a'.center(99999999)",
        "'{:>99999999}'.format(1)",
        "lipsum()",
        "self",
        "1 / 0",
        "x + 'text'",
        "nothing here",
        "",
        "(" * 400 + ")" * 400,
        "1 + " * 600 + "1",
    ],
)
def test_what_the_sandbox_refuses_is_an_expression_error(expression: str) -> None:
    with pytest.raises(ExpressionError):
        render("${" + expression + "}", {"x": 1, "items": [1], "body": {"a": 0}})


def test_an_error_never_holds_a_value() -> None:
    with pytest.raises(ExpressionError) as caught:
        render("${token|int + 1}", {"token": "s3cret-token"})

    assert "s3cret" not in f"{caught.value.message}{caught.value.evidence}{caught.value.next_step}"


def test_names_are_found_at_every_depth() -> None:
    value = {"k${a}": ["${b.x + f(c)}", {"d": "text ${d[e]}"}], "plain": "$${no}"}

    assert names_in(value) == {"a", "b", "c", "d", "e", "f"}


@settings(database=None, deadline=None, max_examples=300)
@given(st.text(alphabet="${}'\"\\ab.()[]+*|%~ 1\n", max_size=40))
def test_any_text_renders_or_is_an_expression_error(text: str) -> None:
    with contextlib.suppress(ExpressionError):
        render(text, {"a": 1, "b": {"a": "x"}})
    with contextlib.suppress(ExpressionError):
        names_in(text)


def test_the_same_seed_gives_the_same_values_and_another_seed_others() -> None:
    def values(seed: str) -> list[object]:
        functions = make_functions(seed, NoonUtc())
        return [
            functions["unique"]("day"),
            functions["unique"]("day"),
            functions["uuid"](),
            functions["random_password"](),
        ]

    first = values("7f3a")

    assert first == values("7f3a")
    assert first[0] != first[1]
    assert not set(first) & set(values("7f3b"))


def test_dates_come_from_the_clock_and_know_zones() -> None:
    scope = make_functions("1", NoonUtc())

    assert tuple(scope) == FUNCTIONS
    assert render("${now_iso()}", scope) == "2026-11-22T16:30:00.123Z"
    assert render("${today()} ${today('Asia/Seoul')}", scope) == "2026-11-22 2026-11-23"
    with pytest.raises(ExpressionError, match="no such time zone"):
        render("${today('Mars/Olympus')}", scope)
