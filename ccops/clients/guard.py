"""Turn what client libraries raise into `Unreachable`, with the address and never the password."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import unquote, urlsplit

from ccops.core.errors import Unreachable
from ccops.core.masking import Masker


def address(url: str) -> str:
    """Return `host:port` of `url`, which may also be a bare `host:port` list as Kafka's bootstrap is."""
    if "://" not in url:
        return url
    parts = urlsplit(url)
    host = parts.hostname or "?"
    return f"{host}:{parts.port}" if parts.port else host


def password_of(url: str) -> str:
    """Return the decoded password inside `url`, or an empty string."""
    return unquote(urlsplit(url).password or "") if "://" in url else ""


def unreachable(system: str, url: str, error: BaseException) -> Unreachable:
    """Return the error for `system` at `url`; the library's own sentence is the evidence, masked."""
    said = Masker([password_of(url)]).text(str(error)).strip() or type(error).__name__
    return Unreachable(
        f"{system.upper()}_UNREACHABLE",
        f"{system} at {address(url)} did not answer",
        evidence=f"{type(error).__name__}: {said.splitlines()[0][:200]}",
        next_step="ccops up",
    )


@contextmanager
def translated(system: str, url: str, errors: tuple[type[Exception], ...]) -> Iterator[None]:
    """Raise `Unreachable` for any of `errors`. The chain is cut: a library's traceback may hold the URL."""
    try:
        yield
    except errors as error:
        raise unreachable(system, url, error) from None
