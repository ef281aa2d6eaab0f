"""Which checks of the registry a call runs."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from ccops.core.errors import UsageError
from ccops.gate.model import STAGES, Check, Stage


def choose(
    checks: Sequence[Check], stage: Stage, only: Sequence[str] = (), skip: Sequence[str] = ()
) -> list[Check]:
    """Return the checks of `stage` and the stages before it; `only` and `skip` name checks or capabilities.

    `only` reaches into later stages: who names a check wants it. Raises UsageError for an unknown name, and
    when nothing is left: a gate that ran nothing would be green by accident.
    """
    for name in (*only, *skip):
        _known(name, checks)
    last = STAGES.index(stage)
    if only:
        found = [check for check in checks if {check.name, check.capability} & set(only)]
    else:
        found = [check for check in checks if STAGES.index(check.stage) <= last]
    found = [check for check in found if not {check.name, check.capability} & set(skip)]
    if not found:
        raise UsageError(
            "GATE_EMPTY",
            "no check is left to run",
            evidence=f"stage {stage}, only {', '.join(only) or '-'}, skip {', '.join(skip) or '-'}",
            next_step="ccops gate --list",
        )
    return found


def _known(name: str, checks: Sequence[Check]) -> None:
    names = sorted({check.name for check in checks} | {check.capability for check in checks})
    if name not in names:
        near = difflib.get_close_matches(name, names, n=1)
        raise UsageError(
            "GATE_CHECK_UNKNOWN",
            f"there is no check {name!r}",
            evidence=f"did you mean {near[0]!r}?" if near else f"checks: {', '.join(names)}",
            next_step="ccops gate --list",
        )
