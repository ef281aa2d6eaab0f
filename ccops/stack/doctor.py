"""Every reason why the stack could fail on this machine, each with what to do about it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor

from ccops.core.errors import CcopsError, UsageError
from ccops.core.profile import Profile
from ccops.stack import doctor_machine, doctor_services
from ccops.stack.finding import Finding, Question, fail

CHECKS: dict[str, Question] = {**doctor_machine.QUESTIONS, **doctor_services.QUESTIONS}


def examine(
    profile: Profile, only: Iterable[str] = (), checks: Mapping[str, Question] = CHECKS
) -> dict[str, Finding]:
    """Return the finding of each check (`only` these, if named), all asked at once.

    Raises UsageError for a check that does not exist. A check that breaks is itself a FAIL.
    """
    chosen = _chosen(tuple(only), checks)
    with ThreadPoolExecutor(max_workers=4) as pool:
        asked = {name: pool.submit(_ask, checks[name], profile) for name in chosen}
        return {name: answer.result() for name, answer in asked.items()}


def _chosen(only: tuple[str, ...], checks: Mapping[str, Question]) -> list[str]:
    for name in only:
        if name not in checks:
            near = difflib.get_close_matches(name, checks, n=1)
            raise UsageError(
                "CHECK_UNKNOWN",
                f"there is no check {name!r}",
                evidence=f"checks: {', '.join(checks)}",
                next_step=f"did you mean {near[0]}?" if near else "ccops doctor",
            )
    return [name for name in checks if not only or name in only]


def _ask(question: Question, profile: Profile) -> Finding:
    try:
        return question(profile)
    except CcopsError as err:
        return fail(f"{err.message}: {err.evidence}" if err.evidence else err.message, err.next_step)
    except Exception as err:  # noqa: BLE001 - the doctor must name the other reasons, too
        return fail(f"the check itself failed: {type(err).__name__}: {err}", "report it with this line")
