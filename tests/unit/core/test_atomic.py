"""A file is written whole, or it stays as it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from ccops.core.atomic import write_whole


def test_the_text_stands_with_the_mode_that_was_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "a"
    write_whole(path, "eins\r\nzwei\n", mode=0o644)

    assert path.read_bytes() == b"eins\r\nzwei\n"
    assert path.stat().st_mode & 0o7777 == 0o644
    write_whole(path, "x")
    assert path.stat().st_mode & 0o7777 == 0o600


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_what_was_there_stays_when_writing_fails_and_nothing_lies_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    path = tmp_path / "a"
    path.write_text("before")

    def fail(_: int) -> None:
        raise error

    monkeypatch.setattr("ccops.core.atomic.os.fsync", fail)
    with pytest.raises(error):
        write_whole(path, "after")
    assert [one.name for one in tmp_path.iterdir()] == ["a"]
    assert path.read_text() == "before"
