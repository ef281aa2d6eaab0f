"""One engine with one set of images for all tests of this folder."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.e2e.compose import images
from tests.e2e.compose.engine import NoEngine, running
from tests.e2e.compose.kit import OnDocker


@pytest.fixture(scope="package")
def docker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OnDocker]:
    """A new engine with images that were built here."""
    try:
        with running() as engine:
            began = time.monotonic()
            names = images.build(engine)
            print(f"images built in {time.monotonic() - began:.0f} s")
            yield OnDocker(engine, names, tmp_path_factory.mktemp("home"))
    except NoEngine as err:
        pytest.skip(f"no Docker engine on this machine: {err}")
