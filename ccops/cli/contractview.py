"""How exported documents and comparisons look, and which reports they leave."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
from ccops.contract import comment
from ccops.contract.diff import diff
from ccops.contract.export import export_app, render
from ccops.contract.load import Document
from ccops.contract.model import DiffResult
from ccops.contract.show import lines
from ccops.contract.sources import events_of, is_bundle, is_events, openapi_of
from ccops.contract.tell import as_data, issues, marks
from ccops.core.errors import ExitCode
from ccops.core.output import Output, Report
from ccops.core.places import shown
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
    approve: str

    @property
    def section(self) -> comment.Section:
        return comment.Section(self.title, self.result, self.approve)


def compare(call: Call, title: str, sides: tuple[Document, Document]) -> Compared:
    """Compare two documents by the policy of the call."""
    old, new = sides
    return Compared(title, old, new, diff(old, new, policy=policy_of(call, old)), _approve_command(call))


def compared_all(call: Call) -> list[Compared]:
    """Compare two named documents; or the API and, when there is a commit to look at, the events."""
    named = bool(call.old and call.new)
    found = []
    if not named or not is_events(call.old):
        sides = openapi_sides(call)
        found.append(compare(call, _title(sides[0]), sides))
    events = is_bundle(call.old) if named else bool(call.against and not call.old)
    if events:
        found.append(compare(call, "Events", events_sides(call)))
    return found


def diff_report(
    call: Call, title: str, sides: tuple[Document, Document], reports: Sequence[str], output: Output
) -> Report:
    """Compare, write the reports that were asked for, and return the envelope."""
    check_reports(reports, stdout_taken=output is not Output.TEXT)
    one = compare(call, title, sides)
    text = comment.body([one.section])
    tool = "ccops openapi diff" if section_of(one.old) == "openapi" else "ccops contract diff"
    write_reports(reports, marks(one.result, tool), {"md": text})
    quiet = any(spec.endswith("=-") for spec in reports)
    return Report(
        "ccops.contract.diff/v1",
        {"old": one.old.name, "new": one.new.name, **as_data(one.result)},
        one.result.exit_code,
        issues=() if output is Output.TEXT else issues(one.result),
        text=_quiet if quiet else lambda screen: draw_comparison(screen, one),
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


def draw_comparison(screen: Console, one: Compared) -> None:
    """Draw a comparison: where the sides came from, what was found, the verdict."""
    screen.print(f"old  {one.old.name}\nnew  {one.new.name}", style="dim", markup=False, soft_wrap=True)
    for text, style in lines(one.result, one.approve):
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


def _approve_command(call: Call) -> str:
    """Return the command that finds the same comparison again, to answer for one of its breaks."""
    given = {
        "--old": call.old, "--new": call.new, "--against": call.against, "--app": call.app,
        "--contract": str(call.contract or ""),
    }  # fmt: skip
    said = [f"{option} {shlex.quote(value)}" for option, value in given.items() if value]
    return " ".join(["ccops openapi approve", *said])
