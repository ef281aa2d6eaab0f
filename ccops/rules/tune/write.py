"""Write a proposal into env/NAME.env: one line, its neighbours untouched, and a comment that says why."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ccops.core.atomic import write_whole
from ccops.core.clock import iso
from ccops.core.errors import Refused, UsageError
from ccops.core.profile import Profile, parse_env_file
from ccops.rules.project import rule_set
from ccops.rules.tune.asdata import chosen
from ccops.rules.tune.model import Proposal
from ccops.rules.values import canonical

_MARK = "# tuned "


@dataclass(frozen=True, slots=True)
class Written:
    """The file before and after, for the diff that is printed."""

    path: Path
    label: str
    before: str
    after: str


def check_allowed(profile: Profile, moving: Sequence[Proposal], confirm: str, reason: str) -> None:
    """Refuse a protected profile unless every rule was typed and a reason given. Raises Refused."""
    if not profile.protected:
        return
    token = f"{profile.env}:{','.join(one.rule for one in moving)}"
    if confirm != token or not reason.strip():
        raise Refused(
            "ENV_PROTECTED",
            f"{profile.env} is protected: a threshold is not changed in passing",
            evidence=f"--confirm was {confirm or 'not given'}, --reason was {reason.strip() or 'not given'}",
            next_step=f'--confirm {token} --reason "why this is done"',
        )


def check_moves(moving: Sequence[Proposal], *, force: bool) -> None:
    """Refuse moves of more than the double without --force, and one threshold moved to two places."""
    if not force and (large := [one for one in moving if one.large_move]):
        raise Refused(
            "TUNE_LARGE_MOVE",
            f"{len(large)} proposal(s) move a threshold by more than the double",
            evidence="\n".join(_move(one) for one in large),
            next_step="look at the episodes (-o json); --force writes it nevertheless",
        )
    by_var = {one.var: one for one in moving}
    if clash := [one for one in moving if by_var[one.var].proposed != one.proposed]:
        raise Refused(
            "TUNE_CONFLICT",
            f"{clash[0].var} is used by several alerts, which want it elsewhere",
            evidence="\n".join(_move(one) for one in moving if one.var == clash[0].var),
            next_step="--rule NAME chooses one of them",
        )


def write(
    profile: Profile,
    moving: Sequence[Proposal],
    now: datetime,
    *,
    reason: str = "",
    recheck: Callable[[Profile], None] = lambda profile: None,
) -> Written:
    """Edit env/NAME.env, render its rules again and give the changed profile to `recheck`.

    The file is put back when the rules no longer render, or `recheck` raises. Raises UsageError when the
    file changed meanwhile.
    """
    # A link stays one: the file that it names is edited.
    path = (profile.project.root / "env" / f"{profile.env}.env").resolve()
    label = f"env/{profile.env}.env"
    before = path.read_bytes().decode("utf-8")
    after = before
    for one in {one.var: one for one in moving}.values():
        after = edited(after, one, now, reason)
    _replace(path, before, after)
    try:
        values = {**profile.values, **parse_env_file(path, label)}
        changed = Profile(profile.env, profile.project, values)
        rule_set(changed)
        recheck(changed)
    except BaseException:
        _replace(path, after, before)
        raise
    return Written(path, label, before, after)


def edited(text: str, one: Proposal, now: datetime, reason: str = "") -> str:
    """Return the env file `text` with the threshold of `one` changed, and why on a line of its own above.

    A value is taken as it stands in an env file, so that the comment can't follow it. The comment of an
    earlier tuning is replaced. A threshold that was a default until now comes behind the last of its kind.
    """
    assert one.proposed is not None
    end = "\r\n" if "\r\n" in text else "\n"
    lines = text.split(end)
    place = next((at for at, line in enumerate(lines) if _is(line, one.var)), None)
    value = canonical(one.proposed)
    if place is None:
        last = max((at for at, line in enumerate(lines) if re.match(r"(?:ALERT|SLO)_", line)), default=-1)
        place = last + 1 if last >= 0 else len(lines) - (not lines[-1])
        lines.insert(place, f"{one.var}={value}")
    else:
        head, _, _ = lines[place].partition("=")
        lines[place] = f"{head}={value}"
    if place and lines[place - 1].startswith(f"{_MARK}{one.var} "):
        lines[place - 1] = _why(one, now, reason)
    else:
        lines.insert(place, _why(one, now, reason))
    return end.join(lines)


def _is(line: str, var: str) -> bool:
    return re.match(rf"\s*(?:export\s+)?{re.escape(var)}=", line) is not None


def _why(one: Proposal, now: datetime, reason: str) -> str:
    days = (one.window.end - one.window.start) / 86_400 if one.window else 0
    ends = " to ".join(map(canonical, one.plateau)) if one.plateau else "no plateau"
    item = chosen(one)
    fires = f"{item.pages} page(s), all alike from {ends}" if item else ends
    was = canonical(one.current) if one.current is not None else "?"
    more = f"; {' '.join(reason.split())}" if reason.strip() else ""
    return f"{_MARK}{one.var} {iso(now)[:10]}: {one.rule} over {days:.0f} days, {fires}, was {was}{more}"


def _move(one: Proposal) -> str:
    current, proposed = (
        canonical(value) if value is not None else "?" for value in (one.current, one.proposed)
    )
    return f"{one.rule}: {one.var} {current} -> {proposed}"


def _replace(path: Path, before: str, after: str) -> None:
    """Write `after` in one step, keeping the file's mode, if it still holds `before`."""
    if path.read_bytes().decode("utf-8") != before:
        raise UsageError(
            "ENV_FILE_CHANGED",
            f"{path.name} was changed by somebody else meanwhile",
            evidence="nothing was written over it",
            next_step="run it again",
        )
    write_whole(path, after, mode=path.stat().st_mode & 0o7777)
