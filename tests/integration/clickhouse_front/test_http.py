"""The wire: probes, metrics, authentication, limits, and requests that are not HTTP."""

from __future__ import annotations

import base64
import http.client
import os
import re
import socket
import statistics
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest


@pytest.fixture
def wire(front: Any) -> Iterator[http.client.HTTPConnection]:
    connection = http.client.HTTPConnection("127.0.0.1", front.port, timeout=20)
    yield connection
    connection.close()


def basic(password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"default:{password}".encode()).decode()}


def ask(
    wire: http.client.HTTPConnection, method: str, target: str, body: bytes | None = None, **headers: str
) -> tuple[int, str, http.client.HTTPResponse]:
    wire.request(method, target, body, {name.replace("_", "-"): value for name, value in headers.items()})
    response = wire.getresponse()
    return response.status, response.read().decode(), response


def raw(port: int, data: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as peer:
        peer.sendall(data)
        peer.shutdown(socket.SHUT_WR)
        out = b""
        while got := peer.recv(65536):
            out += got
    return out


def test_probes_need_no_password(wire: http.client.HTTPConnection) -> None:
    assert ask(wire, "GET", "/ping")[:2] == (200, "Ok.\n")
    assert ask(wire, "GET", "/")[:2] == (200, "Ok.\n")
    assert ask(wire, "HEAD", "/ping")[:2] == (200, "")
    assert ask(wire, "GET", "/elsewhere")[0] == 404


def test_every_way_to_give_the_password_works(wire: http.client.HTTPConnection, password: str) -> None:
    ways = [
        ("/", {"X-ClickHouse-User": "default", "X-ClickHouse-Key": password}),
        ("/", {"X-ClickHouse-Key": password}),
        ("/", basic(password)),
        (f"/?user=default&password={quote(password, safe='')}", {}),
    ]
    for target, headers in ways:
        assert ask(wire, "POST", target, b"SELECT 5", **headers)[:2] == (200, "5\n"), (target, headers)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-ClickHouse-User": "default", "X-ClickHouse-Key": ""},
        {"X-ClickHouse-User": "default", "X-ClickHouse-Key": "p@ss:w/rd-"},
        {"X-ClickHouse-User": "root", "X-ClickHouse-Key": "p@ss:w/rd-9"},
        {"Authorization": "Basic !!!"},
        {"Authorization": "Bearer p@ss:w/rd-9"},
        basic("p@ss:w/rd-99"),
    ],
)
def test_anything_else_is_403_with_code_516(
    wire: http.client.HTTPConnection, headers: dict[str, str]
) -> None:
    status, body, response = ask(wire, "POST", "/", b"SELECT 1", **headers)
    assert (status, response.headers["X-ClickHouse-Exception-Code"]) == (403, "516")
    assert body.startswith("Code: 516. DB::Exception: ")
    assert "AUTHENTICATION_FAILED" in body


def test_a_refusal_reaches_a_client_that_is_still_sending(wire: http.client.HTTPConnection) -> None:
    status, body, _ = ask(wire, "POST", "/", b"x" * (4 << 20))
    assert status == 403
    assert "516" in body


def test_an_error_has_its_code_in_the_header_and_the_body(
    wire: http.client.HTTPConnection, password: str
) -> None:
    status, body, response = ask(wire, "POST", "/?query_id=q-1", b"SELECT * FROM nope.t", **basic(password))
    assert (status, response.headers["X-ClickHouse-Exception-Code"]) == (404, "81")
    assert re.match(r"Code: 81\. DB::Exception: .*\(UNKNOWN_DATABASE\) \(version 26\.5\.[\d.]+\)\n$", body)
    assert response.headers["X-ClickHouse-Query-Id"] == "q-1"


def test_get_may_only_read(wire: http.client.HTTPConnection, password: str) -> None:
    assert ask(wire, "GET", "/?query=SELECT%201", **basic(password))[:2] == (200, "1\n")
    create = quote("CREATE TABLE z (a Int8) ENGINE = Memory")
    status, body, _ = ask(wire, "GET", f"/?query={create}&readonly=0", **basic(password))
    assert status == 500
    assert "READONLY" in body


def test_an_error_after_the_first_megabyte_is_marked_in_the_body(
    wire: http.client.HTTPConnection, password: str
) -> None:
    query = b"SELECT number, throwIf(number = 3000000) FROM numbers(4000000) FORMAT RowBinary"
    wire.request("POST", "/?max_threads=1", query, basic(password))
    response = wire.getresponse()
    tag = response.headers["X-ClickHouse-Exception-Tag"].encode()
    body = response.read()
    assert response.status == 200
    assert b"\r\n__exception__\r\n" + tag + b"\r\nCode: 395. DB::Exception: " in body
    assert body.endswith(b" " + tag + b"\r\n__exception__\r\n")


def test_a_small_query_answers_at_once(wire: http.client.HTTPConnection, password: str) -> None:
    took = []
    for _ in range(100):
        since = time.perf_counter()
        assert ask(wire, "POST", "/", b"SELECT 1", **basic(password))[0] == 200
        took.append(time.perf_counter() - since)
    assert statistics.median(took) < 0.020, "1-2 ms when idle; 40 ms and more means Nagle or several writes"


def test_only_result_sets_name_a_format(wire: http.client.HTTPConnection, password: str) -> None:
    target = "/?default_format=JSONEachRow"
    _, body, answer = ask(wire, "POST", target, b"SELECT 1 AS a", **basic(password))
    assert (body, answer.headers["X-ClickHouse-Format"]) == ('{"a":1}\n', "JSONEachRow")
    _, _, answer = ask(wire, "POST", "/", b"SELECT 1 format CSV", **basic(password))
    assert answer.headers["X-ClickHouse-Format"] == "CSV"
    _, _, answer = ask(wire, "POST", "/", b"CREATE DATABASE IF NOT EXISTS casino", **basic(password))
    assert "X-ClickHouse-Format" not in answer.headers


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM file('/etc/hostname', 'LineAsString')",
        "SELECT * FROM `default`.`/etc/hostname`",
        "SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')",
        "SELECT * FROM remote('127.0.0.1:1', 'system.one')",
        "SELECT * FROM s3('http://127.0.0.1:1/b/k', 'CSV')",
        "SELECT * FROM filesystem('/etc')",
        "SELECT * FROM Python(password)",
        "INSERT INTO FUNCTION file('/tmp/ccops-leak', 'CSV', 'a Int8') SELECT 1",
        "CREATE TABLE leak (a String) ENGINE = File(LineAsString)",
        "CREATE TABLE leak (a String) ENGINE = URL('http://127.0.0.1:1/', LineAsString)",
        "CREATE DICTIONARY leak (a String) PRIMARY KEY a"
        " SOURCE(FILE(path '/etc/hostname' format 'TSV')) LAYOUT(FLAT) LIFETIME(0)",
        "BACKUP DATABASE casino TO File('/tmp/ccops-leak')",
        "SELECT 1 /* a */ INTO /* b /* c */ */ OUTFILE '/tmp/ccops-leak'",
        "CREATE TABLE leak AS SELECT 1; SELECT 1",
        "SYSTEM SHUTDOWN",
        "CREATE USER intruder",
        "SET allow_python_table_function = 1",
    ],
)
def test_files_network_and_the_process_are_out_of_reach(
    wire: http.client.HTTPConnection, password: str, query: str
) -> None:
    status, body, _ = ask(wire, "POST", "/", query.encode(), **basic(password))
    assert status >= 400
    assert body.startswith("Code: ")
    assert ask(wire, "GET", "/ping")[0] == 200


def test_a_filesystem_database_shows_no_file(wire: http.client.HTTPConnection, password: str) -> None:
    ask(wire, "POST", "/", b"CREATE DATABASE fs ENGINE = Filesystem('/etc')", **basic(password))
    status, body, _ = ask(wire, "POST", "/", b"SELECT * FROM fs.hostname", **basic(password))
    assert status >= 400
    assert body.startswith("Code: ")


AUTH = b"X-ClickHouse-Key: p@ss:w/rd-9\r\n"


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"garbage\r\n\r\n", b"400"),
        (b"\x00\xff\xfe\r\n\r\n", b"400"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", b"400"),  # TLS
        (b"GET / HTTP/9.9\r\n\r\n", b"505"),
        (b"BREW / HTTP/1.1\r\n\r\n", b"501"),
        (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n", b"414"),
        (b"POST / HTTP/1.1\r\n" + b"X: y\r\n" * 200 + b"\r\n", b"431"),
        (b"POST / HTTP/1.1\r\n" + AUTH + b"\r\n", b"411"),
        (b"POST / HTTP/1.1\r\n" + AUTH + b"Content-Length: -5\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\n" + AUTH + b"Content-Length: 99999999999\r\n\r\n", b"413"),
        (b"POST / HTTP/1.1\r\n" + AUTH + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx", b"400"),
        (b"POST / HTTP/1.1\r\n" + AUTH + b"Content-Length: 90\r\n\r\nSELECT", b""),
        (b"POST / HTTP/1.1\r\n" + AUTH + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", b"400"),
        (b"POST / HTTP/1.1\r\n" + AUTH + b"Transfer-Encoding: chunked\r\n\r\nfffffffff\r\n", b"413"),
        (b"POST / HTTP/1.1\r\n" + AUTH + b"Transfer-Encoding: chunked\r\n\r\n5\r\nSELECT\r\n", b"400"),
        (
            b"POST / HTTP/1.1\r\n"
            + AUTH
            + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
            b"400",
        ),
        (b"POST / HTTP/1.1\r\n" + AUTH + b"Content-Encoding: lz4\r\nContent-Length: 3\r\n\r\nabc", b"400"),
        (b"POST / HTTP/1.1\r\n" + AUTH + b"Content-Encoding: rot13\r\nContent-Length: 3\r\n\r\nabc", b"400"),
        (
            b"POST / HTTP/1.1\r\n"
            + AUTH
            + b"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 3\r\n\r\nabc",
            b"400",
        ),
        (b"POST /?%zz=1 HTTP/1.1\r\n" + AUTH + b"Content-Length: 8\r\n\r\nSELECT 1", b"404"),
        (b"POST /?compress=1 HTTP/1.1\r\n" + AUTH + b"Content-Length: 8\r\n\r\nSELECT 1", b"501"),
        (b"POST / HTTP/1.1\r\n" + AUTH + b"Content-Length: 0\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\n" + AUTH + b"Content-Length: 4\r\n\r\n\xff\x00\xfe\x01", b"400"),
        (b"POST / HTTP/1.0\r\n" + AUTH + b"Content-Length: 8\r\n\r\nSELECT 1", b"200"),
    ],
)
def test_a_malformed_request_gets_an_answer_and_harms_nobody(front: Any, data: bytes, status: bytes) -> None:
    answer = raw(front.port, data)
    assert answer[9:12] == status, answer[:200]
    assert b"Traceback" not in answer
    assert raw(front.port, b"GET /ping HTTP/1.0\r\n\r\n").endswith(b"Ok.\n")


def test_random_bytes_never_end_it(front: Any) -> None:
    for size in (1, 10, 100, 1000, 10_000) * 4:
        raw(front.port, os.urandom(size) + b"\r\n\r\n")
    assert front.process.poll() is None
    assert not any("Traceback" in line for line in front.lines)


def test_the_password_is_in_no_log_line(front: Any, wire: http.client.HTTPConnection, password: str) -> None:
    ask(wire, "POST", f"/?user=default&password={quote(password, safe='')}", b"SELEC")
    assert not any(password in line or quote(password, safe="") in line for line in front.lines)


def samples(text: str) -> dict[str, float]:
    return {
        line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1])
        for line in text.splitlines()
        if line and not line.startswith("#")
    }


def test_metrics_count_queries_rows_and_errors(wire: http.client.HTTPConnection, password: str) -> None:
    auth = basic(password)
    ask(wire, "POST", "/", b"CREATE TABLE IF NOT EXISTS m (a Int32) ENGINE = MergeTree ORDER BY a", **auth)
    before = samples(ask(wire, "GET", "/metrics")[1])
    ask(wire, "POST", "/", b"INSERT INTO m FORMAT TSV\n1\n2\n3\n", **auth)
    ask(wire, "POST", "/", b"SELECT 1", **auth)
    ask(wire, "POST", "/", b"SELECT 1 FROM nope.t", **auth)
    after = samples(ask(wire, "GET", "/metrics")[1])

    def grew(name: str) -> float:
        return after[name] - before.get(name, 0)

    assert grew("clickhouse_front_inserted_rows_total") == 3
    assert grew('clickhouse_front_queries_total{kind="insert"}') == 1
    assert grew('clickhouse_front_queries_total{kind="select"}') == 2
    assert grew('clickhouse_front_errors_total{code="81"}') == 1
    assert grew("clickhouse_front_uptime_seconds") > 0
    assert after["clickhouse_front_queries_in_flight"] == 0
