"""Layering, README's table, and what may never be committed."""

import re
import subprocess
import sys
from pathlib import Path

from ccops.core.errors import MEANING, ExitCode

ROOT = Path(__file__).resolve().parents[3]
TEXT = {".py", ".md", ".toml", ".yml", ".yaml", ".env", ".sql", ".txt", ".j2", ".json", ".sh", ""}


def _committed() -> list[Path]:
    done = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [
        ROOT / name
        for name in done.stdout.splitlines()
        if Path(name).suffix in TEXT and (ROOT / name).is_file()
    ]


def test_imports_go_only_the_allowed_way() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_readme_shows_the_exit_codes_of_the_code() -> None:
    rows = dict(re.findall(r"^\| (\d+) \| (.+?) \|$", (ROOT / "README.md").read_text(), re.MULTILINE))
    assert rows == {str(int(code)): MEANING[code] for code in ExitCode}


def test_no_file_names_this_machine_or_a_registry() -> None:
    # Written in pieces, so that this file does not accuse itself.
    forbidden = re.compile("|".join(["/wo" + "rk/", r"\.\./sha" + "red", "/fa" + "rm/", "py" + r"pi\.org"]))
    guilty = [
        str(path.relative_to(ROOT))
        for path in _committed()
        if forbidden.search(path.read_text(encoding="utf-8", errors="replace"))
    ]
    assert not guilty


def test_only_the_output_layer_prints_with_rich_or_typer() -> None:
    guilty = [
        str(path)
        for path in _committed()
        if path.is_relative_to(ROOT / "ccops")
        and "backend" not in path.parts
        and "cli" not in path.parts
        and path.name not in {"output.py", "__main__.py"}
        and re.search(r"^\s*(from|import) (typer)\b", path.read_text(), re.MULTILINE)
    ]
    assert not guilty
