"""Strict YAML documents whose nodes know their place."""

# ruff: noqa: E501 - a finding is one line, and is compared as one
from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccops.smoke.document import MAX_BYTES, compose, read_text


def value_of(text: str) -> object:
    root, findings = compose(text, "f.yaml")
    assert findings == []
    assert root is not None
    return root.plain()


def first_finding(text: str) -> str:
    _, findings = compose(text, "f.yaml")
    return str(findings[0])


@pytest.mark.parametrize(
    "text", ["yes", "no", "on", "off", "y", "0123", "0o17", "0x1f", "1:30", "2024-01-01", "1_000"]
)
def test_what_yaml_1_1_would_convert_stays_text(text: str) -> None:
    assert value_of(f"a: {text}") == {"a": text}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("false", False),
        ("~", None),
        ("", None),
        ("null", None),
        ("0", 0),
        ("-7", -7),
        ("1.5", 1.5),
        ("1e3", 1000.0),
    ],
)
def test_json_scalars_have_their_types(text: str, value: object) -> None:
    found = value_of(f"a: {text}\n")

    assert found == {"a": value}
    assert type(found["a"]) is type(value)


@pytest.mark.parametrize("text", ['"5858"', "'true'", "!!str 5858", "|\n  1\n"])
def test_a_quoted_scalar_is_text(text: str) -> None:
    assert isinstance(value_of(f"a: {text}")["a"], str)  # type: ignore[index]


def test_keys_are_always_text() -> None:
    assert value_of("{200: 1, true: 2, ~: 3}") == {"200": 1, "true": 2, "~": 3}


def test_a_node_knows_its_place_behind_wide_characters() -> None:
    root, _ = compose("a: 1\n가나: {다: [값, 틀림]}\n", "f.yaml")
    assert root is not None

    node = root.get("가나").get("다").items()[1]  # type: ignore[union-attr]

    assert str(node.place) == "f.yaml:2:13"


def test_a_byte_order_mark_is_tolerated(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: 1\n")

    assert read_text(path, "f.yaml") == ("a: 1\n", [])


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("a: 1\nb: 2\na: 3", "f.yaml:3:1: a stands here a second time, first on line 1"),
        ("a:\n\t- 1", "f.yaml:2:1: not YAML: found character that cannot start any token (indent with spaces, not tabs)"),
        ("a: &x [*x]", "f.yaml:1:8: *x stands inside its own anchor"),
        ("a: *b", "f.yaml:1:4: *b has no anchor &b above it"),
        ("--- a\n--- b", "f.yaml:2:1: a second document begins here; only the first is read (one file, one document)"),
        ("a: !exact {}", "f.yaml:1:4: the tag !exact has no place here (write $exact: {...})"),
        ("a: 'x\x01'", "f.yaml:1:6: character U+0001 is not allowed in YAML (save the file as UTF-8 text)"),
        ("a: True", 'f.yaml:1:4: True could be a text or a value (write true or "True")'),
        ("a: &x {b: 1}\nc: {<<: *x}", "f.yaml:2:5: `<<` hides what a mapping holds (use an alias for the whole value)"),
        ("", "f.yaml:1:1: the file is empty"),
        ("a: {{ nick }}", "f.yaml:1:5: a key is a text, this is a mapping (write ${name}, not {{ name }}; quote texts that begin with { or [)"),
    ],
)  # fmt: skip
def test_a_broken_document_gives_a_finding_with_its_place(text: str, finding: str) -> None:
    assert first_finding(text) == finding


def test_nested_aliases_are_stopped_before_they_fill_memory() -> None:
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]\n" for level in range(1, 12)
    )

    assert "more than 50,000 nodes with aliases expanded" in first_finding(bomb)


def test_deep_nesting_is_a_finding_and_not_a_recursion_error() -> None:
    assert "nested deeper than 60 levels" in first_finding("[" * 5000)


def test_a_file_over_one_mebibyte_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_bytes(b"# " + b"x" * MAX_BYTES)

    assert [str(finding) for finding in read_text(path, "f.yaml")[1]] == [
        "f.yaml:1:1: the file is longer than 1 MiB"
    ]


def test_bytes_that_are_not_utf_8_are_named_with_their_place(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_bytes("a: 1\n가: ".encode() + b"\xff")

    assert str(read_text(path, "f.yaml")[1][0]) == "f.yaml:2:4: the file is not UTF-8 from here on"


@settings(database=None, deadline=None, max_examples=300)
@given(st.text() | st.text(alphabet="{}[]:,-&*!|>'\"%@`#\n\t ?a1<~\ufeff\u2028"))
def test_any_text_gives_a_document_or_findings(text: str) -> None:
    root, findings = compose(text, "f.yaml")

    assert root is not None or findings
    for finding in findings:
        assert finding.place.line >= 1
        assert finding.place.column >= 1
