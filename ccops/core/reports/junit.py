"""JUnit XML: the parts every writer of it needs, and the report of a list of marks."""

from __future__ import annotations

import re
from collections.abc import Iterable
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from ccops.core.reports.marks import Mark, MarkReport

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_COUNTS = (("failure", "failures"), ("error", "errors"), ("skipped", "skipped"))


def clean(text: str) -> str:
    """Return `text` without the control characters that XML 1.0 can't hold."""
    return _NOT_XML.sub("�", text)


def case(suite: Element, group: str, name: str, seconds: float) -> Element:
    """Add a test case to `suite`."""
    attributes = {"classname": clean(group), "name": clean(name), "time": f"{seconds:.3f}"}
    return SubElement(suite, "testcase", attributes)


def say(of: Element, tag: str, message: str, text: str) -> None:
    """Add `failure`, `error` or `skipped` to a case."""
    SubElement(of, tag, {"message": clean(message)}).text = clean(text)


def document(name: str, suites: Iterable[Element]) -> str:
    """Return the whole file, with every suite's counts filled in."""
    root = Element("testsuites", name=name)
    for suite in suites:
        for tag, key in _COUNTS:
            suite.set(key, str(len(suite.findall(f"testcase/{tag}"))))
        suite.set("tests", str(len(suite.findall("testcase"))))
        root.append(suite)
    indent(root)
    text = tostring(root, encoding="unicode", xml_declaration=False)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def junit(report: MarkReport) -> str:
    """Return a case per mark and per subject that is fine. What does not fail is `skipped`, with its text."""
    suite = Element("testsuite", name=clean(report.tool))
    if report.broken:
        say(case(suite, report.tool, "run", 0.0), "error", report.broken, report.broken)
    for subject in report.checked:
        case(suite, report.tool, subject, 0.0)
    for mark in report.marks:
        _mark(suite, report, mark)
    return document(report.tool, [suite])


def _mark(suite: Element, report: MarkReport, mark: Mark) -> None:
    name = f"{mark.code} {mark.subject or mark.file}".rstrip()
    one = case(suite, report.tool, f"{name}: {mark.message}", 0.0)
    place = ":".join(str(part) for part in (mark.file, mark.line) if part)
    lines = [place, mark.detail, f"accepted: {mark.accepted}" if mark.accepted else "", mark.next_step]
    tag = "failure" if report.fails(mark) else "skipped"
    say(one, tag, mark.message, "\n".join(line for line in lines if line))
