"""YAML as plain texts: what is doubtful is an error, and no text ends the process or fills the memory."""

from __future__ import annotations

import pytest

from ccops.rules.strictyaml import StrictYamlError, load_texts


def test_scalars_stay_texts_and_aliases_are_followed() -> None:
    assert load_texts("a: 020\nb: [yes, 1e3, ~]\nc: &c {d: 'x'}\ne: *c\n") == {
        "a": "020",
        "b": ["yes", "1e3", "~"],
        "c": {"d": "x"},
        "e": {"d": "x"},
    }
    assert load_texts("") is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\na: 2", "line 2, column 1: a stands here a second time"),
        ("a: [", "line 2, column"),
        ("a: 1\n---\nb: 2", "line 2, column 1: a second document"),
        ("<<: {a: b}", "line 1, column 1: `<<`"),
        ("a: &x [*x]", "line 1, column 8"),
        ("[" * 100_000, "nested deeper"),
        (
            "b0: &a0 [x, x]\n"
            + "".join(f"b{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 8)}]\n" for i in range(1, 12)),
            "nodes with aliases expanded",
        ),
    ],
)
def test_what_is_doubtful_or_endless_is_an_error_with_its_line(text: str, said: str) -> None:
    with pytest.raises(StrictYamlError, match=r"^line \d+, column \d+: ") as caught:
        load_texts(text)
    assert said in str(caught.value)
