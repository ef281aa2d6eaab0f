"""The formats we can check, each a test that a text passes or not. Others are hints and decide nothing."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jsonschema import FormatChecker

_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_DATE = re.compile(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])")
_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
_V4 = re.compile(r"((25[0-5]|2[0-4]\d|1?\d?\d)(\.(?!$)|$)){4}")
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s]*")
_HOST = re.compile(
    r"(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*"
)


def _ipv6(text: str) -> bool:
    import ipaddress

    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


TEXT: dict[str, tuple[Callable[[str], bool], str]] = {
    "uuid": (lambda text: _UUID.fullmatch(text) is not None, "3f2b8c1e-9a4d-4e6b-8f27-0c5d1a2b3e4f"),
    "date": (lambda text: _DATE.fullmatch(text) is not None, "2026-01-31"),
    "time": (lambda text: _TIME.fullmatch(text) is not None, "12:30:00Z"),
    "date-time": (
        lambda text: bool(
            _DATE.fullmatch(text[:10]) and text[10:11] in {"T", "t"} and _TIME.fullmatch(text[11:])
        ),
        "2026-01-31T12:30:00Z",
    ),
    "email": (lambda text: _EMAIL.fullmatch(text) is not None, "a@example.com"),
    "ipv4": (lambda text: _V4.fullmatch(text) is not None, "192.0.2.1"),
    "ipv6": (_ipv6, "2001:db8::1"),
    "uri": (lambda text: _URI.fullmatch(text) is not None, "https://example.com/"),
    "hostname": (lambda text: _HOST.fullmatch(text) is not None, "example.com"),
}
INT32 = (-(2**31), 2**31 - 1)
# Hints for generators of code, or ranges that JSON numbers of practice don't leave.
IGNORED = frozenset({"int64", "float", "double", "password", "binary", "byte", "regex", "json-pointer"})


@cache
def checker() -> FormatChecker:
    """Return a jsonschema FormatChecker that knows these formats and no others."""
    from jsonschema import FormatChecker

    made = FormatChecker(formats=())

    def text_check(test: Callable[[str], bool]) -> Callable[[object], bool]:
        return lambda value: test(value[:500]) if isinstance(value, str) else True

    for name, (test, _example) in TEXT.items():
        made.checks(name)(text_check(test))
    made.checks("int32")(
        lambda value: (
            not isinstance(value, int | float) or isinstance(value, bool) or INT32[0] <= value <= INT32[1]
        )
    )
    return made
