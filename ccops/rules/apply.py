"""Load rules into a Prometheus server and believe only what its rules API says afterwards.

A reload that answers 200 may have loaded nothing (a pattern that matches no file), and a rule that was loaded
may fail at each evaluation. So: write, reload, compare groups, queries, labels and times, wait until each
rule was evaluated; and put everything back byte for byte when anything is not as it was rendered.
"""

from __future__ import annotations

import contextlib
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ccops.core.actor import actor
from ccops.core.clock import SystemClock, iso
from ccops.core.confirm import check_typed
from ccops.core.errors import CcopsError, Degraded, Unreachable
from ccops.core.masking import mask_urls
from ccops.core.profile import Profile
from ccops.rules import folder, journal, server
from ccops.rules.journal import Unended
from ccops.rules.loading import Place, Wrong, load, mine, reload, same
from ccops.rules.server import LoadedGroup
from ccops.rules.wanted import Change, changes, wanted_groups
from ccops.rules.writing import Changes, check_ours, compare

_NEXT = {
    "RULES_NOT_LOADED": f"--rules-dir, or {folder.KEY}, must name the folder that the server reads",
    "RULES_NOT_EVALUATED": "--timeout SECONDS    if the server is slow; else look at its log",
}


@dataclass(frozen=True, slots=True)
class Job:
    """Rule files (text by name), and the server and folder they are for."""

    profile: Profile
    texts: Mapping[str, str]
    place: Place
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """What would happen to the folder and to what the server has loaded from it."""

    files: Changes
    rules: tuple[Change, ...]
    groups: int
    count: int
    unended: Unended | None = None

    @property
    def empty(self) -> bool:
        """Return whether files and server are as rendered, and nobody's run was cut off there."""
        return self.files.none and not self.rules and self.unended is None


@dataclass(frozen=True, slots=True)
class Done:
    """What was applied: the plan, whether anything changed, and where the old files are kept."""

    plan: Plan
    changed: bool
    backup: str = ""


def check_confirmed(profile: Profile, confirm: str, reason: str) -> None:
    """Refuse on a protected profile unless what is changed was typed and a reason was given."""
    kept = "it goes to the log of applied rules"
    check_typed("RULES_REASON_MISSING", profile, "rules", "apply", confirm=confirm, reason=reason, kept=kept)


def plan(job: Job) -> Plan:
    """Return what applying would change; nothing is. Raises Unreachable, and UsageError for a bad file."""
    job = _with_foreign(job)
    with server.open_server(job.place.url) as client:
        return _plan(job, wanted_groups(job.texts), mine(client, job.place))


def apply(job: Job) -> Done:
    """Write, reload and verify. Afterwards the server evaluates exactly the files of `job`, or the old ones.

    Raises Unreachable when the server is down (nothing changed, or the old files are back), Degraded when it
    did not take the rules and the old ones are loaded again, or could not be (RULES_ROLLBACK_FAILED).
    """
    wanted = wanted_groups(job.texts)
    with folder.locked(job.place.folder):
        recovered = recover(job)
        job = _with_foreign(job)
        with server.open_server(job.place.url) as client:
            before = mine(client, job.place)
        found = _plan(job, wanted, before)
        sick = any(rule.health == "err" for group in before for rule in group.rules)
        if found.empty and not sick and not recovered:
            return Done(found, changed=False)
        run = f"{SystemClock().now():%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
        backup = folder.keep(job.place.folder, job.texts, job.profile.state_dir / "rules-backup" / run)
        job.place.tell(f"old files kept in {backup.copies}")
        try:
            journal.begin(backup, job.texts, run, actor())
            folder.write(job.place.folder, job.texts, backup)
            load(job.place, wanted)
        except BaseException as error:  # noqa: BLE001 - Ctrl-C, too: nothing may stay half applied
            _log(job, run, "rolled back", error)
            undone = _undone(job, backup, before, error)
            journal.end(job.place.folder)
            raise undone from None
        journal.end(job.place.folder)
        _log(job, run, "applied")
        return Done(found, changed=True, backup=str(backup.copies))


def recover(job: Job) -> bool:
    """Put back what a run that was killed has left, and return whether there was one. The folder is locked.

    Raises Degraded when they can't be, Unreachable when the server can't be told to load them.
    """
    left = journal.unended(job.place.folder)
    if left is None:
        return False
    job.place.tell(f"the run {left.run} of {left.actor} never ended; its old files are put back first")
    if kept := left.restore():
        job.place.tell(f"changed by somebody since, and left alone: {', '.join(kept)}")
    with server.open_server(job.place.url) as client, contextlib.suppress(Wrong):
        reload(client)
    journal.end(job.place.folder)
    _log(job, left.run, "found unended, rolled back")
    return True


def _with_foreign(job: Job) -> Job:
    """Return `job` knowing which files of the folder are not ours: their groups are no difference."""
    ours = {*job.texts, *compare(job.place.folder, job.texts).stale}
    foreign = frozenset(path.name for path in job.place.folder.glob("*") if path.name not in ours)
    return replace(job, place=replace(job.place, foreign=foreign))


def _plan(job: Job, wanted: Sequence[LoadedGroup], have: Sequence[LoadedGroup]) -> Plan:
    files = compare(job.place.folder, job.texts)
    check_ours(files)
    return Plan(
        files,
        changes(wanted, have),
        len(wanted),
        sum(len(group.rules) for group in wanted),
        journal.unended(job.place.folder),
    )


def _undone(
    job: Job, backup: folder.Backup, before: Sequence[LoadedGroup], error: BaseException
) -> BaseException:
    """Put the old files back, load them, and return the error that tells how it ended."""
    backup.restore()
    job.place.tell("old files are back")
    failed = ""
    try:
        with server.open_server(job.place.url) as client:
            # One that refuses every reload has the old ones still; what it has loaded decides.
            with contextlib.suppress(Wrong):
                reload(client)
            same(client, job.place, before)
    except (Wrong, Unreachable) as again:
        failed = again.message
    if isinstance(error, Unreachable):
        return Unreachable(
            error.code,
            f"{error.message}; the old rule files were put back",
            evidence=error.evidence,
            next_step="ccops rules apply    when it is back; it loads the old files until then",
        )
    if not isinstance(error, Wrong):
        return error
    if failed:
        return Degraded(
            "RULES_ROLLBACK_FAILED",
            f"{error.message}; the old files are back, and the server does not have them loaded",
            evidence=f"{error.evidence}\nafterwards: {failed}",
            next_step=f"look at the server's log; the old files are also in {backup.copies}",
        )
    return Degraded(
        error.code,
        f"{error.message}; the old rules are loaded again",
        evidence=error.evidence,
        next_step=_NEXT.get(error.code, "ccops rules check"),
    )


def _log(job: Job, run: str, outcome: str, error: BaseException | None = None) -> None:
    """Append a line to the log of applied rules; a log that can't be written undoes nothing."""
    line = {
        "schema": "ccops.rules.applied/v1",
        "at": iso(SystemClock().now()),
        "run": run,
        "env": job.profile.env,
        "folder": str(job.place.folder),
        "server": mask_urls(job.place.url),
        "actor": actor(),
        "reason": job.reason.strip(),
        "outcome": outcome,
    }
    if error is not None:
        line["why"] = error.message if isinstance(error, CcopsError) else type(error).__name__
    with contextlib.suppress(OSError):
        path = job.profile.state_dir / "rules-applied.jsonl"
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, ensure_ascii=True) + "\n")
