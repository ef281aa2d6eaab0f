"""Bodies, encodings, credentials, settings and error texts, without a socket."""

import base64
import gzip
import io
import zlib
from collections.abc import Callable

import lz4.frame
import pytest
from backports import zstd
from hypothesis import given
from hypothesis import strategies as st

from ccops.stack.clickhouse_front.auth import Credentials, Gate, credentials
from ccops.stack.clickhouse_front.body import BrokenBody, read_body
from ccops.stack.clickhouse_front.codec import decode
from ccops.stack.clickhouse_front.errors import ServerError, from_engine
from ccops.stack.clickhouse_front.metrics import Metrics
from ccops.stack.clickhouse_front.query import Query
from ccops.stack.clickhouse_front.request import Target, build, parse_target

CODECS: dict[str, Callable[[bytes], bytes]] = {
    "lz4": lz4.frame.compress,
    "zstd": zstd.compress,
    "gzip": gzip.compress,
    "deflate": zlib.compress,
}


def read(data: bytes, limit: int = 100, **headers: str) -> bytes:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return read_body(io.BufferedReader(io.BytesIO(data)), named, limit, required=True)


def query(target: str, body: bytes = b"", *, read_only: bool = False, **headers: str) -> Query:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return build(parse_target(target), named, body, default_database="casino", read_only=read_only)


@pytest.mark.parametrize("encoding", CODECS)
def test_several_frames_in_a_row_are_one_body(encoding: str) -> None:
    compress = CODECS[encoding]
    assert decode(compress(b"abc") + compress(b"") + compress(b"def"), encoding, 6) == b"abcdef"


@pytest.mark.parametrize("encoding", CODECS)
def test_a_bomb_stops_at_the_limit(encoding: str) -> None:
    with pytest.raises(ServerError) as caught:
        decode(CODECS[encoding](b"\0" * 50_000_000), encoding, 1000)
    assert caught.value.status == 413


@pytest.mark.parametrize("encoding", CODECS)
def test_a_body_cut_short_is_an_error(encoding: str) -> None:
    with pytest.raises(ServerError) as caught:
        decode(CODECS[encoding](b"abc" * 100)[:-5], encoding, 1000)
    assert caught.value.code == 271


@given(st.binary(min_size=1, max_size=200), st.sampled_from(sorted(CODECS)))
def test_any_bytes_are_decoded_or_refused(data: bytes, encoding: str) -> None:
    try:
        decode(data, encoding, 10_000)
    except ServerError as error:
        codes = {error.code}
    else:
        codes = set()
    assert codes <= {271, 307}


def test_chunks_are_put_together() -> None:
    data = b"3;ext=1\r\nabc\r\nA\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\nNEXT"
    assert read(data, transfer_encoding="chunked") == b"abc0123456789"


@pytest.mark.parametrize(
    ("data", "headers", "status"),
    [
        (b"", {}, 411),
        (b"", {"content_length": "+5"}, 400),
        (b"", {"content_length": "٥"}, 400),
        (b"", {"content_length": "101"}, 413),
        (b"", {"transfer_encoding": "gzip, chunked"}, 400),
        (b"", {"transfer_encoding": "chunked", "content_length": "0"}, 400),
        (b"-3\r\nabc\r\n", {"transfer_encoding": "chunked"}, 400),
        (b"0x3\r\nabc\r\n", {"transfer_encoding": "chunked"}, 400),
        (b"2\r\nabc\r\n", {"transfer_encoding": "chunked"}, 400),
        (b"65\r\n" + b"x" * 101, {"transfer_encoding": "chunked"}, 413),
    ],
)
def test_a_wrong_body_is_refused(data: bytes, headers: dict[str, str], status: int) -> None:
    with pytest.raises(ServerError) as caught:
        read(data, **headers)
    assert caught.value.status == status


@given(st.binary(max_size=60))
def test_any_chunked_bytes_end_in_a_body_or_a_refusal(data: bytes) -> None:
    try:
        read(data, transfer_encoding="chunked")
    except (ServerError, BrokenBody):
        return


@pytest.mark.parametrize(
    ("headers", "params"),
    [
        ({"x-clickhouse-user": "default", "x-clickhouse-key": "s"}, {"password": "no"}),
        ({"authorization": "Basic " + base64.b64encode(b"default:s").decode()}, {}),
        ({"authorization": "basic " + base64.b64encode(b":s").decode()}, {}),
        ({}, {"user": "default", "password": "s"}),
    ],
)
def test_the_right_password_passes(headers: dict[str, str], params: dict[str, str]) -> None:
    Gate("s").check(credentials(headers, params))


@given(st.text(max_size=10), st.text(max_size=10))
def test_only_one_user_and_one_password_pass(user: str, password: str) -> None:
    gate = Gate("correct:horse")
    gate.check(Credentials("default", "correct:horse"))
    with pytest.raises(ServerError) as caught:
        gate.check(Credentials(user, password))
    assert (caught.value.code, caught.value.status) == (516, 403)


def test_a_password_is_in_no_repr() -> None:
    assert "hunter2" not in repr(Credentials("default", "hunter2"))


def test_settings_parameters_and_transport_are_told_apart() -> None:
    made = query(
        "/?database=d&param_x=1&max_threads=2&session_id=s&wait_end_of_query=1&query_id=q&user=u&password=p",
        b"SELECT {x:Int8}",
    )
    assert (made.database, made.query_id, made.streaming) == ("d", "q", False)
    assert (made.params, made.settings) == ({"x": "1"}, {"max_threads": "2"})


def test_a_query_parameter_comes_before_the_body() -> None:
    made = query("/?query=INSERT+INTO+t+FORMAT+TSV", b"1\n2\n")
    assert made.statement.insert is not None
    assert bytes(made.statement.insert.data) == b"1\n2\n"
    assert made.database == "casino"


def test_get_sets_readonly_last() -> None:
    made = query("/?query=SELECT+1&readonly=0&max_threads=1", read_only=True)
    assert list(made.settings.items()) == [("max_threads", "1"), ("readonly", "2")]


@pytest.mark.parametrize("target", ["/?compress=1", "/?decompress=1", "/?t_structure=a+Int8"])
def test_what_is_not_supported_says_so(target: str) -> None:
    with pytest.raises(ServerError) as caught:
        query(target, b"SELECT 1")
    assert caught.value.status == 501


def test_a_header_cannot_be_injected_through_the_query_id() -> None:
    assert "\n" not in query("/?query_id=a%0d%0aX:%20y", b"SELECT 1").query_id


def test_form_fields_are_parameters() -> None:
    body = (
        b'--b\r\nContent-Disposition: form-data; name="query"\r\n\r\nSELECT {s:String}\r\n'
        b'--b\r\nContent-Disposition: form-data; name="param_s"\r\n\r\n\xc3\xa9\r\n--x\r\n--b--\r\n'
    )
    made = query("/", body, content_type="multipart/form-data; boundary=b")
    assert (made.statement.text, made.params) == (b"SELECT {s:String}", {"s": "é\r\n--x"})


def test_targets_that_cannot_be_read_are_refused() -> None:
    with pytest.raises(ServerError):
        parse_target("http://[/?a=1")
    assert parse_target("/ping") == Target("/ping", {})


@pytest.mark.parametrize(
    ("raw", "code", "text"),
    [
        (
            "Code: 81. DB::Exception: Database x does not exist. (UNKNOWN_DATABASE)",
            81,
            "Code: 81. DB::Exception: Database x does not exist. (UNKNOWN_DATABASE) (version V)\n",
        ),
        (
            "Code: 107. DB::Exception: Code: 107. DB::Exception: gone."
            " (FILE_DOESNT_EXIST) (version 1). (FILE_DOESNT_EXIST)",
            107,
            "Code: 107. DB::Exception: gone. (FILE_DOESNT_EXIST) (version V)\n",
        ),
        (
            "something else",
            1002,
            "Code: 1002. DB::Exception: something else (UNKNOWN_EXCEPTION) (version V)\n",
        ),
    ],
)
def test_engine_errors_keep_their_code(raw: str, code: int, text: str) -> None:
    error = from_engine(raw)
    assert (error.code, error.text("V")) == (code, text)


def test_metrics_are_prometheus_text() -> None:
    metrics = Metrics()
    metrics.finished(metrics.started(), "insert", 7)
    metrics.failed(81)
    lines = metrics.render("26.5").splitlines()
    assert "clickhouse_front_inserted_rows_total 7" in lines
    assert 'clickhouse_front_errors_total{code="81"} 1' in lines
    assert all(line.startswith(("# HELP ", "# TYPE ", "clickhouse_front_")) for line in lines)
