"""Is there a way back? Down must restore what was before; up again must give the same as the first time."""

from __future__ import annotations

from collections.abc import Sequence

from ccops.core.reports.marks import Mark, Severity
from ccops.migrations.revision import Revision

Row = tuple[str, str, str]
_MOST = 12


def rows(answer: object) -> frozenset[Row]:
    """Return a snapshot of the child as rows `(kind, name, definition)`."""
    listed = answer if isinstance(answer, list) else []
    return frozenset((str(kind), str(name), str(text)) for kind, name, text in listed)


def difference(before: frozenset[Row], after: frozenset[Row]) -> list[str]:
    """Return a line for each object that is in one only: `+` new, `-` gone, `~` of another definition."""
    old = {(kind, name): text for kind, name, text in before - after}
    new = {(kind, name): text for kind, name, text in after - before}
    lines = []
    for key in sorted(old.keys() | new.keys()):
        what = f"{key[0]} {key[1]}"
        if key not in old:
            lines.append(f"+ {what}")
        elif key not in new:
            lines.append(f"- {what}")
        else:
            lines.append(f"~ {what}: {_short(old[key])} -> {_short(new[key])}")
    return lines


def round_trip_marks(node: Revision, answer: dict[str, object], file: str) -> list[Mark]:
    """Return what is wrong with the way up, down and up again of one revision."""
    failed = answer.get("failed")
    line = int(str(answer.get("line") or 0)) or node.line
    if failed == "upgrade":
        return [
            _mark(
                "ALEMBIC_UPGRADE_FAILS", "it can't be upgraded to", node, file, line, [str(answer["error"])]
            )
        ]
    if failed == "downgrade":
        if "NotImplementedError" in str(answer["error"]):
            return [
                _mark(
                    "ALEMBIC_IRREVERSIBLE", "it says that there is no way back", node, file, line,
                    [str(answer["error"])], Severity.WARNING,
                )
            ]  # fmt: skip
        return [
            _mark("ALEMBIC_DOWNGRADE_FAILS", "its downgrade fails", node, file, line, [str(answer["error"])])
        ]
    if "down" not in answer:
        return []  # a merge: there is nothing of its own to take back
    before, after, down = rows(answer["before"]), rows(answer["after"]), rows(answer["down"])
    left = difference(before, down)
    if left and down == after:
        return [
            _mark("ALEMBIC_DOWNGRADE_EMPTY", "its downgrade takes nothing back", node, file, node.line, left)
        ]
    if left:
        why = "its downgrade does not restore what was"
        return [_mark("ALEMBIC_DOWNGRADE_DIFFERS", why, node, file, node.line, left)]
    if failed == "again":
        why = "after a downgrade it can't be upgraded to"
        return [_mark("ALEMBIC_UPGRADE_AGAIN", why, node, file, line, [str(answer["error"])])]
    again = difference(after, rows(answer["again"]))
    if again:
        why = "the second upgrade gives another schema"
        return [_mark("ALEMBIC_UPGRADE_DIFFERS", why, node, file, node.line, again)]
    return []


def _mark(
    code: str, message: str, node: Revision, file: str, line: int, lines: Sequence[str],
    severity: Severity = Severity.ERROR,
) -> Mark:  # fmt: skip
    more = [f"and {len(lines) - _MOST} more"] if len(lines) > _MOST else []
    return Mark(
        code, f"{node.id}: {message}", severity, file=file, line=line, subject=node.id,
        detail="\n".join([*lines[:_MOST], *more]),
    )  # fmt: skip


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= 80 else f"{flat[:77]}..."
