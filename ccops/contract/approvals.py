"""The file of approved breaks: who answers for each, why, and until when.

An approval names a fingerprint, so that it holds for one meaning and not for whatever happens to be worded
alike. It ends by itself: what was approved forever would hide the next break of the same place.
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
_HEAD = """\
# Contract breaks that somebody answers for. `ccops openapi approve` writes here; a stale entry is reported.
"""


def read_approvals(path: Path, *, required: bool = False) -> tuple[Approval, ...]:
    """Return the approvals of a file; none when it is not there and not `required`.

    Raises UsageError that lists everything wrong with the file at once.
    """
    return tuple(_approval(entry) for entry in _entries(path, required=required))


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


def render(path: Path, added: Sequence[Approval], notes: Mapping[str, str]) -> str:
    """Return the file's text with `added` in it; one with the same fingerprint is renewed."""
    import yaml

    kept = [entry for entry in _entries(path) if entry["fingerprint"] not in {a.fingerprint for a in added}]
    fresh = [
        {
            "fingerprint": one.fingerprint,
            _NOTE: notes.get(one.fingerprint, ""),
            "owner": one.owner,
            "reason": one.reason,
            "expires": one.expires.isoformat(),
        }
        for one in added
    ]
    body = yaml.safe_dump({"approvals": [*kept, *fresh]}, sort_keys=False, allow_unicode=True, width=110)
    return f"{_HEAD}{body}"


def write(path: Path, text: str) -> None:
    """Write the whole file or nothing of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)


def _entries(path: Path, *, required: bool = False) -> list[dict[str, str]]:
    if not path.is_file():
        if required:
            raise UsageError(
                "APPROVALS_NOT_FOUND",
                f"there is no file {path}",
                evidence="it was named, so that going on without it would be a guess",
                next_step="leave --approvals out, or name the file",
            )
        return []
    data = parse(path.read_bytes() or b"{}", str(path))
    raw = data.get("approvals") if isinstance(data, Mapping) else None
    if not isinstance(data, Mapping) or set(data) - {"approvals"} or not isinstance(raw or [], list):
        raise _invalid(path, ["expected one key, `approvals`, with a list"])
    entries = raw if isinstance(raw, list) else []
    problems = [f"entry {number}: {what}" for number, one in enumerate(entries, 1) for what in _problems(one)]
    seen = [one["fingerprint"] for one in entries if isinstance(one, dict) and "fingerprint" in one]
    problems += [f"{text} is there twice" for text in sorted({str(t) for t in seen if seen.count(t) > 1})]
    if problems:
        raise _invalid(path, problems)
    return [{str(key): str(value) for key, value in one.items()} for one in entries]


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
