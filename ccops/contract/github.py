"""Post the comment of a pull request through GitHub: one comment, found by its marker and edited."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ccops.contract.comment import MARKER
from ccops.core.errors import Refused, Unreachable, UsageError

if TYPE_CHECKING:
    import httpx

API = "https://api.github.com"
_PAGE = 100
_PAGES = 50  # five thousand comments; a pull request with more is beyond this
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True, slots=True)
class PullRequest:
    """Where to write, and who writes. The token comes from the environment and is never shown."""

    repo: str
    number: int
    token: str = field(repr=False)
    api: str = API

    def __post_init__(self) -> None:
        parts = urlsplit(self.api)
        if not re.fullmatch(r"[\w.-]+/[\w.-]+", self.repo) or self.number < 1:
            raise _usage("--repo is OWNER/NAME and --pr a number", f"got {self.repo!r} and {self.number}")
        if not self.token:
            raise _usage(
                "there is no token", "GITHUB_TOKEN is empty; in a workflow: permissions: pull-requests"
            )
        if parts.scheme != "https" and parts.hostname not in _LOOPBACK:
            raise _usage("a token is sent over https only", f"the API address is {self.api}")


def post(body: str, to: PullRequest, *, timeout_s: float = 30.0) -> str:
    """Write `body` and return `created`, `updated` or `unchanged`.

    Raises Refused when the token may not, UsageError for an unknown pull request, Unreachable otherwise.
    """
    try:
        return asyncio.run(_post(body, to, timeout_s))
    except TimeoutError:
        raise Unreachable(
            "HTTP_UNREACHABLE",
            f"{to.api} did not answer in time",
            evidence=f"no comment was confirmed within {timeout_s:g} s; it may still have been written",
            next_step="run it again: the comment is found by its marker and not written twice",
        ) from None


async def _post(body: str, to: PullRequest, timeout_s: float) -> str:
    from ccops.clients.http import open_http

    async with asyncio.timeout(timeout_s), open_http(to.api.rstrip("/") + "/") as client:
        client.headers.update(
            {
                "Authorization": f"Bearer {to.token}",
                "Accept": "application/vnd.github+json",
                "X-GitHub-Api-Version": "2022-11-28",
                "User-Agent": "ccops",
            }
        )
        found = await _find(client, to)
        if found is None:
            _check(await client.post(_comments(to), json={"body": body}), to)
            return "created"
        ident, old = found
        if old.replace("\r\n", "\n").rstrip() == body.rstrip():
            return "unchanged"
        _check(await client.patch(f"repos/{to.repo}/issues/comments/{ident}", json={"body": body}), to)
        return "updated"


def _comments(to: PullRequest) -> str:
    return f"repos/{to.repo}/issues/{to.number}/comments"


async def _find(client: httpx.AsyncClient, to: PullRequest) -> tuple[int, str] | None:
    """Return id and text of the oldest comment that begins with the marker; quoting it is not enough."""
    for page in range(1, _PAGES + 1):
        answer = _check(await client.get(_comments(to), params={"per_page": _PAGE, "page": page}), to)
        listed = answer.json()
        if not isinstance(listed, list):
            raise _refused(answer, to)
        for one in listed:
            text = str(one.get("body") or "")
            if text.startswith(MARKER):
                return int(one["id"]), text
        if len(listed) < _PAGE:
            break
    return None


def _check(answer: httpx.Response, to: PullRequest) -> httpx.Response:
    if answer.is_success:
        return answer
    if answer.status_code >= 500 or answer.status_code == 429:
        raise Unreachable(
            "GITHUB_UNAVAILABLE",
            f"{to.api} answered {answer.status_code}",
            evidence=_said(answer),
            next_step="run it again later",
        )
    raise _refused(answer, to)


def _refused(answer: httpx.Response, to: PullRequest) -> Refused | UsageError:
    if answer.status_code == 404:
        return _usage(f"{to.repo} has no pull request {to.number} that this token sees", _said(answer))
    return Refused(
        "COMMENT_REFUSED",
        f"GitHub refused with {answer.status_code}; nothing was written",
        evidence=_said(answer),
        next_step="the token needs: permissions: pull-requests: write",
    )


def _said(answer: httpx.Response) -> str:
    try:
        told = answer.json()
        text = told.get("message") if isinstance(told, dict) else None
    except ValueError:
        text = None
    return str(text or "no message")[:300]


def _usage(message: str, why: str) -> UsageError:
    return UsageError(
        "COMMENT_TARGET",
        message,
        evidence=why,
        next_step="GITHUB_TOKEN=... ccops openapi comment --repo OWNER/NAME --pr 7 --apply",
    )
