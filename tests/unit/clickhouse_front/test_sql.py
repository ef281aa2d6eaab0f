"""Where a statement's data begins, what it returns, and what must not pass."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccops.stack.clickhouse_front.errors import ServerError
from ccops.stack.clickhouse_front.sql import parse


@pytest.mark.parametrize(
    ("text", "head", "settings", "name", "data"),
    [
        (b"INSERT INTO t (a) FORMAT Native\n\x01;\n", b"INSERT INTO t (a) ", b"", "Native", b"\x01;\n"),
        (b"insert into t format TSV \r\n1\t2", b"insert into t ", b"", "TSV", b"1\t2"),
        (b"INSERT INTO t FORMAT CSV", b"INSERT INTO t ", b"", "CSV", b""),
        (b"INSERT INTO t FORMAT CSV; \n1", b"INSERT INTO t ", b"", "CSV", b"1"),
        (b"INSERT INTO t FORMAT TSV\n\n1", b"INSERT INTO t ", b"", "TSV", b"\n1"),
        (b"INSERT INTO t(a) VALUES (1), (2)", b"INSERT INTO t(a) ", b"", "Values", b" (1), (2)"),
        (b"INSERT INTO t SETTINGS x=1 FORMAT TSV\n1", b"INSERT INTO t ", b"SETTINGS x=1 ", "TSV", b"1"),
        (b"INSERT INTO values VALUES (1)", b"INSERT INTO values ", b"", "Values", b" (1)"),
        (b"INSERT INTO d.format FORMAT TSV\n1", b"INSERT INTO d.format ", b"", "TSV", b"1"),
        (
            b"/* FORMAT X */ INSERT INTO `FORMAT` FORMAT TSV 1",
            b"/* FORMAT X */ INSERT INTO `FORMAT` ",
            b"",
            "TSV",
            b"1",
        ),
    ],
)
def test_an_insert_is_cut_where_its_data_begins(
    text: bytes, head: bytes, settings: bytes, name: str, data: bytes
) -> None:
    insert = parse(text).insert
    assert insert is not None
    assert (insert.head, insert.settings, insert.format, bytes(insert.data)) == (head, settings, name, data)


@pytest.mark.parametrize(
    "text",
    [
        b"INSERT INTO t SELECT 1 FORMAT TSV",
        b"INSERT INTO t WITH 1 AS x SELECT x",
        b"INSERT INTO t (a) SELECT b FROM (SELECT 1 AS b) SETTINGS x=1",
    ],
)
def test_an_insert_from_a_select_has_no_data(text: bytes) -> None:
    assert parse(text).insert is None


@pytest.mark.parametrize(
    ("text", "verb", "returns_rows", "name"),
    [
        (b"SELECT 1\n FORMAT Native", "SELECT", True, "Native"),
        (b"SELECT 1 FORMAT JSON SETTINGS max_threads = 1;", "SELECT", True, "JSON"),
        (b"SELECT format FROM t", "SELECT", True, None),
        (b"SELECT 'FORMAT CSV'", "SELECT", True, None),
        (b"(SELECT 1) UNION ALL (SELECT 2)", "SELECT", True, None),
        (b"-- note\nWITH 1 AS x SELECT x", "WITH", True, None),
        (b"# note\nshow tables", "SHOW", True, None),
        (b"CREATE TABLE t (a Int8) ENGINE = Memory", "CREATE", False, None),
        (b"/* a /* nested */ b */ DROP TABLE t", "DROP", False, None),
        (b"", "", False, None),
        (b"  -- only a comment", "", False, None),
    ],
)
def test_verb_and_format_are_read(text: bytes, verb: str, returns_rows: bool, name: str | None) -> None:
    statement = parse(text)
    assert (statement.verb, statement.returns_rows, statement.format) == (verb, returns_rows, name)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (b"SELECT 1; SELECT 2", 62),
        (b"SELECT 1 /* ; */ ; -- x\n DROP TABLE t", 62),
        (b"SELECT 1 INTO OUTFILE 'x'", 358),
        (b"SELECT 1 into/**/outfile 'x'", 358),
        (b"INSERT INTO t FROM INFILE 'x' FORMAT TSV", 78),
        (b"INSERT INTO t FROM --x\n infile 'x' FORMAT TSV", 78),
    ],
)
def test_what_a_server_refuses_is_refused(text: bytes, code: int) -> None:
    with pytest.raises(ServerError) as caught:
        parse(text)
    assert caught.value.code == code


@pytest.mark.parametrize(
    "text",
    [
        b"SELECT 1;",
        b"SELECT 1 ; -- the end\n",
        b"SELECT ';', `;`, \";\", $$;$$, $a$;$a$ /* ; */ -- ;",
        b"SELECT 'it''s; \\'; ok'",
        b"SELECT 'INTO OUTFILE', `INFILE` FROM t",
        b"INSERT INTO t FORMAT TSV\n1; SELECT 2 INTO OUTFILE 'x'\n",
        b"INSERT INTO t VALUES ('a; b'); ",
    ],
)
def test_what_only_looks_like_it_passes(text: bytes) -> None:
    parse(text)


@pytest.mark.parametrize(
    ("text", "keeps"),
    [(b"SET x = 1", True), (b"USE d", True), (b"CREATE TEMPORARY TABLE t", True), (b"SELECT 1", False)],
)
def test_statements_that_change_the_handle_are_known(text: bytes, keeps: bool) -> None:
    assert parse(text).keeps_state is keeps


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(text: bytes) -> None:
    try:
        parse(text)
    except ServerError as error:
        codes = {error.code}
    else:
        codes = set()
    assert codes <= {62, 78, 358}


@given(st.binary(max_size=200))
def test_data_is_never_touched(data: bytes) -> None:
    insert = parse(b"INSERT INTO t (a) FORMAT Native\n" + data).insert
    assert insert is not None
    assert bytes(insert.data) == data


@given(st.text(alphabet="ab;'\\\"`$-/*# \n", max_size=40))
def test_a_quoted_string_hides_everything(text: str) -> None:
    quoted = text.replace("\\", "\\\\").replace("'", "\\'")
    assert parse(f"SELECT '{quoted}' FORMAT CSV".encode()).format == "CSV"
