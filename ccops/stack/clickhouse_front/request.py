"""From an HTTP request to a Query: parameters, settings, form fields."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import HTTP as HTTP_POLICY
from urllib.parse import parse_qsl, urlsplit

from ccops.stack.clickhouse_front.errors import INCORRECT_DATA, NOT_IMPLEMENTED, SYNTAX_ERROR, ServerError
from ccops.stack.clickhouse_front.query import Query
from ccops.stack.clickhouse_front.sql import parse

_FIELD_LIMIT = 10_000
_QUERY_ID = re.compile(r"[\x20-\x7e]{1,128}")
# Read by the transport (or by nobody here); the engine would call them unknown settings.
# fmt: off
_TRANSPORT = frozenset(
    {
        "query", "user", "password", "database", "default_format", "query_id", "quota_key", "role",
        "buffer_size", "wait_end_of_query", "session_id", "session_timeout", "session_check",
        "session_timezone_check", "client_protocol_version", "stacktrace",
        "send_progress_in_http_headers", "http_headers_progress_interval_ms",
        "enable_http_compression", "http_zlib_compression_level",
        "cancel_http_readonly_queries_on_client_close", "compress", "decompress",
        "add_http_cors_header", "close_session",
    }
)
# fmt: on


@dataclass(frozen=True, slots=True)
class Target:
    """A request line's target."""

    path: str
    params: Mapping[str, str]


def parse_target(raw: str) -> Target:
    """Split path and parameters; the last of a repeated parameter counts."""
    try:
        parts = urlsplit(raw)
        pairs = parse_qsl(parts.query, keep_blank_values=True, max_num_fields=_FIELD_LIMIT)
    except ValueError as error:
        raise ServerError(INCORRECT_DATA, f"The request target cannot be read: {error}") from None
    return Target(parts.path, dict(pairs))


def build(
    target: Target, headers: Mapping[str, str], body: bytes, *, default_database: str, read_only: bool
) -> Query:
    """Assemble the query as ClickHouse does: the query parameter, a newline, then the body."""
    params = dict(target.params)
    if headers.get("content-type", "").lower().startswith("multipart/form-data"):
        params.update(_form(headers["content-type"], body))
        body = b""
    _refuse_unsupported(params)
    text = params.get("query", "").encode("utf-8", "surrogateescape")
    if body:
        text = text + b"\n" + body if text else body
    statement = parse(text)
    if not statement.verb:
        raise ServerError(SYNTAX_ERROR, "Syntax error: Empty query")
    return Query(
        statement=statement,
        query_id=_query_id(params.get("query_id")),
        database=params.get("database") or headers.get("x-clickhouse-database") or default_database,
        settings=_settings(params, read_only),
        params={name[6:]: value for name, value in params.items() if name.startswith("param_")},
        default_format=params.get("default_format") or headers.get("x-clickhouse-format") or "TabSeparated",
        streaming=params.get("wait_end_of_query") not in {"1", "true"},
    )


def _settings(params: Mapping[str, str], read_only: bool) -> dict[str, str]:
    settings = {
        name: value
        for name, value in params.items()
        if name not in _TRANSPORT and not name.startswith("param_")
    }
    if read_only:
        settings.pop("readonly", None)
        settings["readonly"] = "2"  # last, because nothing can be set after it
    return settings


def _refuse_unsupported(params: Mapping[str, str]) -> None:
    for name in ("compress", "decompress"):
        if params.get(name, "0") not in {"0", "false", ""}:
            raise ServerError(
                NOT_IMPLEMENTED, f"{name}=1 (native block compression) is not supported by this front"
            )
    if any(name.endswith(("_structure", "_types")) for name in params if not name.startswith("param_")):
        raise ServerError(NOT_IMPLEMENTED, "External tables are not supported by this front")


def _query_id(given: str | None) -> str:
    return given if given and _QUERY_ID.fullmatch(given) else str(uuid.uuid4())


def _form(content_type: str, body: bytes) -> dict[str, str]:
    head = f"Content-Type: {content_type}\r\n\r\n".encode("latin-1", "replace")
    message: EmailMessage = BytesParser(policy=HTTP_POLICY).parsebytes(head + body)
    if not message.is_multipart():
        raise ServerError(INCORRECT_DATA, "The multipart body cannot be read")
    fields: dict[str, str] = {}
    for part in message.iter_parts():
        name = part.get_param("name", header="content-disposition")
        if part.get_filename() is not None:
            raise ServerError(NOT_IMPLEMENTED, "External tables are not supported by this front")
        if isinstance(name, str):
            payload = part.get_payload(decode=True)
            fields[name] = payload.decode("utf-8", "surrogateescape") if isinstance(payload, bytes) else ""
    return fields
