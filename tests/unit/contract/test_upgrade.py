"""An upgrade of FastAPI or Pydantic with the same models is no change of the contract."""

from __future__ import annotations

from datetime import date
from itertools import permutations
from pathlib import Path

import pytest

from ccops.contract.diff import diff
from ccops.contract.export import App, export_app
from ccops.contract.load import Document, load
from ccops.contract.model import Direction, Finding, Level, Policy
from ccops.contract.sources import made

DATA = Path(__file__).parents[2] / "data" / "upgrade"
POLICY = Policy(date(2026, 11, 23))


@pytest.fixture(scope="module")
def documents() -> dict[str, Document]:
    """The same app as two old versions wrote it, and as the installed one does."""
    now = export_app(App("shop:app", DATA))
    kept = {path.stem: load(path) for path in sorted(DATA.glob("*.json"))}
    assert len(kept) == 2
    return {**kept, "installed": made(dict(now.document), f"FastAPI {now.versions['fastapi']}")}


def _of_the_framework(one: Finding) -> bool:
    """FastAPI documents its own 422 answer, which says more since 0.13x; no model of ours is in it."""
    return one.direction is Direction.RESPONSE and one.path in {"$.detail[*].ctx", "$.detail[*].input"}


@pytest.mark.parametrize(
    ("old", "new"), [*permutations(("fastapi-0.110", "fastapi-0.115", "installed"), 2)], ids=str
)
def test_unchanged_models_give_no_finding(old: str, new: str, documents: dict[str, Document]) -> None:
    result = diff(documents[old], documents[new], policy=POLICY)

    assert result.compared.operations == 4
    assert [one for one in result.findings if not _of_the_framework(one)] == []
    assert result.count(Level.ERR) == 0


def test_the_documents_do_differ_as_text(documents: dict[str, Document]) -> None:
    """Else the test above would prove nothing."""
    assert len({one.digest for one in documents.values()}) == 3
    assert "binary" in str(documents["fastapi-0.110"].data)
    assert "octet-stream" in str(documents["installed"].data)
