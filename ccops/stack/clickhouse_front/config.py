"""The engine's configuration: what a client may do, as ClickHouse's own XML.

The engine enforces grants even when embedded, so file(), url(), s3(), remote() and engines over them are
closed here by never granting their source, not by guessing at SQL.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

from ccops.core.errors import Refused, UsageError

# Characters that the engine's connection string or an INFILE glob would read as syntax.
_UNSAFE_PATH = re.compile(r"[?*{}\[\]&#%'\"\\\x00-\x1f]")

_GRANTS = (
    "GRANT CHECK, SHOW, SELECT, INSERT, ALTER, CREATE, DROP, TRUNCATE, OPTIMIZE, KILL QUERY ON *.*",
    "GRANT SYSTEM, dictGet ON *.*",
    "REVOKE SYSTEM SHUTDOWN, CREATE DICTIONARY ON *.*",
    *(
        f"GRANT TABLE ENGINE ON {engine}"
        for engine in (
            *(f"{kind}MergeTree" for kind in ("", "Replacing", "Summing", "Aggregating", "Collapsing")),
            *("VersionedCollapsingMergeTree", "MaterializedView", "View", "Memory", "Null", "Buffer"),
            *("Join", "Set", "Merge", "Log", "TinyLog", "StripeLog"),
        )
    ),
)

_USERS = """\
<clickhouse>
  <profiles><default>
    <allow_python_table_function>0</allow_python_table_function>
    <constraints><allow_python_table_function><readonly/></allow_python_table_function></constraints>
  </default></profiles>
  <quotas><default></default></quotas>
  <users><default>
    <password></password>
    <networks><ip>127.0.0.1</ip><ip>::1</ip></networks>
    <profile>default</profile>
    <quota>default</quota>
    <grants>
{grants}
    </grants>
  </default></users>
</clickhouse>
"""

# Small pools: the front shares a laptop with a whole stack.
_CONFIG = """\
<clickhouse>
  <users_config>{users}</users_config>
  <user_files_path>{user_files}</user_files_path>
  <remote_url_allow_hosts></remote_url_allow_hosts>
  <background_pool_size>2</background_pool_size>
  <background_schedule_pool_size>4</background_schedule_pool_size>
</clickhouse>
"""


@dataclass(frozen=True, slots=True)
class Layout:
    """The folders inside --data."""

    root: Path

    @property
    def database(self) -> Path:
        """Where the engine keeps its tables."""
        return self.root / "db"

    @property
    def config(self) -> Path:
        """The engine's configuration file."""
        return self.root / "etc" / "config.xml"

    @property
    def incoming(self) -> Path:
        """Insert payloads on their way into the engine; emptied at start."""
        return self.root / "incoming"


def prepare(root: Path) -> Layout:
    """Create the folders and write the configuration; refuse a path the engine would misread."""
    layout = Layout(root.absolute())
    if _UNSAFE_PATH.search(str(layout.root)):
        raise UsageError(
            "CLICKHOUSE_DATA_PATH",
            f"the data directory's path has a character the engine reads as syntax: {layout.root}",
            next_step="move it to a path without ? * { } [ ] & # % quotes or backslashes",
        )
    users, user_files = layout.config.with_name("users.xml"), layout.root / "user_files"
    try:
        for folder in (layout.database, layout.config.parent, layout.incoming, user_files):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        grants = "\n".join(f"      <query>{escape(grant)}</query>" for grant in _GRANTS)
        users.write_text(_USERS.format(grants=grants), encoding="utf-8")
        layout.config.write_text(
            _CONFIG.format(users=escape(str(users)), user_files=escape(f"{user_files}/")), encoding="utf-8"
        )
    except OSError as error:
        raise Refused(
            "CLICKHOUSE_DATA_UNUSABLE",
            f"cannot use the data directory {layout.root}: {error.strerror}",
            next_step="give --data a directory this user may write to",
        ) from None
    return layout


def clear_incoming(layout: Layout) -> None:
    """Remove what a killed process left behind; call only while holding the engine's lock."""
    for leftover in layout.incoming.iterdir():
        leftover.unlink(missing_ok=True)
