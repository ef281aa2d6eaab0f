"""Errors of client libraries become Unreachable without the password."""

from __future__ import annotations

import pytest

from ccops.clients.guard import address, password_of, translated, unreachable
from ccops.core.errors import ExitCode, Unreachable

URL = "postgresql://ccops:s3cr%2Ft-word@127.0.0.1:5999/casino"


def test_the_address_has_no_credentials() -> None:
    assert address(URL) == "127.0.0.1:5999"
    assert address("127.0.0.1:9092,127.0.0.1:9093") == "127.0.0.1:9092,127.0.0.1:9093"


def test_the_password_is_decoded() -> None:
    assert password_of(URL) == "s3cr/t-word"
    assert password_of("127.0.0.1:9092") == ""


def test_a_library_that_quotes_the_password_is_masked() -> None:
    error = unreachable("postgres", URL, OSError("connect to s3cr/t-word@127.0.0.1 failed"))

    assert error.code == "POSTGRES_UNREACHABLE"
    assert error.exit_code is ExitCode.UNREACHABLE
    assert error.next_step == "ccops up"
    assert "s3cr/t-word" not in error.message + error.evidence
    assert "OSError" in error.evidence


def test_the_chain_that_may_hold_the_url_is_cut() -> None:
    with pytest.raises(Unreachable) as raised, translated("redis", URL, (OSError,)):
        raise OSError(URL)

    assert raised.value.__suppress_context__
    assert "s3cr" not in raised.value.evidence


def test_other_errors_pass() -> None:
    with pytest.raises(ValueError, match="mine"), translated("redis", URL, (OSError,)):
        raise ValueError("mine")
