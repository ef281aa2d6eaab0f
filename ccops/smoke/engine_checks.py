"""Hold the answer of an act against `expect`, and take captures out of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from ccops.core.errors import CcopsError
from ccops.smoke.acts import Answer
from ccops.smoke.expressions import render
from ccops.smoke.matchers import match, match_headers, render_expected, render_mismatches
from ccops.smoke.mismatch import Mismatch
from ccops.smoke.model import Expect
from ccops.smoke.paths import extract, is_path
from ccops.smoke.probes.base import Mask, brief


@dataclass(frozen=True, slots=True)
class Check:
    """One aspect of an answer: what was wanted, what came, and whether that is fine."""

    label: str
    wanted: str
    observed: str
    ok: bool


@dataclass(frozen=True, slots=True)
class Captured:
    """Values taken from an answer; `secrets` are to be masked from now on, `problems` were missing."""

    values: Mapping[str, object]
    secrets: tuple[str, ...]
    problems: tuple[Check, ...]


def checks(
    expect: Expect | None,
    answer: Answer,
    scope: Mapping[str, object],
    earlier: Mapping[str, Answer],
    mask: Mask | None = None,
) -> list[Check]:
    """Return the checks of `answer`. HTTP without an expected status must still be 2xx."""
    found: list[Check] = []
    if answer.status is not None:
        found.append(_status(expect, answer, scope, mask))
    if expect is None:
        return found
    if expect.headers:
        pattern = render_expected(dict(expect.headers), scope)
        assert isinstance(pattern, Mapping)
        wrong = match_headers(pattern, answer.headers, scope)
        found.append(_matched("headers", pattern, dict(answer.headers), wrong, mask))
    for label, raw, actual in (("body", expect.body, answer.body), ("rows", expect.rows, answer.rows)):
        if raw is not None:
            pattern = render_expected(raw, scope)
            found.append(_matched(label, pattern, actual, match(pattern, actual, scope), mask))
    if expect.outcomes:
        wanted = render(dict(expect.outcomes), scope)
        found.append(_outcomes(wanted if isinstance(wanted, Mapping) else {}, answer.outcomes))
    if expect.same_as:
        found.append(_same(expect.same_as, answer, earlier, mask))
    return found


def status_failed(found: list[Check]) -> bool:
    """Say whether the answer was another one altogether, so that its effects mean nothing."""
    return any(not check.ok and check.label in {"status", "outcomes"} for check in found)


def captured(capture: Mapping[str, object], document: object, scope: Mapping[str, object]) -> Captured:
    """Take every capture; one that finds nothing is a problem, never null."""
    values: dict[str, object] = {}
    secrets: list[str] = []
    problems: list[Check] = []
    for name, how in capture.items():
        where = how.get("path") if isinstance(how, Mapping) else how
        try:
            value = extract(str(where), document) if is_path(where) else render(where, {**scope, **values})
        except CcopsError as error:
            problems.append(Check(f"capture {name}", str(where), error.message, ok=False))
            continue
        values[name] = value
        if isinstance(how, Mapping) and how.get("secret") is True:
            secrets.append(str(value))
    return Captured(values, tuple(secrets), tuple(problems))


def _status(expect: Expect | None, answer: Answer, scope: Mapping[str, object], mask: Mask | None) -> Check:
    pattern: object = {"between": [200, 299]}
    if expect is not None and expect.status is not None:
        pattern = render_expected(expect.status, scope)
    ok = not match(pattern, answer.status, scope)
    code = answer.body.get("error") if isinstance(answer.body, Mapping) else None
    extra = f" {brief(code, 160, mask)}" if code is not None and not ok else ""
    return Check("status", brief(pattern), f"{answer.status}{extra}", ok)


def _matched(label: str, pattern: object, actual: object, wrong: list[Mismatch], mask: Mask | None) -> Check:
    observed = "\n".join(render_mismatches(wrong, mask=mask)) if wrong else brief(actual, 160, mask)
    return Check(label, brief(pattern, mask=mask), observed, not wrong)


def _outcomes(wanted: Mapping[str, object], got: Mapping[str, int]) -> Check:
    left = Counter(got)
    ok = True
    for names, count in wanted.items():
        kinds = [name.strip() for name in str(names).split("|")]
        ok &= sum(left.pop(kind, 0) for kind in kinds) == count
    ok &= not left
    return Check("outcomes", brief(dict(wanted)), brief(dict(sorted(got.items()))), ok)


def _same(name: str, answer: Answer, earlier: Mapping[str, Answer], mask: Mask | None) -> Check:
    before = earlier.get(name)
    if before is None:
        return Check("same_as", f"the bytes of {name}", f"{name} has no answer", ok=False)
    ok = before.raw == answer.raw
    other = f"{brief(answer.body, 160, mask)} instead of {brief(before.body, 160, mask)}"
    return Check("same_as", f"the bytes of {name}", f"{len(answer.raw)} equal bytes" if ok else other, ok)
