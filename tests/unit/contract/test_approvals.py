"""Approvals: read strictly, written whole, and never for nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from ccops.contract.approvals import approve, chosen, read_approvals, render, write
from ccops.contract.model import Approval
from ccops.core.errors import UsageError
from tests.fakes.findings import APPROVAL, BREAK, DOUBT

TODAY = date(2026, 11, 23)
GOOD = (
    "# our own words\nopenapi:\n- {fingerprint: '0123', owner: dana, reason: why, expires: 2027-01-31}\n"
    "events:\n- fingerprint: 12e4\n  owner: 리\n  reason: 이유\n  expires: '2027-02-28'\n  change: ws\n"
)


def _file(folder: Path, text: str) -> Path:
    path = folder / "approvals.yml"
    path.write_text(text, encoding="utf-8")
    return path


def test_each_section_is_read_for_itself(tmp_path: Path) -> None:
    path = _file(tmp_path, GOOD)
    assert read_approvals(path, "openapi") == (Approval("0123", "dana", "why", date(2027, 1, 31)),)
    assert read_approvals(path, "events")[0].owner == "리"


def test_no_file_is_no_approval_unless_it_was_named(tmp_path: Path) -> None:
    assert read_approvals(tmp_path / "none.yml", "openapi") == ()
    with pytest.raises(UsageError, match="there is no file"):
        read_approvals(tmp_path / "none.yml", "openapi", required=True)


@pytest.mark.parametrize("text", ["", "# only words\n", "openapi:\n", "openapi: []\n"])
def test_an_empty_file_is_no_approval(text: str, tmp_path: Path) -> None:
    assert read_approvals(_file(tmp_path, text), "openapi") == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("approvals: []", "expected the sections"),
        ("openapi: {}", "openapi is no list"),
        ("openapi: [x]", "openapi 1: it is no mapping"),
        ("openapi: [{fingerprint: a, owner: b, reason: c}]", "openapi 1: expires is missing"),
        ("openapi: [{fingerprint: a, owner: '', reason: c, expires: 2027-01-01}]", "owner is missing"),
        ("openapi: [{fingerprint: a, owner: b, reason: c, expires: 2027-02-30}]", "is no day"),
        ("openapi: [{fingerprint: a, owner: b, reason: c, expires: never}]", "is no day"),
        ("openapi: [{fingerprint: a, owner: b, reason: c, expires: 2027-01-01, x: 1}]", "unknown key 'x'"),
        ("openapi: [{fingerprint: a, owner: b, reason: c, expires: 2027-01-01},"
         " {fingerprint: a, owner: b, reason: c, expires: 2027-01-01}]", "a is there twice"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_the_file_is_listed(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        read_approvals(_file(tmp_path, text), "openapi")
    assert caught.value.code == "APPROVALS_INVALID"
    assert said in caught.value.evidence


def test_writing_keeps_other_entries_renews_the_same_and_can_be_read_again(tmp_path: Path) -> None:
    path = _file(tmp_path, GOOD)
    again = Approval("0123", "lee", "still", date(2027, 6, 30))
    write(path, render(path, {"openapi": (again, APPROVAL)}, {APPROVAL.fingerprint: "GET /me: gone"}))

    assert read_approvals(path, "openapi") == (again, APPROVAL)
    assert read_approvals(path, "events")[0].fingerprint == "12e4"
    assert "change: 'GET /me: gone'" in path.read_text(encoding="utf-8")
    assert list(tmp_path.iterdir()) == [path]


def test_the_first_approval_makes_the_file_and_its_folder(tmp_path: Path) -> None:
    path = tmp_path / "contract" / "approvals.yml"
    write(path, render(path, {"openapi": (APPROVAL,)}, {}))
    assert read_approvals(path, "openapi") == (APPROVAL,)


@pytest.mark.parametrize(
    ("owner", "reason", "expires"),
    [("", "why", date(2027, 1, 1)), ("dana", " ", date(2027, 1, 1)), ("dana", "why", TODAY)],
)
def test_an_approval_nobody_could_be_asked_about_is_refused(owner: str, reason: str, expires: date) -> None:
    with pytest.raises(UsageError) as caught:
        approve([BREAK], owner=owner, reason=reason, expires=expires, today=TODAY)
    assert caught.value.code == "APPROVAL_INVALID"


def test_a_fingerprint_is_chosen_by_its_first_letters_when_they_are_enough() -> None:
    twin = replace(DOUBT, fingerprint="3f2a00000000")
    assert chosen([BREAK, DOUBT], ["3f2a"]) == [BREAK]
    for wanted in ("3f2a", "3f2", "ffff", ""):
        with pytest.raises(UsageError, match="no fingerprint"):
            chosen([BREAK, twin], [wanted])
