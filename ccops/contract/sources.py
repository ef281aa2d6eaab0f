"""Where the two sides of a comparison come from: a file, an address, a git commit, or the contract bundle."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from ccops.contract.asyncapi import Bundle, asyncapi
from ccops.contract.export import render
from ccops.contract.load import MAX_BYTES, Document, bad, document, load, parse
from ccops.core.errors import Unreachable, UsageError
from ccops.core.git import git
from ccops.core.masking import mask_urls
from ccops.core.places import shown

OPENAPI, EVENTS, TOPICS = "openapi.json", "events.json", "topics.yml"
_ABSENT = ("does not exist in", "exists on disk, but not in")


@dataclass(frozen=True, slots=True)
class Commit:
    """A folder as it was at a git reference."""

    ref: str
    folder: Path


def is_url(text: str) -> bool:
    """Return whether `text` is an address and not a file."""
    return text.startswith(("http://", "https://"))


def is_events(text: str) -> bool:
    """Return whether `text` names the events of a bundle alone."""
    return not is_url(text) and Path(text).name == EVENTS


def is_bundle(text: str) -> bool:
    """Return whether `text` names a bundle's folder that declares events, or those events alone."""
    return not is_url(text) and (is_events(text) or (Path(text) / EVENTS).is_file())


def openapi_of(text: str, *, external: bool = False, timeout_s: float = 30.0) -> Document:
    """Read a document by address or path; `external` allows `$ref`s that lead to other addresses."""
    fetch = (lambda url: fetched(url, timeout_s)) if external else None
    if is_url(text):
        return load(fetched(text, timeout_s), name=mask_urls(text), fetch=fetch)
    path = Path(text)
    if path.is_dir():
        path /= OPENAPI
    return load(path, name=shown(path), fetch=fetch)


def openapi_at(commit: Commit, name: str = OPENAPI) -> Document:
    """Read a document as it was committed."""
    return load(at_commit(commit, name), name=f"{commit.ref}:{shown(commit.folder / name)}")


def events_of(text: str, *, timeout_s: float = 30.0) -> Document:
    """Read an AsyncAPI document, or make it from a bundle: its folder, or its events.json."""
    if is_url(text):
        return load(fetched(text, timeout_s), name=mask_urls(text))
    path = Path(text)
    if not path.is_dir() and path.name != EVENTS:
        return load(path, name=shown(path))
    folder = path if path.is_dir() else path.parent
    return _events(
        {name: _bytes(folder / name) for name in (EVENTS, TOPICS, OPENAPI)}, shown(folder / EVENTS)
    )


def events_at(commit: Commit) -> Document:
    """Make the AsyncAPI document of a bundle as it was committed; a missing topics.yml is no error."""
    read: dict[str, bytes | None] = {EVENTS: at_commit(commit, EVENTS)}
    for name in (TOPICS, OPENAPI):
        read[name] = _at_commit(commit, name)[0]
    return _events(read, f"{commit.ref}:{shown(commit.folder / EVENTS)}")


def made(data: dict[str, object], name: str) -> Document:
    """Return a document that was made here; its digest is that of its text."""
    return document(data, name=name, digest=hashlib.sha256(render(data).encode()).hexdigest())


def at_commit(commit: Commit, name: str) -> bytes:
    """Return a file as it was committed. Raises UsageError when git does not have it."""
    content, said = _at_commit(commit, name)
    if content is None:
        raise _not_there(commit, name, said)
    return content


def _at_commit(commit: Commit, name: str) -> tuple[bytes | None, str]:
    """Return a file as it was committed, or None and what git said when that commit has no such file.

    Raises UsageError for everything else that goes wrong: a file is not missing because git was slow.
    """
    if not commit.ref or commit.ref.startswith("-") or ":" in commit.ref:
        raise UsageError(
            "GIT_REF_INVALID",
            f"{commit.ref!r} is neither a file, an address nor a git reference",
            evidence="a reference neither begins with a dash nor holds a colon",
            next_step="--against origin/main",
        )
    answer = git(commit.folder, "show", f"{commit.ref}:./{name}")
    if answer.good:
        return answer.out, ""
    said = answer.said
    if any(words in said for words in _ABSENT):
        return None, said
    raise _not_there(commit, name, said or f"git ended with {answer.code}")


def fetched(url: str, timeout_s: float) -> bytes:
    """Return what an address answers, at most 64 MiB. Raises Unreachable, or UsageError for a refusal."""
    try:
        urlsplit(url)
        return asyncio.run(_fetched(url, timeout_s))
    except ValueError as error:
        raise bad("CONTRACT_UNREADABLE", mask_urls(url), "", f"no address: {error}") from None
    except TimeoutError:
        raise Unreachable(
            "HTTP_UNREACHABLE",
            f"{mask_urls(url)} did not answer in time",
            evidence=f"the whole answer was not there after {timeout_s:g} s",
            next_step="--timeout allows more",
        ) from None


async def _fetched(url: str, timeout_s: float) -> bytes:
    from ccops.clients.http import open_http

    whole = bytearray()
    parts = urlsplit(url)
    async with asyncio.timeout(timeout_s), open_http(f"{parts.scheme}://{parts.netloc}") as client:
        async with client.stream("GET", url, headers={"Accept": "application/json, */*;q=0.1"}) as answer:
            if answer.status_code != 200:
                raise bad("CONTRACT_UNREADABLE", mask_urls(url), "", f"it answered {answer.status_code}")
            async for piece in answer.aiter_bytes():
                whole += piece
                if len(whole) > MAX_BYTES:
                    raise bad("CONTRACT_TOO_BIG", mask_urls(url), "", f"more than {MAX_BYTES:,} bytes")
    return bytes(whole)


def _events(read: dict[str, bytes | None], name: str) -> Document:
    events = read[EVENTS]
    if events is None:
        raise bad("CONTRACT_UNREADABLE", name, "", "there is no such file")
    parsed = {
        key: _object(content, f"{name} ({key})") for key, content in read.items() if content is not None
    }
    info = parsed.get(OPENAPI, {}).get("info")
    about = info if isinstance(info, dict) else {}
    bundle = Bundle(
        parsed[EVENTS],
        parsed.get(TOPICS, {}),
        str(about.get("title", "events")),
        str(about.get("version", "1.0.0")),
    )
    return made(asyncapi(bundle), name)


def _object(content: bytes, name: str) -> dict[str, object]:
    found = parse(content, name)
    if not isinstance(found, dict):
        raise bad("CONTRACT_SHAPE", name, "", "it is no object")
    return found


def _bytes(path: Path) -> bytes | None:
    if not path.is_file():
        return None
    if path.stat().st_size > MAX_BYTES:
        raise bad("CONTRACT_TOO_BIG", shown(path), "", f"the limit is {MAX_BYTES:,} bytes")
    return path.read_bytes()


def _not_there(commit: Commit, name: str, why: str) -> UsageError:
    return UsageError(
        "CONTRACT_NOT_AT_REF",
        f"git has no {name} at {commit.ref}",
        evidence=f"{why.splitlines()[0]}\nin {commit.folder}",
        next_step="git fetch origin main    (a shallow clone holds one commit only)",
    )
