"""What the backend counts is there before it happens."""

from __future__ import annotations

import subprocess
import sys

# In a process of its own: the contract is read from a registry that has not been started.
STARTED = """
from ccops.backend import main
from ccops.backend.metrics import generate_latest, requests

assert not list(requests.collect())[0].samples
main.expect_failures(main.app)
print(generate_latest().decode())
"""


def test_server_errors_of_every_route_start_at_zero() -> None:
    """A rule on `increase()` does not see the step of a series that begins with it."""
    text = subprocess.run(
        [sys.executable, "-c", STARTED], capture_output=True, text=True, check=True, timeout=60
    ).stdout

    for path, method in (("/api/auth/signup", "POST"), ("/api/shop/buy", "POST"), ("/api/users/me", "GET")):
        for status in ("500", "503"):
            labels = f'handler="{path}",method="{method}",status="{status}"'
            assert f"http_requests_total{{{labels}}} 0.0" in text
    assert "_created{" not in text
