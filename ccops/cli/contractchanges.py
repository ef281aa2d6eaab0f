"""What writes: a new snapshot, the comment of a pull request, approvals. Each shows a plan before."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from ccops.cli.contractsides import Call, app_of, section_of
from ccops.cli.contractview import compare, compared_all, draw_comparison
from ccops.contract import approvals, comment, github
from ccops.contract.export import export_app, render
from ccops.contract.model import Finding, Level
from ccops.contract.show import sentence
from ccops.contract.sources import OPENAPI, made, openapi_of
from ccops.contract.tell import as_data
from ccops.core.clock import SystemClock
from ccops.core.errors import Refused, UsageError, worst
from ccops.core.output import Report
from ccops.core.places import shown

if TYPE_CHECKING:
    from rich.console import Console


def snapshot_report(call: Call, *, apply: bool, accept: bool) -> Report:
    """Show what a new snapshot would change; write it with `apply`, and a breaking one with `accept` too."""
    path = call.folder / OPENAPI
    app = app_of(call)
    new = made(dict(export_app(app).document), f"app {app.spec}")
    text = render(new.data)
    old = openapi_of(str(path)) if path.is_file() else None
    one = compare(call, "HTTP", (old, new)) if old else None
    same = path.is_file() and path.read_text(encoding="utf-8") == text
    breaks = [each for each in one.result.open if each.level is Level.ERR] if one else []
    if apply and breaks and not accept:
        raise Refused(
            "SNAPSHOT_BREAKING",
            f"the new snapshot breaks callers in {len(breaks)} ways; nothing was written",
            evidence="\n".join(f"{each.operation}: {each.message}" for each in breaks[:5]),
            next_step="ccops openapi approve FINGERPRINT ..., or --accept to move the baseline anyway",
        )
    if apply and not same:
        approvals.write(path, text)
    data = {"path": str(path), "changed": not same, "applied": apply and not same}
    if one:
        data |= {"diff": as_data(one.result)}
    state = "is up to date" if same else "written" if apply else "would change; --apply writes it"

    def draw(screen: Console) -> None:
        if one and not same:
            draw_comparison(screen, one)
        screen.print(f"snapshot {shown(path)}: {state}", markup=False)

    return Report("ccops.contract.snapshot/v1", data, text=draw)


def comment_report(call: Call, to: github.PullRequest | None) -> Report:
    """Return the comment, and post it when somebody said where."""
    every = compared_all(call)
    text = comment.body([one.section for one in every])
    posted = github.post(text, to) if to else ""
    said = f"{posted} the comment on {to.repo}#{to.number}" if to else ""
    data = {
        "body": text,
        "applied": bool(to),
        "result": posted or None,
        "verdict": int(worst(one.result.exit_code for one in every)),
    }

    def draw(screen: Console) -> None:
        screen.print(said or text.rstrip("\n"), markup=False, soft_wrap=True)

    return Report("ccops.contract.comment/v1", data, text=draw, markdown=text)


@dataclass(frozen=True, slots=True)
class Answer:
    """Who answers for which breaks, why and until when."""

    fingerprints: tuple[str, ...]
    owner: str
    reason: str
    expires: str

    @property
    def day(self) -> date:
        """Return the last day. Raises UsageError for what is none."""
        try:
            return date.fromisoformat(self.expires)
        except ValueError:
            raise UsageError(
                "APPROVAL_INVALID",
                f"--expires {self.expires!r} is no day",
                evidence="an approval ends by itself, so that it can't hide the next break",
                next_step="--expires 2027-01-31",
            ) from None


def approve_report(call: Call, answer: Answer, *, apply: bool) -> Report:
    """Show the approvals that would be written for breaks of this comparison, or write them."""
    every = compared_all(call)
    known = [finding for one in every for finding in one.result.findings]
    chosen = approvals.chosen(known, answer.fingerprints)
    today = SystemClock().now().date()
    owner, reason = answer.owner, answer.reason
    added = {
        section_of(one.old): approvals.approve(
            [each for each in chosen if each in one.result.findings],
            owner=owner,
            reason=reason,
            expires=answer.day,
            today=today,
        )
        for one in every
    }
    path = call.approvals_file
    text = approvals.render(path, added, {each.fingerprint: _note(each) for each in chosen})
    if apply:
        approvals.write(path, text)
    data = {
        "file": str(path),
        "applied": apply,
        "approvals": [
            {
                "fingerprint": each.fingerprint,
                "change": _note(each),
                "owner": owner,
                "expires": answer.expires,
            }
            for each in chosen
        ],
    }

    def draw(screen: Console) -> None:
        for each in chosen:
            screen.print(f"approve {each.fingerprint}  {_note(each)}", markup=False, soft_wrap=True)
        screen.print(f"  {owner} until {answer.expires}: {reason}", markup=False, soft_wrap=True)
        done = f"written to {shown(path)}" if apply else f"nothing changed; --apply writes {shown(path)}"
        screen.print(done, markup=False)

    return Report("ccops.contract.approve/v1", data, text=draw)


def pull_request(repo: str, number: int, api: str) -> github.PullRequest:
    """Return where to post; the number comes from the workflow's reference when nobody says."""
    found = re.fullmatch(r"refs/pull/(\d+)/\w+", os.environ.get("GITHUB_REF", ""))
    return github.PullRequest(
        repo, number or int(found[1] if found else 0), os.environ.get("GITHUB_TOKEN", ""), api
    )


def _note(finding: Finding) -> str:
    return sentence(finding)[:200]
