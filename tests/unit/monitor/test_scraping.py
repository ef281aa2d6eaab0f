"""Which processes are asked for their metrics."""

from __future__ import annotations

from pathlib import Path

import pytest

from ccops.core.errors import UsageError
from ccops.core.profile import Profile, Project, Value
from ccops.monitor.scraping import endpoints

ONE, TWO, WORKER = "http://127.0.0.1:8000", "http://127.0.0.1:8001", "http://127.0.0.1:8002"


def _profile(**values: str) -> Profile:
    keys = {f"CCOPS_{key}": Value(text, "stack.env:1") for key, text in values.items()}
    return Profile("dev", Project(Path(), Path()), keys)


def test_backend_and_worker_of_the_profile_are_asked() -> None:
    assert endpoints(_profile(BACKEND_URL=ONE, WORKER_URL=WORKER)) == {"backend": ONE, "worker": WORKER}


def test_of_several_containers_each_is_asked_once() -> None:
    found = endpoints(_profile(BACKEND_URL=ONE, BACKEND_URLS=f"{ONE},{TWO}", WORKER_URL=WORKER))

    assert found == {"backend-1": ONE, "backend-2": TWO, "worker": WORKER}


def test_a_single_container_keeps_its_name() -> None:
    assert endpoints(_profile(BACKEND_URL=ONE, BACKEND_URLS=ONE)) == {"backend": ONE}


def test_what_is_named_by_hand_is_asked_instead() -> None:
    assert endpoints(_profile(BACKEND_URL=ONE, BACKEND_URLS=f"{ONE},{TWO}"), [WORKER]) == {
        "127.0.0.1:8002": WORKER
    }


def test_an_endpoint_named_twice_would_count_twice() -> None:
    with pytest.raises(UsageError) as caught:
        endpoints(_profile(), [ONE, ONE])

    assert caught.value.code == "METRICS_URL_INVALID"
