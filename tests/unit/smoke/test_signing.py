"""A signed request is what the backend's own check accepts."""

from __future__ import annotations

import hashlib
import hmac

from ccops.smoke.signing import HEADER, signature


def test_the_signature_covers_moment_and_bytes() -> None:
    mac = hmac.new(b"s3cret", b'1700000000.{"a":1}', hashlib.sha256).hexdigest()

    assert signature("s3cret", b'{"a":1}', 1_700_000_000) == f"t=1700000000,v1={mac}"
    assert HEADER == "X-CC-Signature"


def test_another_body_secret_or_moment_is_another_signature() -> None:
    made = {
        signature("a", b"x", 1),
        signature("b", b"x", 1),
        signature("a", b"y", 1),
        signature("a", b"x", 2),
    }

    assert len(made) == 4
