"""The help of the contract commands: examples on lines of their own, before the options, and exit codes."""

import pytest

from ccops.__main__ import main

WORDS = [
    *[("openapi", name) for name in ("export", "diff", "snapshot", "comment", "approve")],
    *[("contract", name) for name in ("export", "diff")],
    ("lint", "routes"),
]


@pytest.mark.parametrize("words", WORDS, ids=" ".join)
def test_help_begins_with_examples_and_tells_exit_codes(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words, "--help"]) == 0
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    examples = [line for line in lines if line.removeprefix("GITHUB_TOKEN=... ").startswith("ccops ")]
    assert all(line.count("ccops ") == 1 for line in examples)
    first = lines.index(examples[0])
    assert first < next(place for place, line in enumerate(lines) if line.startswith("Exit codes: 0"))
    assert first < lines.index("Options:")
