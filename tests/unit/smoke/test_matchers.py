"""Patterns against observed values."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccops.core.masking import Masker
from ccops.smoke.conditions import MATCHERS
from ccops.smoke.matchers import match, match_headers, matches, render_expected, render_mismatches
from ccops.smoke.values import MISSING, columns

FRAME = {"type": "reward_granted", "data": {"amount": 1000, "balance_after": 2510}, "seq": 7}


@pytest.mark.parametrize(
    ("pattern", "value"),
    [
        (5, 5),
        (1, 1.0),
        (5, Decimal("5")),
        (0.1, Decimal("0.1")),
        (None, None),
        ({"type": "reward_granted"}, FRAME),
        ({"data": {"amount": {"gt": 999, "le": 1000}}}, FRAME),
        ({"$exact": {"a": 1}}, {"a": 1}),
        ({"$object": {"type": "int"}}, {"type": "int", "more": 1}),
        ({"a": "$absent"}, {}),
        ({"a": {"in": ["$absent", 1]}}, {}),
        ([1, {"gt": 1}], [1, 2]),
        ({"between": [1, 3]}, 3),
        ({"between": ["23h", "24h"]}, 84_000),
        ({"ge": "2026-01-01"}, "2026-11-22"),
        ({"in": [200, 201]}, 201),
        ({"in": [{"gt": 5}, None]}, None),
        ({"not": 5}, 6),
        ({"not": "$absent"}, 0),
        ({"re": "^[a-z]+-[0-9]+$"}, "day-17"),
        ({"type": "int"}, 3),
        ({"type": ["str", None]}, None),
        ({"type": "array"}, []),
        ({"len": 2}, [1, 2]),
        ({"len": {"ge": 2}}, "가나다"),
        ({"has": "오늘"}, "오늘의 보상"),
        ({"has": ["a", "b"]}, {"a": 1, "b": 2}),
        ({"has": [{"id": 2}]}, [{"id": 1}, {"id": 2}]),
        ({"each": {"id": {"type": "int"}}}, [{"id": 1}, {"id": 2}]),
        ({"any": {"action_type": "SLOT_SPIN"}}, [{"action_type": "X"}, {"action_type": "SLOT_SPIN"}]),
        ({"len": {"ge": 1}, "any": {"a": 1}}, [{"a": 1}]),
        ({"unordered": ["$any", 1]}, [1, 2]),
        ({"approx": 2.5}, 2.500001),
        ({"approx": [10, 2]}, 11.5),
        ({"delta": {"ge": 1}}, {"value": 9, "delta": 2.0}),
        ({"changed_by": 1}, {"value": 9, "delta": 1.0}),
        ({"delta": 100}, {"delta": 100}),
        ({"schema": {"type": "object", "required": ["a"]}}, {"a": 1}),
        ({"schema": "v1"}, {"schema": "v1"}),
        ("$any", 0),
        ("$uuid", uuid.UUID(int=5)),
        ("$iso8601", datetime(2026, 11, 22, 1, 2, 3, tzinfo=UTC)),
        ("$iso8601", "2026-11-22T01:02:03.004Z"),
        ("가나", "가나".encode()),
    ],
)
def test_a_value_that_fits_has_no_mismatch(pattern: object, value: object) -> None:
    assert match(pattern, value) == []


@pytest.mark.parametrize(
    ("pattern", "value", "path"),
    [
        (1, True, "$"),
        (True, 1, "$"),
        ("1", 1, "$"),
        (1, "1", "$"),
        (None, 0, "$"),
        (2**53 + 1, float(2**53), "$"),
        ({"a": None}, {}, "$.a"),
        ({"data": {"amount": 999}}, FRAME, "$.data.amount"),
        ({"data": {"odd key": 1}}, FRAME, "$.data['odd key']"),
        ({"$exact": {"a": 1}}, {"a": 1, "b": 2}, "$.b"),
        ({"a": "$absent"}, {"a": None}, "$.a"),
        ({"a": {"not": 5}}, {}, "$.a"),
        ([1, 2], [1, 3], "$[1]"),
        ([1], [1, 2], "len($)"),
        ([], {}, "$"),
        ({}, [], "$"),
        ({"ge": 1}, "2", "$"),
        ({"ge": 1}, True, "$"),
        ({"ge": 1}, None, "$"),
        ({"ge": 1, "le": 3}, 4, "$"),
        ({"between": [1, 3]}, 4, "$"),
        ({"between": [1]}, 1, "$"),
        ({"in": [1, 2]}, 3, "$"),
        ({"not": {"gt": 5}}, 6, "$"),
        ({"re": "^a"}, "ba", "$"),
        ({"re": "a"}, 5, "$"),
        ({"re": "("}, "(", "$"),
        ({"re": "a"}, "a" * 10_001, "$"),
        ({"type": "int"}, 1.0, "$"),
        ({"type": "int"}, True, "$"),
        ({"type": "number"}, False, "$"),
        ({"len": 2}, [1], "len($)"),
        ({"len": 1}, 5, "$"),
        ({"has": ["c"]}, {"a": 1}, "$"),
        ({"each": {"gt": 1}}, [2, 1], "$[1]"),
        ({"each": 1}, [], "$"),
        ({"any": 1}, [], "$"),
        ({"any": 1}, {"a": 1}, "$"),
        ({"unordered": [1, 2]}, [1, 3], "$[1]"),
        ({"unordered": [1]}, [1, 1], "len($)"),
        ({"approx": [10, 1]}, 11.5, "$"),
        ({"delta": 1}, {"delta": 2}, "$.delta"),
        ({"delta": 1}, 5, "$"),
        ({"schema": {"type": "object", "properties": {"a": {"type": "integer"}}}}, {"a": "x"}, "$.a"),
        ({"schema": {"type": "nonsense"}}, {}, "$"),
        ({"schema": {"$ref": "https://example.invalid/x.json"}}, {}, "$"),
        ({"ref": "unknown"}, 1, "$"),
        ("$any", None, "$"),
        ("$uuid", "not-a-uuid", "$"),
        ("$iso8601", "2026-11-22", "$"),
    ],
)
def test_a_value_that_does_not_fit_is_named_by_its_path(pattern: object, value: object, path: str) -> None:
    assert [item.path for item in match(pattern, value)] == [path]


def test_every_difference_is_listed_and_not_only_the_first() -> None:
    pattern = {"type": "streak_update", "data": {"amount": 1, "balance_after": 2}}

    assert [item.path for item in match(pattern, FRAME)] == [
        "$.type",
        "$.data.amount",
        "$.data.balance_after",
    ]


def test_the_number_of_differences_is_bounded() -> None:
    assert len(match(list(range(1000)), [None] * 1000)) == 50


def test_an_absent_key_is_told_from_null() -> None:
    assert match({"a": 1}, {})[0].got is MISSING
    assert match({"a": 1}, {"a": None})[0].got is None


def test_ref_and_delta_read_the_scope() -> None:
    assert matches({"ref": "before.gold"}, 5, {"before": {"gold": 5}})
    assert not matches({"ref": "before.gold"}, 6, {"before": {"gold": 5}})
    assert matches({"changed_by": {"ge": 2}}, 7, {"baseline": 5})


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text().filter(lambda text: not text.startswith("$")),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(max_size=8).filter(lambda key: key not in MATCHERS and key[:1] != "$"), inner, max_size=4
        )
    ),
    max_leaves=20,
)


@settings(database=None, deadline=None, max_examples=200)
@given(JSON)
def test_every_value_fits_itself(value: object) -> None:
    assert match(value, value) == []
    assert match(render_expected("${x}", {"x": value}), value) == []


@settings(database=None, deadline=None, max_examples=200)
@given(JSON, JSON)
def test_as_a_literal_only_an_equal_value_fits(value: object, other: object) -> None:
    both_ways = (
        matches(render_expected("${x}", {"x": value}), other),
        matches(render_expected("${x}", {"x": other}), value),
    )

    assert both_ways[0] == both_ways[1]


@settings(database=None, deadline=None, max_examples=200)
@given(st.dictionaries(st.sampled_from([*MATCHERS, "a"]), JSON, max_size=3), JSON)
def test_no_operand_and_no_value_raises(pattern: dict[str, object], value: object) -> None:
    lines = render_mismatches(match(pattern, value), width=60)

    assert all("\n" not in line for line in lines)


@pytest.mark.parametrize("captured", ["$any", "$absent", {"ge": 0}, {"type": "int"}])
def test_a_captured_value_never_acts_as_a_matcher(captured: object) -> None:
    pattern = render_expected({"id": "${uid}"}, {"uid": captured})

    assert match(pattern, {"id": captured}) == []
    assert match(pattern, {"id": 5})
    assert match(pattern, {})


def test_matchers_take_rendered_operands() -> None:
    scope = {"gold": 10, "old": "r1", "seen": [1, 2]}

    assert matches(render_expected({"between": ["${gold - 1}", "${gold + 1}"]}, scope), 11)
    assert matches(render_expected({"not": "${old}"}, scope), "r2")
    assert not matches(render_expected({"not": "${old}"}, scope), "r1")
    assert matches(render_expected({"in": "${seen}"}, scope), 2)
    assert matches(render_expected({"unordered": "${seen}"}, scope), [2, 1])
    assert not matches(render_expected({"ge": "${gold}"}, scope), 9)


def test_headers_ignore_case_and_digits_compare_as_numbers() -> None:
    headers = {"retry-after": "17", "X-Trace-Id": "4bf9"}

    assert match_headers({"Retry-After": {"between": [1, 600]}, "x-trace-id": {"len": 4}}, headers) == []
    assert match_headers({"Retry-After": "17"}, headers) == []
    assert [item.path for item in match_headers({"Retry-After": {"lt": 5}, "X-No": "$any"}, headers)] == [
        "$.Retry-After",
        "$.X-No",
    ]


def test_a_secret_is_masked_before_a_long_value_is_shortened() -> None:
    token = "eyJhbGciOiJIUzI1NiJ9." + "x" * 200
    found = match({"token": "other"}, {"token": token})

    lines = render_mismatches(found, width=60, mask=Masker([token]).text)

    assert lines == ['$.token  wanted "other"  got "***"']


def test_long_and_wide_values_stay_inside_the_width() -> None:
    found = match({"a": {"제목": "가" * 200}, "b": 1}, {"a": {"제목": "나" * 200}, "b": "x\ny" * 90})

    lines = render_mismatches(found, width=80)

    assert len(lines) == 2
    assert all(columns(line) <= 80 for line in lines)
    assert all("…" in line for line in lines)


def test_a_mismatch_for_machines_is_plain_json() -> None:
    item = match({"a": 1}, {"a": {"id": uuid.UUID(int=5), "sum": Decimal("2.50"), "n": Decimal("3")}})[0]

    assert item.as_json() == {
        "path": "$.a",
        "wanted": 1,
        "got": {"id": "00000000-0000-0000-0000-000000000005", "sum": "2.50", "n": 3},
    }
