"""The YAML tree: texts with places, every doubtful construct refused, and no input that it can't survive."""

from __future__ import annotations

import gc

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ccops.core.yamltree import Flaw, Mapping, Scalar, Sequence, compose


def _values(text: str) -> Mapping:
    root, flaws = compose(text)
    assert flaws == ()
    assert isinstance(root, Mapping)
    return root


def test_scalars_stay_the_text_that_was_written_and_know_their_lines() -> None:
    found = _values("a: 020\nb: yes\nc: 'x'\nd: |\n  one\n  two\ne: >-\n  three").values
    texts = {name: node.text for name, node in found.items() if isinstance(node, Scalar)}
    assert texts == {"a": "020", "b": "yes", "c": "x", "d": "one\ntwo\n", "e": "three"}
    block = found["d"]
    assert isinstance(block, Scalar)
    assert (block.line, block.last_line, block.block, block.plain) == (4, 6, True, False)


def test_keys_have_places_and_lists_their_items() -> None:
    root = _values("a:\n  - 1\n  - b: 2\n")
    assert (root.keys["a"].line, root.keys["a"].column) == (1, 1)
    listed = root.values["a"]
    assert isinstance(listed, Sequence)
    assert [one.line for one in listed.items] == [2, 3]


def test_a_byte_order_mark_and_carriage_returns_are_no_matter() -> None:
    assert compose("\ufeffa: b\r\nc: d\r\n") == compose("a: b\nc: d\n")


@pytest.mark.parametrize(
    ("text", "typed"),
    [
        ("yes", True),
        ("1", True),
        ("0x1f", True),
        ("1e3", True),
        ("1:30", True),
        ("'1'", False),
        ("one", False),
        ("1a", False),
    ],
)
def test_what_another_reader_takes_for_a_number_or_boolean_is_known(text: str, typed: bool) -> None:
    node = _values(f"a: {text}").values["a"]
    assert isinstance(node, Scalar)
    assert node.typed is typed


@pytest.mark.parametrize(
    ("text", "kind", "line"),
    [
        ("a: 1\nb: 2\na: 3", "key_twice", 3),
        ("a: 1\n---\nb: 2", "second_document", 2),
        ("a: [\n", "syntax", 2),
        ("a:\n\t- b", "syntax", 2),
        ("a: 1\nb: \x01", "character", 2),
        ('a: "\\/"', "syntax", 1),
        ("a: \ud800", "character", 1),
        ("<<: {a: b}", "merge", 1),
        ("a: !!python/object x", "tag", 1),
        ("a: !!int 5", "tag", 1),
        ("? [a]\n: b", "key", 1),
        ("a: &x [*x]", "inside_itself", 1),
        ("a: *x", "alias", 1),
        ("[" * 100_000, "depth", 1),
        ("- " * 5_000 + "a", "depth", 1),
    ],
)
def test_what_readers_could_differ_about_is_a_flaw_at_its_line(text: str, kind: str, line: int) -> None:
    found = compose(text)[1]
    assert [(one.kind, one.line) for one in found][-1:] == [(kind, line)]


@pytest.mark.parametrize(
    "text",
    [
        "a: 1\nb: 1",
        "a: '<<'",
        "a: [*x]".replace("*x", "x"),
        'a: "\\\\/"',
        "a: &x 1\nb: *x",
        "--- {a: 1}",
        "- " * 59 + "a",
    ],
)
def test_what_is_close_to_a_flaw_passes(text: str) -> None:
    assert compose(text)[1] == ()


def test_a_key_that_is_no_text_is_left_out_and_the_rest_is_read() -> None:
    root, flaws = compose("a: {{ b: 1 }: [2], [c]: d, e: f}\ng: h")
    assert [(one.kind, one.column) for one in flaws] == [("key", 5), ("key", 20)]
    assert isinstance(root, Mapping)
    inner = root.values["a"]
    assert isinstance(inner, Mapping)
    assert (list(root.values), list(inner.values)) == (["a", "g"], ["e"])


def test_a_tagged_text_is_not_typed_and_an_escape_of_1_2_is_read_where_it_may_be() -> None:
    root, flaws = compose('a: !!str 5\nb: "x\\/y"', slash=True)
    assert (flaws, isinstance(root, Mapping)) == ((), True)
    assert isinstance(root, Mapping)
    texts = [(node.text, node.typed) for node in root.values.values() if isinstance(node, Scalar)]
    assert texts == [("5", False), ("x/y", False)]


def test_the_limits_are_the_callers() -> None:
    assert compose("[" * 4 + "]" * 4, depth=4)[1] == ()
    assert [one.kind for one in compose("[" * 4 + "]" * 4, depth=3)[1]] == ["depth"]


def test_aliases_count_as_what_they_stand_for() -> None:
    lines = ["a0: &a0 [x, x]", *(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]" for i in range(1, 12))]
    assert compose("\n".join(lines[:5]), nodes=1000)[1] == ()
    assert [one.kind for one in compose("\n".join(lines), nodes=1000)[1]] == ["size"]


def test_garbage_collection_is_left_as_it_was() -> None:
    assert gc.isenabled()
    compose("a: [")
    assert gc.isenabled()
    gc.disable()
    try:
        compose("a: b")
        assert not gc.isenabled()
    finally:
        gc.enable()


_WORDS = ["a", "<<", "&x ", "*x", "!t ", "a: b\n", "---\n", "...\n", "\ufeff", "\x00", "\ud800", "\x85", "  "]
_PIECES = st.sampled_from([*_WORDS, "- ", "|\n", *":?[]{}'\"|>#%~,\t\n\\é"])


@given(st.lists(_PIECES, max_size=40).map("".join) | st.text(max_size=80))
@example("[" * 300)
@example("{a: " * 300)
@example("&a " * 50)
def test_no_text_does_more_than_be_read_or_be_flawed(text: str) -> None:
    root, flaws = compose(text)
    assert isinstance(root, Scalar | Sequence | Mapping | None)
    assert all(isinstance(one, Flaw) and one.line >= 1 for one in flaws)
