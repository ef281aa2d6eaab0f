"""The file of approved breaks: who answers for each, why, and until when.

An approval names a fingerprint, so that it holds for one meaning and not for whatever happens to be worded
alike. It ends by itself: what was approved forever would hide the next break of the same place. OpenAPI and
events are compared by two commands, and have a section each: one command must not call the other's stale.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path

from ccops.contract.load import parse
from ccops.contract.model import Approval, Finding
from ccops.core.errors import UsageError

DEFAULT = Path("contract") / "approvals.yml"
_KEYS = ("fingerprint", "owner", "reason", "expires")
_NOTE = "change"
SECTIONS = ("openapi", "events")
_HEAD = """\
# Contract breaks that somebody answers for. `ccops openapi approve` writes here; a stale entry is reported.
"""


def read_approvals(path: Path, section: str, *, required: bool = False) -> tuple[Approval, ...]:
    """Return the approvals of one section; none when the file is not there and not `required`.

    Raises UsageError that lists everything wrong with the file at once.
    """
    return tuple(_approval(entry) for entry in _read(path, required=required).get(section, ()))


def approve(
    entries: Sequence[Finding], *, owner: str, reason: str, expires: date, today: date
) -> tuple[Approval, ...]:
    """Return an approval a finding. Raises UsageError for one that could answer for nothing."""
    problems = [
        what
        for what, wrong in (
            ("--owner is empty", not owner.strip()),
            ("--reason is empty: it is what a reader will ask for first", not reason.strip()),
            (f"--expires {expires} is over already; it must be a day after {today}", expires <= today),
        )
        if wrong
    ]
    if problems:
        raise UsageError(
            "APPROVAL_INVALID",
            "nobody could be asked about this approval",
            evidence="\n".join(problems),
            next_step='--owner NAME --reason "..." --expires YYYY-MM-DD',
        )
    return tuple(Approval(one.fingerprint, owner.strip(), reason.strip(), expires) for one in entries)


def chosen(findings: Iterable[Finding], fingerprints: Sequence[str]) -> list[Finding]:
    """Return the findings with these fingerprints, of which the first letters are enough.

    Raises UsageError for one that is nobody's, or that two findings begin with.
    """
    known = {one.fingerprint: one for one in findings}
    found = []
    for wanted in fingerprints:
        fits = [text for text in known if text.startswith(wanted)]
        if len(fits) != 1 or len(wanted) < 4:
            what = "no finding has it" if not fits else f"{len(fits)} findings begin with it"
            raise UsageError(
                "APPROVAL_UNKNOWN",
                f"{wanted!r} is no fingerprint of this comparison",
                evidence=f"{what}; they are: {', '.join(sorted(known)) or 'none'}",
                next_step="copy it from  ccops openapi diff",
            )
        found.append(known[fits[0]])
    return found


def render(path: Path, added: Mapping[str, Sequence[Approval]], notes: Mapping[str, str]) -> str:
    """Return the file's text with `added` (section -> approvals); one of the same fingerprint is renewed."""
    import yaml

    whole = _read(path)
    for section, approvals in added.items():
        fresh = {one.fingerprint: _entry(one, notes.get(one.fingerprint, "")) for one in approvals}
        kept = [entry for entry in whole.get(section, []) if entry["fingerprint"] not in fresh]
        whole[section] = [*kept, *fresh.values()]
    body = {section: whole[section] for section in SECTIONS if whole.get(section)}
    return f"{_HEAD}{yaml.safe_dump(body, sort_keys=False, allow_unicode=True, width=110)}"


def write(path: Path, text: str) -> None:
    """Write the whole file or nothing of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)


def _read(path: Path, *, required: bool = False) -> dict[str, list[dict[str, str]]]:
    if not path.is_file():
        if required:
            raise UsageError(
                "APPROVALS_NOT_FOUND",
                f"there is no file {path}",
                evidence="it was named, so that going on without it would be a guess",
                next_step="leave --approvals out, or name the file",
            )
        return {}
    content = path.read_bytes()
    data = parse(content, str(path)) if content.strip() else {}
    if data is None:  # comments only
        data = {}
    if not isinstance(data, Mapping) or set(data) - set(SECTIONS):
        raise _invalid(path, [f"expected the sections {' and '.join(SECTIONS)}, each a list"])
    problems: list[str] = []
    found = {section: _section(data.get(section), section, problems) for section in SECTIONS}
    if problems:
        raise _invalid(path, problems)
    return found


def _section(raw: object, section: str, problems: list[str]) -> list[dict[str, str]]:
    if raw is not None and not isinstance(raw, list):
        problems.append(f"{section} is no list")
    entries = raw if isinstance(raw, list) else []
    for number, one in enumerate(entries, 1):
        problems += [f"{section} {number}: {what}" for what in _problems(one)]
    seen = [str(one["fingerprint"]) for one in entries if isinstance(one, dict) and "fingerprint" in one]
    problems += [
        f"{section}: {text} is there twice" for text in sorted({t for t in seen if seen.count(t) > 1})
    ]
    return [{str(key): str(value) for key, value in one.items()} for one in entries if isinstance(one, dict)]


def _entry(one: Approval, note: str) -> dict[str, str]:
    return {
        "fingerprint": one.fingerprint,
        _NOTE: note,
        "owner": one.owner,
        "reason": one.reason,
        "expires": one.expires.isoformat(),
    }


def _problems(entry: object) -> list[str]:
    if not isinstance(entry, Mapping):
        return ["it is no mapping"]
    problems = [f"{key} is missing or empty" for key in _KEYS if not str(entry.get(key) or "").strip()]
    problems += [f"unknown key {key!r}" for key in entry if key not in (*_KEYS, _NOTE)]
    if not problems and _day(str(entry["expires"])) is None:
        problems.append(f"expires {entry['expires']!r} is no day; write 2027-01-31")
    return problems


def _day(text: str) -> date | None:
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _approval(entry: Mapping[str, str]) -> Approval:
    return Approval(
        entry["fingerprint"], entry["owner"], entry["reason"], date.fromisoformat(entry["expires"])
    )


def _invalid(path: Path, problems: Sequence[str]) -> UsageError:
    return UsageError(
        "APPROVALS_INVALID",
        f"{path} can't be read as approvals",
        evidence="\n".join(problems),
        next_step="each entry has fingerprint, owner, reason, expires, and may have change",
    )
