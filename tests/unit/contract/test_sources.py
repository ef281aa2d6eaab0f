"""Documents come from files, addresses and commits; what can't be had is an error and never an empty side."""

from __future__ import annotations

import contextlib
import json
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ccops.contract import sources
from ccops.contract.sources import Commit, at_commit, events_at, events_of, is_bundle, openapi_of
from ccops.core.errors import Unreachable, UsageError

API = {"openapi": "3.1.0", "info": {"title": "t", "version": "7"}, "paths": {}}
SCHEMA = {"components": {"schemas": {"A": {"type": "string"}}}}
EVENTS = {
    "payloads": {"won": {"type": "object"}},
    "websocket": {"path": "/ws", "envelope": {"properties": {"type": {}}}, "types": ["won"]},
}


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        pages = {
            "/api.json": (200, json.dumps(API)),
            "/api.yaml": (200, "openapi: 3.1.0\npaths: {}\n"),
            "/outside.json": (
                200,
                json.dumps({**API, "x": {"$ref": f"http://{self.headers['Host']}/a.json"}}),
            ),
            "/a.json": (200, json.dumps(SCHEMA)),
            "/moved": (302, ""),
            "/page": (200, "<html>log in</html>"),
        }
        if self.path == "/slow":
            time.sleep(0.6)
        status, text = pages.get(self.path, (404, "no"))
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "/api.json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        with contextlib.suppress(BrokenPipeError):  # who asked for /slow is gone by now
            self.wfile.write(text.encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_an_address_gives_json_and_yaml(url: str) -> None:
    assert openapi_of(f"{url}/api.json").data == API
    assert openapi_of(f"{url}/api.yaml").data["paths"] == {}


@pytest.mark.parametrize("path", ["/gone", "/moved", "/page"])
def test_an_address_that_gives_no_document_is_a_usage_error(path: str, url: str) -> None:
    with pytest.raises(UsageError):
        openapi_of(f"{url}{path}")


def test_an_address_that_is_slow_or_closed_is_unreachable(url: str) -> None:
    with pytest.raises(Unreachable, match="in time"):
        openapi_of(f"{url}/slow", timeout_s=0.2)
    with pytest.raises(Unreachable):
        openapi_of("http://127.0.0.1:1/api.json")


def test_an_answer_without_an_end_is_cut_off(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "MAX_BYTES", 10)
    with pytest.raises(UsageError, match="more than 10 bytes"):
        openapi_of(f"{url}/api.json")


def test_references_to_addresses_are_followed_only_when_allowed(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        openapi_of(f"{url}/outside.json")
    assert caught.value.code == "CONTRACT_REF_OUTSIDE"
    assert openapi_of(f"{url}/outside.json", external=True).kind == "openapi"


def test_a_password_in_an_address_is_not_shown() -> None:
    with pytest.raises(Unreachable) as caught:
        openapi_of("http://user:hunter2@127.0.0.1:1/api.json")
    assert "hunter2" not in f"{caught.value.message}{caught.value.evidence}"


def test_an_address_that_is_none_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="no address"):
        openapi_of("http://[::1")


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    folder = tmp_path / "repo" / "contract"
    folder.mkdir(parents=True)
    (folder / "openapi.json").write_text(json.dumps(API))
    (folder / "events.json").write_text(json.dumps(EVENTS))
    for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "first"]):
        who = ["-c", "user.name=t", "-c", "user.email=t@example.com"]
        subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True)
    return folder


def test_a_bundle_is_read_as_it_is_and_as_it_was_committed(bundle: Path) -> None:
    old = events_at(Commit("HEAD", bundle))
    (bundle / "events.json").write_text(json.dumps({**EVENTS, "payloads": {"won": {"type": "string"}}}))
    new = events_of(str(bundle))

    assert old.data["info"] == {"title": "t: events", "version": "7"}
    assert old.digest != new.digest
    assert events_of(str(bundle / "events.json")).digest == new.digest
    assert is_bundle(str(bundle))
    assert not is_bundle(str(bundle / "openapi.json"))


@pytest.mark.parametrize("ref", ["", "-rf", "--output=x", "HEAD:x", "nowhere", "HEAD~9"])
def test_a_reference_that_is_none_is_an_error_and_no_option_of_git(ref: str, bundle: Path) -> None:
    before = sorted(bundle.rglob("*"))
    with pytest.raises(UsageError) as caught:
        at_commit(Commit(ref, bundle), "openapi.json")
    known = ref in {"nowhere", "HEAD~9"}
    assert caught.value.code == ("CONTRACT_NOT_AT_REF" if known else "GIT_REF_INVALID")
    assert sorted(bundle.rglob("*")) == before


def test_a_file_is_not_missing_because_git_was_slow(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = subprocess.run

    def slow(argv: list[str], **how: object) -> object:
        if argv[-1].endswith("topics.yml"):
            raise subprocess.TimeoutExpired(argv, 30)
        return run(argv, **how)  # type: ignore[call-overload]

    assert events_at(Commit("HEAD", bundle)).data["channels"]  # without topics.yml there is no error
    monkeypatch.setattr("ccops.core.git.subprocess.run", slow)
    with pytest.raises(UsageError, match=r"git has no topics\.yml"):
        events_at(Commit("HEAD", bundle))


def test_a_folder_outside_git_says_so(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="git has no"):
        at_commit(Commit("HEAD", tmp_path), "openapi.json")


def test_a_bundle_without_events_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        events_of(str(tmp_path))
