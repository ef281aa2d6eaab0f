"""How the scorecard looks."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from ccops.core.clock import SystemClock
from ccops.core.errors import ExitCode, UsageError
from ccops.core.output import Report
from ccops.core.profile import find_project, load_profile
from ccops.core.reports.files import check_writable, write_text
from ccops.core.reports.markdown import escaped
from ccops.gate.badge import badge as badge_svg
from ccops.gate.ground import ground_of
from ccops.gate.scorecard import ITEMS, LEVELS, Judged, Reading, Scorecard, State, judge, read_items

if TYPE_CHECKING:
    from rich.console import Console

_AGE = re.compile(r"([1-9][0-9]{0,3})([dh])")
_STYLE = {State.MET: "green", State.FAILED: "bold red"}


def scorecard_report(
    target: str, max_age: str, items: Path | None, badge: Path | None, env: str, project: Path | None
) -> Report:
    """Judge every item; write the badge. Raises UsageError for a level or an age that is none."""
    if target not in LEVELS:
        raise _usage(f"{target!r} is no level", "--target L2")
    age = _AGE.fullmatch(max_age)
    if age is None:
        raise _usage(f"{max_age!r} is no age", "--max-age 7d")
    if badge is not None:
        check_writable(badge.resolve())
    found = find_project(project)
    load_profile(env, found)
    limit = timedelta(hours=int(age[1]) * (24 if age[2] == "d" else 1))
    clock = SystemClock()
    ground = ground_of(env, found, clock)
    reading = Reading(ground.evidence, env, found.root, clock.now(), limit, ground.versions)
    card = judge(read_items(items or ITEMS), reading)
    if badge is not None:
        write_text(str(badge), badge_svg("ccops", card.level))
    data = {
        "level": card.level,
        "target": target,
        "levels": {level: dict(zip(("met", "of"), card.count(level), strict=True)) for level in LEVELS},
        "items": [_plain(one) for one in card.items],
    }

    def draw(screen: Console) -> None:
        for one in card.items:
            line = f"{one.item.id:<3} {one.item.level}  {one.state:<8} {one.item.title}"
            why = f"  ({one.why})" if one.why else ""
            screen.print(f"{line}{why}", style=_STYLE.get(one.state, "yellow"), markup=False, soft_wrap=True)
        counts = ", ".join("{} {}/{}".format(level, *card.count(level)) for level in LEVELS)
        reached = f"{card.level} is met" if card.level in LEVELS else "no level is met yet"
        screen.print(f"{reached} ({counts}); target {target}", style="bold", markup=False)

    code = ExitCode.OK if card.meets(target) else ExitCode.NEGATIVE
    return Report("ccops.scorecard/v1", data, code, env=env, text=draw, markdown=_markdown(card, target))


def _plain(one: Judged) -> dict[str, object]:
    hours = None if one.age is None else round(one.age.total_seconds() / 3600, 2)
    return {
        "id": one.item.id, "level": one.item.level, "title": one.item.title, "state": one.state.value,
        "why": one.why, "evidence": list(one.item.evidence), "age_hours": hours,
    }  # fmt: skip


def _markdown(card: Scorecard, target: str) -> str:
    lines = [
        f"## ccops scorecard: {card.level} (target {target})",
        "",
        "| | Level | Item | |",
        "| --- | --- | --- | --- |",
    ]
    for one in card.items:
        sign = "✅" if one.state is State.MET else "❌" if one.state is State.FAILED else "⬜"
        lines.append(
            f"| {sign} {one.item.id} | {one.item.level} | {escaped(one.item.title)} | {escaped(one.why)} |"
        )
    return "\n".join([*lines, ""])


def _usage(why: str, step: str) -> UsageError:
    return UsageError("USAGE", "the scorecard can't be made", evidence=why, next_step=step)
