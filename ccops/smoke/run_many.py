"""Run several scenarios in one process, side by side if wished, into one set of reports."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from ccops.core.errors import CcopsError, ExitCode, worst
from ccops.core.masking import Masker
from ccops.core.profile import Profile, Project
from ccops.smoke.events import Listener, Stream
from ccops.smoke.loader import load
from ccops.smoke.model import Scenario
from ccops.smoke.promises import all_steps
from ccops.smoke.reporters.data import DataReporter
from ccops.smoke.reporters.files import Reporter, reporter
from ccops.smoke.run import Options, Outcome, guard, run_scenario
from ccops.smoke.validate import find


@dataclass(frozen=True, slots=True)
class Result:
    """All outcomes, their worst code, the machine form, and the masker that knows every secret met."""

    exit_code: ExitCode
    data: dict[str, object]
    errors: tuple[CcopsError, ...]
    masker: Masker


def scenarios_of(project: Project, names: Sequence[str]) -> list[Scenario]:
    """Return the scenarios of that name or path. Raises UsageError for an unknown or malformed one."""
    return [load(find(project, name), root=project.root) for name in names]


def run_all(
    profile: Profile,
    scenarios: Sequence[Scenario],
    options: Options,
    *,
    parallel: int = 1,
    reports: Sequence[str] = (),
    listeners: Sequence[Listener] = (),
) -> Result:
    """Run `scenarios`, at most `parallel` at a time. Reports are finished whatever happens.

    Raises Refused before the first starts when one of them may not run here.
    """
    for scenario in scenarios:
        guard(scenario, profile, options)
    collected, masker = DataReporter(), Masker()
    files = [reporter(spec) for spec in reports]
    stream = Stream(collected.hear, *listeners, *(one.hear for one in files))
    try:
        outcomes = asyncio.run(_all(profile, scenarios, options, parallel, stream, masker))
    finally:
        lost = _closed(files)
    code = worst([*(outcome.exit_code for outcome in outcomes), *(error.exit_code for error in lost)])
    errors = (*(outcome.error for outcome in outcomes if outcome.error), *lost)
    return Result(code, collected.data(), errors, masker)


def _closed(files: Sequence[Reporter]) -> list[CcopsError]:
    """Finish every report; one that can't be written does not keep the others from it."""
    lost: list[CcopsError] = []
    for one in files:
        try:
            one.close()
        except CcopsError as error:
            lost.append(error)
    return lost


async def _all(
    profile: Profile,
    scenarios: Sequence[Scenario],
    options: Options,
    parallel: int,
    stream: Stream,
    masker: Masker,
) -> list[Outcome]:
    if parallel <= 1 or len(scenarios) == 1:
        return await _one_by_one(profile, scenarios, options, stream, masker)
    places = asyncio.Semaphore(parallel)

    async def one(scenario: Scenario) -> Outcome:
        async with places:
            return await run_scenario(scenario, profile, stream, options, masker)

    beside = [scenario for scenario in scenarios if not _restarts(scenario)]
    outcomes = list(await asyncio.gather(*(one(scenario) for scenario in beside)))
    if any(outcome.exit_code is ExitCode.INTERRUPTED for outcome in outcomes):
        return outcomes
    alone = [scenario for scenario in scenarios if _restarts(scenario)]
    return outcomes + await _one_by_one(profile, alone, options, stream, masker)


def _restarts(scenario: Scenario) -> bool:
    """Say whether a scenario takes a service from under the others: then it runs alone."""
    return any(step.act.kind in {"restart", "stop", "start"} for step in all_steps(scenario))


async def _one_by_one(
    profile: Profile, scenarios: Sequence[Scenario], options: Options, stream: Stream, masker: Masker
) -> list[Outcome]:
    """Stop after an interrupt; a failed scenario does not keep the others from running."""
    outcomes: list[Outcome] = []
    for scenario in scenarios:
        outcomes.append(await run_scenario(scenario, profile, stream, options, masker))
        if outcomes[-1].exit_code is ExitCode.INTERRUPTED:
            break
    return outcomes
