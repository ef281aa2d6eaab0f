"""The README's picture is drawn from the committed text of a run."""

from tests.picture import DOCS, draw, kept


def test_the_picture_shows_the_committed_run() -> None:
    text = (DOCS / "journey.txt").read_text(encoding="utf-8")
    assert (DOCS / "journey.svg").read_text(encoding="utf-8") == draw(text)


def test_the_committed_run_is_a_green_one_with_six_parts() -> None:
    lines = (DOCS / "journey.txt").read_text(encoding="utf-8").splitlines()
    assert [line[:3].strip() for line in lines if line.startswith("✓")] == [
        "✓ " + str(n) for n in range(1, 7)
    ]
    assert lines[-1].startswith("OK journey")


def test_only_the_lines_of_the_story_are_kept() -> None:
    assert (
        kept("noise\n✓ 1  Sign up\n  ✓ step\nOK journey: 1 passed\n")
        == "✓ 1  Sign up\nOK journey: 1 passed\n"
    )
