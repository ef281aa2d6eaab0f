"""An app's document: got from a process that can neither hang us, confuse us nor see our environment."""

from __future__ import annotations

import json
import time
from pathlib import Path

import psutil
import pytest

from ccops.contract.export import App, clean_env, export_app, render
from ccops.core.errors import UsageError

CONTRACT = Path(__file__).resolve().parents[3] / "ccops" / "backend" / "contract"
HEAD = "print('noise on stdout')\nimport os, sys, time\n"
DOCUMENT = "class App:\n    def openapi(self): return {'openapi': '3.1.0', 'paths': {}, 'x': %s}\n"


def _app(folder: Path, text: str, spec: str = "shop:app", **how: object) -> App:
    (folder / "shop.py").write_text(HEAD + text, encoding="utf-8")
    return App(spec, folder, **how)  # type: ignore[arg-type]


def test_the_bundled_backend_gives_the_bytes_it_committed() -> None:
    exported = export_app(App())

    assert render(exported.document) == (CONTRACT / "openapi.json").read_text(encoding="utf-8")
    assert set(exported.versions) >= {"fastapi", "pydantic"}


@pytest.mark.parametrize(
    "tail", ["app = App()", "def app(): return App()", "class inner:\n    app = App()"], ids=str
)
def test_an_app_a_factory_and_a_nested_name_are_all_found(tail: str, tmp_path: Path) -> None:
    spec = "shop:inner.app" if "inner" in tail else "shop:app"
    exported = export_app(_app(tmp_path, DOCUMENT % 1 + tail, spec))
    assert exported.document["x"] == 1


def test_what_an_app_leaves_behind_is_ended_too(tmp_path: Path) -> None:
    text = (
        "import subprocess\n"
        "child = subprocess.Popen(['sleep', '60'])\n"
        "open('pid', 'w').write(str(child.pid))\n" + DOCUMENT % "[]" + "app = App()"
    )
    export_app(_app(tmp_path, text))
    assert _gone(int((tmp_path / "pid").read_text()))


def test_a_value_that_was_given_is_not_in_the_error(tmp_path: Path) -> None:
    text = "import os\nraise RuntimeError(f\"bad key {os.environ['SIGNING_KEY']}\")\n"
    with pytest.raises(UsageError) as caught:
        export_app(_app(tmp_path, text, settings={"SIGNING_KEY": "s3same-open"}))
    assert "bad key ***" in caught.value.evidence


def test_a_document_that_is_no_json_is_refused_where_it_is_made(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="gives no OpenAPI document") as caught:
        export_app(_app(tmp_path, DOCUMENT % "[float('nan')]" + "app = App()"))
    assert "JSON compliant" in caught.value.evidence


def test_a_document_with_half_a_character_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        export_app(_app(tmp_path, DOCUMENT % "'\\ud800'" + "app = App()"))
    assert (caught.value.code, caught.value.evidence) == ("CONTRACT_UNREADABLE", "app shop:app: /document/x")


def test_the_app_sees_only_allowed_variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CCOPS_PG_URL", "postgresql://u:hunter2@h/db")
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    given = _app(tmp_path, DOCUMENT % "sorted(os.environ)" + "app = App()", settings={"MODE": "test"})
    seen = export_app(given).document["x"]

    assert isinstance(seen, list)
    assert "MODE" in seen
    assert not {"CCOPS_PG_URL", "PYTHONPATH"} & {*seen, *clean_env({})}


def test_a_set_in_a_model_has_the_same_order_every_time(tmp_path: Path) -> None:
    app = _app(tmp_path, DOCUMENT % "list({'a', 'b', 'c', 'd', 'e', 'f'})" + "app = App()")
    assert render(export_app(app).document) == render(export_app(app).document)


def test_an_app_that_hangs_is_ended_with_all_it_started(tmp_path: Path) -> None:
    text = (
        "import subprocess\n"
        "child = subprocess.Popen(['sleep', '60'])\n"
        "open('pid', 'w').write(str(child.pid))\n"
        "print('connecting to postgresql://u:hunter2@db/x', flush=True)\n"
        "time.sleep(60)\n"
    )
    begun = time.monotonic()
    with pytest.raises(UsageError) as caught:
        export_app(_app(tmp_path, text, timeout_s=1.0))

    assert caught.value.code == "EXPORT_TIMEOUT"
    assert "connecting to" in caught.value.evidence
    assert "hunter2" not in caught.value.evidence
    assert time.monotonic() - begun < 10
    assert _gone(int((tmp_path / "pid").read_text()))


def _gone(pid: int) -> bool:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("raise RuntimeError('no database')", "RuntimeError: no database"),
        ("sys.exit(0)", "it ended without a document"),
        ("app = 3", "int without openapi()"),
        ("other = 3", "shop has no app"),
        ("def app(): return 3", "int without openapi()"),
        ("class App:\n    def openapi(self): return []\napp = App()", "no OpenAPI document"),
        ("app = (", "SyntaxError"),
    ],
)
def test_what_is_no_app_says_why(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        export_app(_app(tmp_path, text))

    assert caught.value.code == "EXPORT_FAILED"
    assert said in caught.value.evidence


@pytest.mark.parametrize("spec", ["shop", "shop:", ":app", "shop:a-b", "sh op:app", "shop:app()"])
def test_a_malformed_name_is_a_usage_error_before_anything_runs(spec: str) -> None:
    with pytest.raises(UsageError, match="MODULE:ATTRIBUTE"):
        export_app(App(spec))


def test_an_interpreter_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        export_app(_app(tmp_path, "app = 1", python=str(tmp_path / "python")))
    assert "FileNotFoundError" in caught.value.evidence


def test_rendering_sorts_keys_keeps_lists_and_ends_the_last_line() -> None:
    text = render({"b": [2, 1], "a": "한"})
    assert text == '{\n  "a": "한",\n  "b": [\n    2,\n    1\n  ]\n}\n'
    assert json.loads(text) == {"a": "한", "b": [2, 1]}
