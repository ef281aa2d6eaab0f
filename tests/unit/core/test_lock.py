"""A lock file holds one process at a time, and a process that died holds nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ccops.core.lock import is_taken, take

_HOLD = """
import sys, time
from pathlib import Path
from ccops.core.lock import take
take(Path(sys.argv[1])); print("held", flush=True); time.sleep(60)
"""


def test_the_second_to_ask_is_told_so_until_the_first_lets_go(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    handle = take(path)
    assert is_taken(path)
    with pytest.raises(BlockingIOError):
        take(path)
    os.close(handle)
    assert not is_taken(path)
    os.close(take(path))


def test_a_file_that_is_not_there_is_free_and_is_not_made_by_looking(tmp_path: Path) -> None:
    assert not is_taken(tmp_path / "lock")
    assert not (tmp_path / "lock").exists()


def test_the_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with subprocess.Popen([sys.executable, "-c", _HOLD, str(path)], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"held\n"
        assert is_taken(path)
        child.send_signal(signal.SIGKILL)
    assert not is_taken(path)
