"""What is decided before anything listens: paths, grants, handles, imports."""

import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from ccops.core.errors import UsageError
from ccops.stack.clickhouse_front.config import prepare
from ccops.stack.clickhouse_front.errors import ServerError
from ccops.stack.clickhouse_front.handles import Handles, literal


@dataclass
class Connection:
    """Remembers what it was asked; stands for the engine, whose own behaviour the integration tests cover."""

    asked: list[bytes] = field(default_factory=list)
    closed: bool = False

    def query(self, sql: bytes, output: str, /, *, params: dict[str, str]) -> None:
        self.asked.append(sql)

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def opened() -> list[Connection]:
    return []


@pytest.fixture
def handles(opened: list[Connection]) -> Handles:
    def connect() -> Connection:
        opened.append(Connection())
        return opened[-1]

    return Handles(connect)  # type: ignore[arg-type]


def test_importing_the_front_loads_nothing_heavy() -> None:
    script = (
        "import sys, ccops.stack, ccops.stack.clickhouse_front.__main__\n"
        "heavy = {'chdb', 'pandas', 'pyarrow', 'numpy', 'lz4', 'rich', 'typer', 'httpx'} & set(sys.modules)\n"
        "sys.exit(', '.join(heavy) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_configuration_never_grants_a_source(tmp_path: Path) -> None:
    layout = prepare(tmp_path / "a b")
    root = ET.parse(layout.config.with_name("users.xml")).getroot()
    grants = [query.text or "" for query in root.iter("query")]
    assert grants
    for word in ("SOURCES", "FILE", "URL", "REMOTE", "S3", "BACKUP", "CREATE USER", " ALL "):
        assert not any(grant.startswith("GRANT") and word in grant for grant in grants), word
    engines = {grant.removeprefix("GRANT TABLE ENGINE ON ") for grant in grants if "TABLE ENGINE" in grant}
    assert {"MergeTree", "ReplacingMergeTree"} <= engines
    assert not engines & {"*", "File", "URL", "S3", "Dictionary", "Executable"}


@pytest.mark.parametrize("name", ["a?b", "a*b", "a{b}", "a'b", 'a"b', "a&b", "a%b", "a\\b"])
def test_a_path_the_engine_would_misread_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError):
        prepare(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_a_handle_is_reused_for_the_same_settings_only(handles: Handles, opened: list[Connection]) -> None:
    first = handles.take("d", {"max_threads": "1"})
    handles.give_back(first)
    assert handles.take("d", {"max_threads": "1"}) is first
    handles.take("d", {"max_threads": "2"})
    handles.take("e", {"max_threads": "1"})
    assert [connection.asked[0] for connection in opened] == [b"USE `d`", b"USE `d`", b"USE `e`"]
    assert opened[0].asked[1] == b"SET max_threads = '1'"


def test_a_handle_is_given_to_one_request_at_a_time(handles: Handles) -> None:
    assert handles.take("d", {}) is not handles.take("d", {})


def test_a_handle_with_a_deduplication_token_is_closed_after_use(
    handles: Handles, opened: list[Connection]
) -> None:
    handles.give_back(handles.take("d", {"insert_deduplication_token": "x"}))
    assert opened[0].closed


def test_only_a_few_idle_handles_are_kept(handles: Handles, opened: list[Connection]) -> None:
    taken = [handles.take("d", {"max_threads": str(n)}) for n in range(20)]
    for handle in taken:
        handles.give_back(handle)
    assert sum(not connection.closed for connection in opened) == 8
    handles.drain()
    assert all(connection.closed for connection in opened)


def test_names_and_values_cannot_break_out(handles: Handles, opened: list[Connection]) -> None:
    handles.take("d`; DROP", {"x": "1'; DROP \\"})
    assert opened[0].asked == [b"USE `d\\`; DROP`", b"SET x = '1\\'; DROP \\\\'"]
    with pytest.raises(ServerError, match="Setting"):
        handles.take("d", {"x = 1; DROP": "1"})
    assert literal("a'b\\") == "'a\\'b\\\\'"
