"""Logs of many services read as one."""

from __future__ import annotations

from pathlib import Path

import pytest

from ccops.core.errors import UsageError
from ccops.stack.logfiles import rotate, tail
from ccops.stack.logview import pattern, recent

POSTGRES = "2026-11-22 09:00:01.500 UTC [1] LOG:  ready"
VALKEY = "1:M 2026-11-22T18:00:01.250+09:00 * Ready"
BACKEND = '{"ts": "2026-11-22T09:00:01.750Z", "message": "started"}'


@pytest.fixture
def logs(tmp_path: Path) -> dict[str, Path]:
    texts = {
        "postgres": f"{POSTGRES}\n\tits second line\n",
        "redis": f"{VALKEY}\n",
        "backend": f"{BACKEND}\n",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    return {name: tmp_path / name for name in texts}


def test_lines_of_all_services_come_in_the_order_of_time_whatever_their_zone(logs: dict[str, Path]) -> None:
    lines = recent(logs, 10)

    assert [line.text for line in lines] == [VALKEY, POSTGRES, "\tits second line", BACKEND]


def test_tail_counts_over_all_services_and_a_missing_log_is_no_error(logs: dict[str, Path]) -> None:
    lines = recent({**logs, "kafka": Path("nowhere")}, 2)

    assert [line.service for line in lines] == ["postgres", "backend"]
    assert recent(logs, 0) == []


def test_grep_looks_at_every_line_before_it_counts(tmp_path: Path) -> None:
    path = tmp_path / "backend"
    path.write_text("ERROR first\n" + "fine\n" * 5000)

    assert [line.text for line in recent({"backend": path}, 1, pattern("ERR"))] == ["ERROR first"]


def test_a_bad_pattern_is_shown_with_its_place() -> None:
    with pytest.raises(UsageError) as error:
        pattern("a(b")

    assert error.value.evidence == "a(b\n ^"


@pytest.mark.parametrize("count", [0, 1, 3, 5000, 9999])
def test_tail_returns_exactly_the_last_lines(tmp_path: Path, count: int) -> None:
    path = tmp_path / "log"
    every = [f"line {number}" for number in range(5000)]
    path.write_text("\n".join(every) + "\n")

    assert tail(path, count) == (every[-count:] if count else [])


def test_rotation_keeps_the_writers_handle_and_three_old_files(tmp_path: Path) -> None:
    path = tmp_path / "redis.log"
    with path.open("ab", buffering=0) as writer:
        for number in range(5):
            writer.write(f"generation {number} {'x' * 100}\n".encode())
            assert rotate(path, limit=100)
        writer.write(b"after\n")

    assert path.read_text() == "after\n"
    kept = [(tmp_path / f"redis.log.{number}").read_text()[:12] for number in (1, 2, 3)]
    assert kept == ["generation 4", "generation 3", "generation 2"]
    assert not (tmp_path / "redis.log.4").exists()
    assert not rotate(path, limit=100)
