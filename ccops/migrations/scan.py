"""Read migration files without running them.

Up to `PARSE_ALL` files are parsed whole. Of more, the four names are picked by an anchored expression and
only what is no plain literal is parsed: 5,000 files take a tenth of a second instead of two. The caller
then has the newest parsed as well (`parse_errors`), and says how many were.
"""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path

from ccops.migrations.assigned import assigned
from ccops.migrations.config import AlembicConfig
from ccops.migrations.files import read_file
from ccops.migrations.revision import Fault, Revision, Scanned

PARSE_ALL = 500
_NAMES = ("revision", "down_revision", "depends_on", "branch_labels")
_LINE = re.compile(
    rb"^(revision|down_revision|depends_on|branch_labels)[ \t]*(?::[^=\n]*)?=[ \t]*([^\r\n]*)", re.MULTILINE
)
_PLAIN = re.compile(rb"""(?:None|'([^'"\\]*)'|"([^'"\\]*)")[ \t]*(?:#.*)?$""")
_MENTIONS = (b"revision", b"depends_on", b"branch_labels")
_TEMPLATE = b"# revision identifiers, used by Alembic."
_OPEN = (b"(", b"[", b"{", b",", b"\\", b"=", b":", b"+", b"|")
# The beginning of a module: blank lines and comments, then perhaps the quotes of its docstring.
_DOC = re.compile(
    rb"(?:\xef\xbb\xbf)?(?:[ \t]*(?:#[^\n]*)?\r?\n)*"
    rb"(?:[uUrR]?(\"\"\"|''')|(?![rRuUbBfF]{0,2}[\"']|[ \t\f]))"
)
_INDENTED = re.compile(rb"^[ \t]+Revises:", re.MULTILINE)
_MENTION = re.compile(rb"revision|depends_on|branch_labels")
_REVISES = re.compile(r"^Revises:[ \t]*(.*)$", re.MULTILINE)
_CONFLICT = re.compile(rb"^<{7}(?:[ \t\r]|$)", re.MULTILINE)


def scan(config: AlembicConfig) -> Scanned:
    """Return every revision of the project, and a fault for each file that is none."""
    revisions: list[Revision] = []
    faults: list[Fault] = []
    paths = list(_files(config, faults))
    whole = len(paths) <= PARSE_ALL
    parsed = 0
    for path in paths:
        try:
            source = read_file(path)
        except OSError as error:
            faults.append(_unreadable(Path(path), error))
            continue
        quick = None if whole else read_head(source, path)
        parsed += quick is None
        found = quick or read_source(source, Path(path))
        if isinstance(found, Revision):
            revisions.append(found)
            continue
        faults.append(found)
        head = recovered(source, Path(path))
        if head is not None:
            revisions.append(head)
    return Scanned(tuple(revisions), tuple(faults), len(paths), parsed)


def parse_errors(paths: Iterable[Path]) -> list[Fault]:
    """Return a fault for each file that is no Python, for files that `scan` read by their head only."""
    found: list[Fault] = []
    for path in paths:
        try:
            one = read_source(read_file(path), path)
        except OSError as error:
            one = _unreadable(path, error)
        found += [one] if isinstance(one, Fault) else []
    return found


def read_source(source: bytes, path: Path) -> Revision | Fault:
    """Return what `source` says by its syntax tree; nothing of it runs."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return _syntax_fault(source, path, error)
    values, lines, computed = assigned(tree, _NAMES)
    if "revision" not in lines:
        return Fault(
            "ALEMBIC_NO_REVISION", "a file among the migrations has no `revision`", path, 1,
            "Alembic stops at such a file: move helpers out of the folder, or give it a revision",
        )  # fmt: skip
    if "down_revision" not in lines:
        return Fault(
            "ALEMBIC_NO_REVISION", "a file among the migrations has no `down_revision`", path,
            lines["revision"], "Alembic stops at such a file: the first one says `down_revision = None`",
        )  # fmt: skip
    bad = [name for name in _NAMES if name in computed]
    ident = values.get("revision")
    if bad or not isinstance(ident, str) or not ident:
        name = bad[0] if bad else "revision"
        what = "is computed" if bad else "is no text"
        known = f"revision {ident}" if isinstance(ident, str) and ident else ""
        return Fault("ALEMBIC_DYNAMIC", f"`{name}` {what}", path, lines.get(name, lines["revision"]), known)
    texts = {name: _texts(values.get(name)) for name in _NAMES[1:]}
    wrong = next((name for name in ("down_revision", "depends_on") if texts[name] is None), "")
    if wrong:
        return Fault("ALEMBIC_DYNAMIC", f"`{wrong}` is neither a text nor a list of them", path, lines[wrong])
    return Revision(
        ident, texts["down_revision"] or (), path, lines["revision"],
        lines.get("down_revision", 0), texts["depends_on"] or (), texts["branch_labels"] or (),
        _revises(ast.get_docstring(tree) or ""),
    )  # fmt: skip


def _files(config: AlembicConfig, faults: list[Fault]) -> Iterator[str]:
    """Yield the paths that Alembic would load, sorted within each folder; a folder is visited once.

    One that can't be listed is among the `faults`: what is in it nobody looked at.
    """
    seen: set[str] = set()

    def unlisted(error: OSError) -> None:
        faults.append(_unreadable(Path(str(error.filename)), error))

    for location in config.locations:
        for folder, below, names in os.walk(location, onerror=unlisted):
            below[:] = sorted(name for name in below if name != "__pycache__") if config.recursive else []
            real = os.path.realpath(folder)
            if real in seen:
                continue
            seen.add(real)
            for name in sorted(names):
                if name.endswith(".py") and not name.startswith((".#", "__init__")):
                    yield f"{folder}{os.sep}{name}"


def read_head(source: bytes, path: str) -> Revision | None:
    """Return the revision when its names are plain literals, each written once; None when one must parse."""
    found: dict[bytes, tuple[str, int]] = {}
    for match in _LINE.finditer(source):
        plain = _PLAIN.match(match[2])
        if plain is None or match[1] in found or b"" in plain.groups():
            return None
        text = (plain[1] or plain[2] or b"").decode("utf-8", "replace")
        found[match[1]] = (text, match.start())
    if not found.get(b"revision", ("", 0))[0] or b"down_revision" not in found or b"<<<<<<<" in source:
        return None
    about = _docstring(source)
    if about is None or not _only_there(source, sorted(where for _, where in found.values()), about):
        return None
    at = {name: source.count(b"\n", 0, where) + 1 for name, (_, where) in found.items()}
    given = {name: (text,) if text else () for name, (text, _) in found.items()}
    return Revision(
        id=found[b"revision"][0],
        down=given[b"down_revision"],
        path=Path(path),
        line=at[b"revision"],
        down_line=at[b"down_revision"],
        depends_on=given.get(b"depends_on", ()),
        labels=given.get(b"branch_labels", ()),
        revises=_revises(source[slice(*about)].decode("utf-8", "replace")),
    )


def _docstring(source: bytes) -> tuple[int, int] | None:
    """Return where the text of the module's docstring begins and ends; None where only a parser can tell."""
    odd = source.count(b"\r") != source.count(b"\r\n") or (not source.isascii() and b"coding" in source[:200])
    begin = _DOC.match(source)
    if odd or begin is None or not begin[1]:
        return None if odd or begin is None else (0, 0)
    end = source.find(begin[1], begin.end())
    after = source[end + 3 : source.find(b"\n", end) % (len(source) + 1)].strip()
    text = source[begin.end() : end]
    if end < 0 or b"\\" in text or _INDENTED.search(text) or (after and not after.startswith(b"#")):
        return None
    return begin.end(), end


def _only_there(source: bytes, starts: list[int], about: tuple[int, int]) -> bool:
    """Return whether nothing but the lines at `starts` can bind one of the names; else the file is parsed.

    `about` is where the docstring lies, which binds nothing.
    """
    for begin, end in pairwise((0, *starts)):
        if source.count(b'"""', begin, end) % 2 or source.count(b"'''", begin, end) % 2:
            return False  # what looks like a line of code may stand within a text
        if source[max(begin, end - 80) : end].rstrip().endswith(_OPEN):
            return False  # or go on with the line above
    if sum(map(source.count, _MENTIONS)) - source.count(_TEMPLATE) == len(starts):
        return True
    for mention in _MENTION.finditer(source):
        begin = source.rfind(b"\n", 0, mention.start()) + 1
        prose = about[0] <= mention.start() < about[1] or source[begin:].lstrip(b" \t")[:1] == b"#"
        if begin not in starts and not prose:
            return False
    return True


def recovered(source: bytes, path: Path) -> Revision | None:
    """Return what the head of a broken file says, so that the rest of the graph stays complete."""
    found: dict[bytes, str] = {}
    lines: dict[bytes, int] = {}
    for match in _LINE.finditer(source):
        plain = _PLAIN.match(match[2])
        if plain is not None and match[1] not in found:
            found[match[1]] = (plain[1] or plain[2] or b"").decode("utf-8", "replace")
            lines[match[1]] = source.count(b"\n", 0, match.start()) + 1
    ident, down = found.get(b"revision"), found.get(b"down_revision")
    if not ident:
        return None
    return Revision(
        ident, (down,) if down else (), path, lines[b"revision"], lines.get(b"down_revision", 0), whole=False
    )


def _texts(value: object) -> tuple[str, ...] | None:
    """Return a text or a collection of texts as a tuple; None for anything else."""
    if value is None:
        return ()
    if isinstance(value, str):
        return (value,)
    if isinstance(value, tuple | list | set | frozenset) and all(isinstance(item, str) for item in value):
        return tuple(sorted(value) if isinstance(value, set | frozenset) else value)
    return None


def _unreadable(path: Path, error: OSError) -> Fault:
    return Fault("ALEMBIC_UNREADABLE", "it can't be read", path, 0, error.strerror or str(error))


def _revises(text: str) -> tuple[str, ...] | None:
    match = _REVISES.search(text)
    if match is None:
        return None
    names = [name.strip(" \t\r'\"") for name in match[1].split(",")]
    return tuple(name for name in names if name and name not in {"None", "-", "<base>"})


def _syntax_fault(source: bytes, path: Path, error: BaseException) -> Fault:
    conflict = _CONFLICT.search(source)
    if conflict is not None:
        line = source.count(b"\n", 0, conflict.start()) + 1
        return Fault("ALEMBIC_CONFLICT", "the file holds an unresolved merge conflict", path, line)
    line = error.lineno or 0 if isinstance(error, SyntaxError) else 0
    why = error.msg if isinstance(error, SyntaxError) else type(error).__name__
    return Fault("ALEMBIC_SYNTAX", f"the file is no Python: {why}", path, line)
