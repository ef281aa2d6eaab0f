"""`ccops lint routes`: what it finds, what it lets stand, what it mends, and what is never green."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from ccops.contract import lint_fix
from ccops.contract.lint_routes import CODES, Linted, default_paths, lint
from ccops.contract.lint_rules import PACKAGED, Rules, read_rules
from ccops.core.errors import Refused, UsageError

ROOT = Path(__file__).resolve().parents[3]
TODAY = date(2026, 11, 23)
RULES = read_rules()
OLD = "/api/users/profile"


def _lint(folder: Path, files: dict[str, str], rules: Rules = RULES) -> Linted:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return lint([folder], rules, root=folder, today=TODAY)


def _found(linted: Linted) -> list[tuple[str, str, int]]:
    return [(mark.code, mark.file, mark.line) for mark in linted.open]


def test_the_bundled_backend_and_the_scenarios_are_clean() -> None:
    linted = lint(default_paths(RULES, ROOT), RULES, root=ROOT, today=TODAY)

    assert linted.files > 100
    assert [f"{mark.file}:{mark.line} {mark.code}" for mark in linted.open] == []


def test_the_alias_is_forbidden_in_clients_and_near_misses_are_not(tmp_path: Path) -> None:
    text = f"a = '{OLD}'\nb = '{OLD}s'\nc = '{OLD}/avatar'\nd = 'http://host{OLD}'\nfetch(`${{base}}{OLD}`)\n"
    linted = _lint(tmp_path, {"web/client.ts": text})
    lines = [line for _, _, line in _found(linted)]

    assert lines == [1, 3, 4, 5]
    assert "use '/api/users/me'" in linted.marks[0].message


def test_a_comment_allows_one_finding_with_a_reason(tmp_path: Path) -> None:
    text = (
        f"a = '{OLD}'  # ccops: allow=LINT_FORBIDDEN_STRING reason=the alias is what is tested\n"
        "# ccops: allow=LINT_FORBIDDEN_STRING until=2026-11-23 reason=until the release\n"
        f"b = '{OLD}'\n"
        f"c = '{OLD}'\n"
    )
    linted = _lint(tmp_path, {"client.py": text})

    assert _found(linted) == [("LINT_FORBIDDEN_STRING", "client.py", 4)]
    assert [mark.accepted for mark in linted.marks] == [
        "the alias is what is tested", "until the release", "",
    ]  # fmt: skip
    assert [fix.line for fix in linted.fixes] == [4]


@pytest.mark.parametrize(
    "comment",
    ["allow=LINT_FORBIDDEN_STRING", "allow=LINT_FORBIDDEN_STRING until=2026-11-22 reason=old",
     "allow=LINT_FORBIDDEN_STRING until=soon reason=x", "allow=LINT_FORBIDDEN_STRING reason="],
)  # fmt: skip
def test_a_comment_without_reason_or_past_its_day_allows_nothing(comment: str, tmp_path: Path) -> None:
    linted = _lint(tmp_path, {"a.js": f"x('{OLD}')  // ccops: {comment}\n"})
    assert {code for code, _, _ in _found(linted)} == {"LINT_FORBIDDEN_STRING", "LINT_ALLOW_INVALID"}


def test_a_comment_that_allows_what_is_gone_is_a_warning(tmp_path: Path) -> None:
    linted = _lint(tmp_path, {"a.py": "x = 1  # ccops: allow=LINT_FORBIDDEN_STRING reason=was here\n"})
    assert _found(linted) == [("LINT_ALLOW_UNUSED", "a.py", 1)]
    assert not linted.failed


ROUTER = "from fastapi import APIRouter\nrouter = APIRouter(prefix='/api/games')\n"


def test_a_route_declared_twice_is_found_across_files_and_parameter_names(tmp_path: Path) -> None:
    files = {
        "routers/games.py": f"{ROUTER}@router.get('/{{game}}/stats')\ndef a(game): ...\n",
        "routers/old.py": (
            "from fastapi import APIRouter\nrouter = APIRouter()\n"
            "@router.get('/api/games/{id}/stats/')\nasync def b(id): ...\n"
            "@router.post('/api/games/{id}/stats')\nasync def c(id): ...\n"
        ),
    }
    assert _found(_lint(tmp_path, files)) == [("LINT_ROUTE_DUPLICATE", "routers/old.py", 3)]


def test_prefixes_of_includes_count_whether_imported_by_name_or_module(tmp_path: Path) -> None:
    files = {
        "routers/games.py": f"{ROUTER}@router.get('/a')\ndef a(): ...\n",
        "routers/other.py": (
            "from fastapi import APIRouter\nr = APIRouter()\n@r.get('/games/a')\ndef b(): ...\n"
        ),
        "main.py": (
            "from fastapi import FastAPI\nfrom routers import games\nfrom routers.other import r as rest\n"
            "app = FastAPI()\napp.include_router(games.router)\napp.include_router(rest, prefix='/api')\n"
        ),
    }
    assert _found(_lint(tmp_path, files)) == [("LINT_ROUTE_DUPLICATE", "routers/other.py", 3)]


def test_one_router_included_twice_and_two_routers_in_one_place_are_found(tmp_path: Path) -> None:
    files = {
        "main.py": (
            "from fastapi import FastAPI\nfrom routers import games\napp = FastAPI()\n"
            "app.include_router(games.router)\napp.include_router(games.router)\n"
        ),
        "routers/games.py": ROUTER,
        "routers/slots.py": ROUTER,
    }
    assert _found(_lint(tmp_path, files)) == [
        ("LINT_ROUTER_DUPLICATE", "main.py", 5),
        ("LINT_ROUTER_DUPLICATE", "routers/slots.py", 2),
    ]


def test_a_route_that_an_earlier_parameter_takes_is_found(tmp_path: Path) -> None:
    text = (
        f"{ROUTER}@router.get('/{{game}}')\ndef a(game): ...\n@router.get('/stats')\ndef b(): ...\n"
        "@router.get('/{game:int}/x')\ndef c(game): ...\n@router.get('/stats/x')\ndef d(): ...\n"
    )
    assert _found(_lint(tmp_path, {"games.py": text})) == [("LINT_ROUTE_SHADOWED", "games.py", 5)]


@pytest.mark.parametrize(
    "text",
    ["import os\nX = os.environ['A']", "import os as o\nX = o.getenv('A')",
     "from os import environ\nX = environ", "from os import getenv as g\nX = g('A')"],
)  # fmt: skip
def test_settings_read_outside_the_settings_module_are_found(text: str, tmp_path: Path) -> None:
    files = {"app/services/pay.py": text, "app/core/config.py": text}
    assert _found(_lint(tmp_path, files)) == [("LINT_SETTINGS_OUTSIDE", "app/services/pay.py", 2)]


def test_a_name_that_only_looks_like_the_environment_is_not_found(tmp_path: Path) -> None:
    text = "def environ(): ...\nclass os2: environ = 1\nX = os2.environ\nY = environ()\n"
    assert _found(_lint(tmp_path, {"a.py": text})) == []


def test_an_import_of_a_shim_is_found_and_of_the_real_module_is_not(tmp_path: Path) -> None:
    text = (
        "from app.config import x\nimport app.config\nfrom app import config\nfrom app.core.config import s\n"
    )
    found = _found(_lint(tmp_path, {"a.py": text}))
    assert found == [("LINT_SHIM_IMPORT", "a.py", line) for line in (1, 2, 3)]


def test_a_file_that_can_not_be_parsed_is_a_finding(tmp_path: Path) -> None:
    linted = _lint(tmp_path, {"a.py": "def (:\n", "b.py": f"x = {'(' * 300}{')' * 300}\n", "c.py": "a\0b"})
    assert [code for code, _, _ in _found(linted)] == ["LINT_UNPARSABLE"] * 3


def test_nothing_looked_at_is_never_green(tmp_path: Path) -> None:
    assert _lint(tmp_path, {"node_modules/a.js": f"'{OLD}'", ".git/b.py": "x", "c.bin": OLD}).failed
    with pytest.raises(UsageError, match="there is no"):
        lint([tmp_path / "gone"], RULES, root=tmp_path, today=TODAY)


def test_a_link_that_leads_upwards_does_not_loop(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    assert _lint(tmp_path, {"a/x.py": "x = 1\n"}).files == 1


def test_mending_replaces_what_is_safe_and_nothing_else(tmp_path: Path) -> None:
    text = f"a('{OLD}') + b('{OLD}')\r\nc('{OLD}/avatar')\n"
    linted = _lint(tmp_path, {"a.js": text})
    (tmp_path / "a.js").write_bytes(text.encode())
    changes = lint_fix.fixed(lint([tmp_path], RULES, root=tmp_path, today=TODAY).fixes)

    assert len(linted.fixes) == 2
    assert "+a('/api/users/me') + b('/api/users/me')" in lint_fix.diff(changes)
    assert (tmp_path / "a.js").read_bytes() == text.encode()
    lint_fix.apply(changes)
    assert (tmp_path / "a.js").read_bytes() == (
        f"a('/api/users/me') + b('/api/users/me')\r\nc('{OLD}/avatar')\n".encode()
    )


def test_a_file_that_changed_meanwhile_is_not_written(tmp_path: Path) -> None:
    linted = _lint(tmp_path, {"a.js": f"a('{OLD}')\n"})
    (tmp_path / "a.js").write_text("something else\n", encoding="utf-8")
    with pytest.raises(Refused, match="changed while"):
        lint_fix.fixed(linted.fixes)


@pytest.mark.parametrize(
    "text",
    ["", "[]", "forbidden: [{strin: x}]", "forbidden: x", "look_in: [a]", "settings: {only: [1]}", "oops: 1",
     "forbidden: [{string: ''}]", "a: {b", "forbidden: [{string: x}]\nforbidden: []"],
)  # fmt: skip
def test_rules_with_errors_are_refused_whole(text: str, tmp_path: Path) -> None:
    path = tmp_path / "rules.yml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError):
        read_rules(path)


def test_rules_of_a_team_replace_ours(tmp_path: Path) -> None:
    path = tmp_path / "rules.yml"
    path.write_text("forbidden: [{string: /v1/}]\n", encoding="utf-8")
    linted = _lint(tmp_path / "src", {"a.ts": f"'/v1/x' '{OLD}'\n"}, read_rules(path))
    assert [mark.message for mark in linted.open] == ["'/v1/' is forbidden"]


def test_every_code_is_described() -> None:
    assert PACKAGED.is_file()
    assert all(code.startswith("LINT_") and text.endswith(".") for code, text in CODES.items())


def test_a_file_that_is_no_text_is_a_finding_and_not_passed_over(tmp_path: Path) -> None:
    (tmp_path / "old.js").write_bytes(f"// caf\xe9\nget('{OLD}')\n".encode("latin-1"))
    assert _found(_lint(tmp_path, {})) == [("LINT_UNPARSABLE", "old.js", 1)]


def test_a_file_of_variables_is_looked_at_and_other_hidden_ones_are_not(tmp_path: Path) -> None:
    linted = _lint(tmp_path, {".env": f"URL={OLD}\n", ".env.local": f"URL={OLD}\n", ".cache.js": OLD})
    assert [file for _, file, _ in _found(linted)] == [".env", ".env.local"]


def test_a_link_is_mended_where_it_leads_or_not_at_all(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    for name in ("src/a.js", "away.js"):
        (tmp_path / name).write_text(f"get('{OLD}')\n")
        (tmp_path / "src" / f"link-{Path(name).name}").symlink_to(tmp_path / name)
    linted = lint([tmp_path / "src"], RULES, root=tmp_path, today=TODAY)
    assert _found(linted) == [("LINT_FORBIDDEN_STRING", name, 1) for name in ("away.js", "src/a.js")]
    lint_fix.apply(lint_fix.fixed(linted.fixes))
    assert [(tmp_path / name).read_text() for name in ("src/a.js", "away.js")] == [
        "get('/api/users/me')\n",
        f"get('{OLD}')\n",
    ]
    assert (tmp_path / "src" / "link-a.js").is_symlink()


def test_lines_are_counted_as_python_counts_them(tmp_path: Path) -> None:
    text = "a = '\u2028\x0c'\nimport os\nb = os.environ  # ccops: allow=LINT_SETTINGS_OUTSIDE reason=old\n"
    assert not _lint(tmp_path, {"a.py": text}).open
