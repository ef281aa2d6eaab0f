"""How documents, comparisons and the approvals of breaks look, and what they leave behind."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from ccops.cli.contractsides import (
    Call,
    app_of,
    events_sides,
    openapi_sides,
    policy_of,
    section_of,
)
from ccops.contract import approvals, comment, github
from ccops.contract.diff import diff
from ccops.contract.export import export_app, render
from ccops.contract.load import Document
from ccops.contract.model import DiffResult, Finding, Level
from ccops.contract.show import lines
from ccops.contract.sources import OPENAPI, events_of, made, openapi_of, shown
from ccops.contract.tell import as_data, issues, marks
from ccops.core.clock import SystemClock
from ccops.core.errors import ExitCode, Refused, UsageError, worst
from ccops.core.output import Output, Report
from ccops.core.reports.files import check_writable, write_text
from ccops.core.reports.writing import check_reports, write_reports

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True, slots=True)
class Compared:
    """One comparison that was made: its title, the documents, and what came out."""

    title: str
    old: Document
    new: Document
    result: DiffResult

    @property
    def section(self) -> comment.Section:
        return comment.Section(self.title, self.result)


def compare(call: Call, title: str, sides: tuple[Document, Document]) -> Compared:
    """Compare two documents by the policy of the call."""
    old, new = sides
    return Compared(title, old, new, diff(old, new, policy=policy_of(call, old)))


def compared_all(call: Call) -> list[Compared]:
    """Compare two named documents; or the API and, when there is a commit to look at, the events."""
    if call.old and call.new:
        sides = openapi_sides(call)
        return [compare(call, _title(sides[0]), sides)]
    made_ = [compare(call, "HTTP", openapi_sides(call))]
    if call.against and not call.old:
        made_.append(compare(call, "Events", events_sides(call)))
    return made_


def diff_report(
    call: Call, title: str, sides: tuple[Document, Document], reports: Sequence[str], output: Output
) -> Report:
    """Compare, write the reports that were asked for, and return the envelope."""
    check_reports(reports, stdout_taken=output is not Output.TEXT)
    one = compare(call, title, sides)
    text = comment.body([one.section])
    tool = "ccops openapi diff" if section_of(one.old) == "openapi" else "ccops contract diff"
    write_reports(reports, marks(one.result, tool), {"md": text})
    return Report(
        "ccops.contract.diff/v1",
        {"old": one.old.name, "new": one.new.name, **as_data(one.result)},
        one.result.exit_code,
        issues=() if output is Output.TEXT else issues(one.result),
        text=_quiet if any(spec.endswith("=-") for spec in reports) else lambda screen: _draw(screen, one),
        markdown=text,
    )


def export_report(document: Mapping[str, object], versions: Mapping[str, str], call: ExportCall) -> Report:
    """Write a document, or hold a file against it; without either it goes to the standard output."""
    text = render(document)
    data: dict[str, object] = {"bytes": len(text.encode()), "made_with": dict(versions)}
    if call.check:
        return _checked(text, call.out, data)
    if str(call.out) == "-":
        write_text("-", text)
        return Report("ccops.contract.export/v1", data, text=_quiet)
    check_writable(call.out.resolve())
    write_text(str(call.out), text)
    data["out"] = str(call.out)
    said = f"wrote {shown(call.out)}, {len(text.encode()):,} bytes" + "".join(
        f", {name} {version}" for name, version in versions.items()
    )
    return Report("ccops.contract.export/v1", data, text=lambda screen: screen.print(said, markup=False))


@dataclass(frozen=True, slots=True)
class ExportCall:
    """Where an export goes; `-` is the standard output."""

    out: Path
    check: bool = False


def openapi_document(call: Call, source: str) -> tuple[Mapping[str, object], Mapping[str, str]]:
    """Return the document of an address or file, or of the app."""
    if source:
        return openapi_of(source, external=call.external, timeout_s=call.timeout_s).data, {}
    exported = export_app(app_of(call))
    return exported.document, exported.versions


def events_document(call: Call) -> Mapping[str, object]:
    """Return the AsyncAPI document of the bundle."""
    return events_of(str(call.folder)).data


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
            _draw(screen, one)
        screen.print(f"snapshot {shown(path)}: {state}", markup=False)

    return Report("ccops.contract.snapshot/v1", data, text=draw)


def comment_report(call: Call, to: github.PullRequest | None) -> Report:
    """Return the comment, and post it when somebody said where."""
    every = compared_all(call)
    approve = _approve_command(call)
    text = comment.body([replace(one.section, approve=approve) for one in every])
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


def _draw(screen: Console, one: Compared) -> None:
    command = "ccops openapi approve"
    screen.print(f"old  {one.old.name}\nnew  {one.new.name}", style="dim", markup=False, soft_wrap=True)
    for text, style in lines(one.result, command):
        screen.print(text, style=style or None, markup=False, soft_wrap=True)


def _checked(text: str, path: Path, data: dict[str, object]) -> Report:
    kept = path.read_text(encoding="utf-8") if path.is_file() else None
    same = kept == text
    data |= {"out": str(path), "same": same}
    state = "is up to date" if same else "is missing" if kept is None else "differs from the app"

    def draw(screen: Console) -> None:
        screen.print(f"{shown(path)} {state}", style="" if same else "bold red", markup=False)

    return Report("ccops.contract.export/v1", data, ExitCode.OK if same else ExitCode.NEGATIVE, text=draw)


def _quiet(screen: Console) -> None:
    """Draw nothing: what was asked for is on the standard output already."""


def _title(document: Document) -> str:
    return "HTTP" if section_of(document) == "openapi" else "Events"


def _note(finding: Finding) -> str:
    return f"{finding.operation}: {finding.message}"[:200]


def _approve_command(call: Call) -> str:
    against = f" --against {call.against}" if call.against else ""
    return f"ccops openapi approve{against}"


def pull_request(repo: str, number: int, api: str) -> github.PullRequest:
    """Return where to post; the number comes from the workflow's reference when nobody says."""
    found = re.fullmatch(r"refs/pull/(\d+)/\w+", os.environ.get("GITHUB_REF", ""))
    return github.PullRequest(
        repo, number or int(found[1] if found else 0), os.environ.get("GITHUB_TOKEN", ""), api
    )
