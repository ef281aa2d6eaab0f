"""The newest function migration embeds exactly the SQL files of the package."""

from __future__ import annotations

from ccops.backend.scripts.embed_functions import TARGET, rendered


def test_migration_embeds_the_files_as_they_are() -> None:
    assert TARGET.read_text(encoding="utf-8") == rendered(), (
        "run `python -m ccops.backend.scripts.embed_functions` and commit both"
    )
