"""The comment of a pull request: what it shows, how long it may be, and that there is only one."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest

from ccops.contract.comment import MARKER, Section, body
from ccops.contract.github import PullRequest, post
from ccops.contract.model import Level
from ccops.core.errors import CcopsError, Refused, Unreachable, UsageError
from tests.fakes.findings import APPROVED, BREAK, DOUBT, SAFE, STALE, result

TOKEN = "ghs_secret"
LIMIT = 65_536


def test_breaks_come_first_with_their_proof_folded_and_a_line_to_copy() -> None:
    text = body([Section("HTTP", result(SAFE, DOUBT, BREAK), "ccops openapi approve --against origin/main")])
    rows = [line for line in text.splitlines() if line.startswith(("| ❌", "| ⚠️"))]

    assert text.startswith(f"{MARKER}\n### ❌ Contract: 1 breaking change\n")
    assert rows == [
        "| ❌ | the property \\`gold\\_balance\\` is not there any more | `GET /api/users/me` "
        "| `scenarios/journey.yaml:308` |",
        "| ⚠️ | the pattern was changed | `POST /api/shop/buy` |  |",
    ]
    assert "<details><summary>GET /api/users/me the property `gold_balance`" in text
    assert '```json\n{\n  "id": 1\n}\n```' in text
    assert "ccops openapi approve --against origin/main 3f2a91c07d5e --owner NAME" in text


def test_compatible_documents_say_so_and_nothing_compared_does_not() -> None:
    assert "### ✅ Contract: compatible" in body([Section("HTTP", result(SAFE))])
    assert "### ❌ Contract: not compatible" in body([Section("HTTP", result(operations=0))])


def test_approved_and_stale_are_told_and_have_no_line_to_copy() -> None:
    text = body([Section("HTTP", replace(result(APPROVED), stale=(STALE,)))])

    assert "approved by dana until 2027-01-31" in text
    assert "Stale approval `dead00dead00` of lee: expired on 2026-01-01" in text
    assert "--owner NAME" not in text


def test_a_thousand_breaks_fit_and_the_rest_is_counted() -> None:
    many = [
        replace(BREAK, fingerprint=f"{number:012x}", message=f"한글 이름 {number} " * 12)
        for number in range(1000)
    ]
    text = body([Section("HTTP", result(*many)), Section("Events", result(BREAK))])

    assert len(text) <= len(text.encode()) < LIMIT
    assert "more do not fit here" in text
    assert text.count("\n| ❌") > 100


def test_rows_of_all_sections_are_there_before_the_first_long_proof() -> None:
    assert BREAK.witness is not None
    huge = replace(BREAK.witness, value=["x" * 50_000])
    many = [replace(BREAK, fingerprint=f"{n:012x}", witness=huge, operation=f"GET /{n}") for n in range(50)]
    text = body([Section("HTTP", result(*many)), Section("Events", result(BREAK))])

    assert text.count("\n| ❌") == 51
    assert len(text.encode()) < LIMIT


def test_hostile_words_stay_words() -> None:
    evil = replace(
        BREAK,
        message="</summary><img src=x onerror=alert(1)> @everyone | a\nb",
        operation="GET /x`|`y",
        reason="<script>",
    )
    text = body([Section("HTTP", result(evil))])
    summary = next(line for line in text.splitlines() if "<summary>" in line)

    assert "<img" not in text.replace("\\<img", "")
    assert "<script>" not in text.replace("\\<script\\>", "")
    assert "@everyone" not in text
    assert summary.count("</summary>") == 1


@dataclass
class GitHub:
    """A GitHub that keeps comments in memory, pages them, and can be told to fail."""

    comments: list[dict] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    status: int = 0
    url: str = ""


class _Handler(BaseHTTPRequestHandler):
    hub: ClassVar[GitHub]

    def do_GET(self) -> None:
        page = int(self.path.rpartition("page=")[2])
        self._answer(200, self.hub.comments[(page - 1) * 100 : page * 100])

    def do_POST(self) -> None:
        self.hub.comments.append({"id": len(self.hub.comments) + 1, **self._body()})
        self._answer(201, self.hub.comments[-1])

    def do_PATCH(self) -> None:
        ident = int(self.path.rpartition("/")[2])
        next(one for one in self.hub.comments if one["id"] == ident).update(self._body())
        self._answer(200, {})

    def _body(self) -> dict:
        return json.loads(self.rfile.read(int(self.headers["Content-Length"])))

    def _answer(self, status: int, value: object) -> None:
        self.hub.calls.append(f"{self.command} {self.path.partition('?')[0]}")
        if self.headers["Authorization"] != f"Bearer {TOKEN}":
            status, value = 401, {"message": "Bad credentials"}
        status = self.hub.status or status
        content = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hub() -> Iterator[GitHub]:
    made = GitHub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": made}))
    made.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _to(hub: GitHub, token: str = TOKEN) -> PullRequest:
    return PullRequest("team/game", 7, token, hub.url)


def test_the_comment_is_written_once_then_edited_then_left_alone(hub: GitHub) -> None:
    hub.comments += [{"id": n, "body": f"talk about {MARKER}"} for n in range(1, 151)]

    assert [post(f"{MARKER}\none\n", _to(hub)), post(f"{MARKER}\ntwo\n", _to(hub))] == ["created", "updated"]
    assert post(f"{MARKER}\ntwo\n", _to(hub)) == "unchanged"
    assert [one["body"] for one in hub.comments[150:]] == [f"{MARKER}\ntwo\n"]
    assert hub.calls.count("POST /repos/team/game/issues/7/comments") == 1
    assert hub.calls.count("PATCH /repos/team/game/issues/comments/151") == 1


@pytest.mark.parametrize(
    ("status", "error"),
    [(401, Refused), (403, Refused), (404, UsageError), (502, Unreachable), (429, Unreachable)],
)
def test_what_github_refuses_is_told_without_the_token(
    hub: GitHub, status: int, error: type[CcopsError]
) -> None:
    hub.status = status
    with pytest.raises(error) as caught:
        post(MARKER, _to(hub))
    assert TOKEN not in f"{caught.value.message}{caught.value.evidence}{caught.value!r}"
    assert hub.comments == []


def test_nobody_at_the_address_is_unreachable() -> None:
    with pytest.raises(Unreachable):
        post(MARKER, PullRequest("team/game", 7, TOKEN, "http://127.0.0.1:1"))


@pytest.mark.parametrize(
    "wrong",
    [{"repo": "game"}, {"repo": "a/b/../c"}, {"number": 0}, {"token": ""}, {"api": "http://api.example"}],
    ids=str,
)
def test_a_target_that_can_not_be_right_is_refused_before_anything_is_sent(wrong: dict) -> None:
    given = {"repo": "team/game", "number": 7, "token": TOKEN, "api": "https://api.github.com"} | wrong
    with pytest.raises(UsageError):
        PullRequest(**given)


def test_the_token_is_no_part_of_what_is_printed() -> None:
    assert TOKEN not in repr(PullRequest("team/game", 7, TOKEN))


def test_levels_and_signs_agree() -> None:
    text = body([Section("HTTP", result(SAFE, fail_on=Level.INFO))])
    assert "| ✅ | a new operation" in text
