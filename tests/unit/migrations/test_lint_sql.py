"""SQL is cut where PostgreSQL would cut it, and comments that allow are read in either order."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccops.core.allowing import Allowed, read_allowed
from ccops.migrations.lint.action import Does
from ccops.migrations.lint.sql import split, tokens
from ccops.migrations.lint.statements import actions_of

# Pieces that hold a semicolon which ends nothing.
WHOLE = [
    "SELECT ';'", "SELECT 'it''s;'", r"SELECT E'\';'", 'SELECT ";"', "SELECT $$;$$", "SELECT $a$ $$;$$ $a$",
    "SELECT 1 -- ;\n", "SELECT /* ; /* ; */ ; */ 1", "DO $x$ BEGIN; END; $x$",
    "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END",
    "CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2)", "SELECT a$b$c, 'x' FROM t",
]  # fmt: skip


@pytest.mark.parametrize("sql", WHOLE)
def test_a_semicolon_that_is_quoted_or_in_a_body_ends_no_statement(sql: str) -> None:
    assert len(split(sql)) == 1
    assert len(split(f"{sql};\n{sql};")) == 2


@given(st.lists(st.sampled_from(WHOLE), max_size=6))
def test_as_many_statements_come_out_as_were_put_in_each_at_its_line(parts: list[str]) -> None:
    sql = "".join(f"\n{part}\n;" for part in parts)
    starts, line = [], 0
    for part in parts:
        starts.append(line + 1)
        line += part.count("\n") + 2
    assert [statement.line for statement in split(sql)] == starts


@given(st.text(alphabet="'\"$;/*-\\eE \nab1().", max_size=60))
def test_no_text_stops_the_reader_and_lines_never_go_back(sql: str) -> None:
    lines = [token.line for token in tokens(sql)]
    assert lines == sorted(lines)
    assert all(line <= sql.count("\n") for line in lines)
    actions_of(sql)


@given(st.text(max_size=40))
def test_what_is_quoted_is_one_literal_and_comes_back_as_it_was(text: str) -> None:
    quoted = "'" + text.replace("'", "''") + "'"
    (statement,) = split(f"SELECT {quoted}")
    assert statement.tokens[1].text == text
    assert actions_of(f"SELECT {quoted}; UPDATE t SET a = {quoted}")[0][1].does is Does.WRITE_ALL


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("DROP TABLE IF EXISTS a, public.b CASCADE", [(Does.DROP_TABLE, "a"), (Does.DROP_TABLE, "b")]),
        ('ALTER TABLE ONLY "Users" DROP COLUMN IF EXISTS x', [(Does.DROP_COLUMN, "Users.x")]),
        ("alter table U drop x, drop constraint c", [(Does.DROP_COLUMN, "u.x"), (Does.LOCK, "u")]),
        ("ALTER TABLE a RENAME TO b", [(Does.RENAME, "a")]),
        ("ALTER TABLE a RENAME x TO y", [(Does.RENAME, "a.x")]),
        ("ALTER TABLE a RENAME CONSTRAINT x TO y", [(Does.LOCK, "a")]),
        ("ALTER TABLE a ALTER x SET DATA TYPE bigint", [(Does.RETYPE, "a.x")]),
        ("ALTER TABLE a ALTER COLUMN x SET NOT NULL", [(Does.NOT_NULL, "a.x")]),
        ("ALTER TABLE a ALTER COLUMN x DROP NOT NULL", [(Does.LOCK, "a")]),
        ("ALTER TABLE a ALTER COLUMN x SET STATISTICS 500", [(Does.TOUCH, "a")]),
        ("ALTER TABLE a ADD x int NOT NULL", [(Does.ADD_REQUIRED, "a.x")]),
        ("ALTER TABLE a ADD x numeric(8, 2) NOT NULL DEFAULT 0", [(Does.ADD_COLUMN, "a.x")]),
        ("ALTER TABLE a ADD x bigserial PRIMARY KEY", [(Does.ADD_COLUMN, "a.x")]),
        ("ALTER TABLE a ADD CONSTRAINT f FOREIGN KEY (x) REFERENCES b", [(Does.TOUCH, "a")]),
        ("ALTER TABLE a SET (fillfactor = 70)", [(Does.TOUCH, "a")]),
        ("ALTER TABLE a VALIDATE CONSTRAINT f", [(Does.TOUCH, "a")]),
        ("ALTER TABLE a SET SCHEMA old", [(Does.RENAME, "a")]),
        ("TRUNCATE a, ONLY b", [(Does.TRUNCATE, "a"), (Does.TRUNCATE, "b")]),
        ("UPDATE a SET x = 1", [(Does.WRITE_ALL, "a")]),
        ("UPDATE a SET x = (SELECT 1 FROM b WHERE b.id = a.id)", [(Does.WRITE_ALL, "a")]),
        ("UPDATE a SET x = 1 WHERE id < 10", []),
        ("DELETE FROM ONLY a WHERE true", [(Does.WRITE_ALL, "a")]),
        ("DELETE FROM a USING b WHERE b.id = a.id", []),
        ("WITH gone AS (DELETE FROM a RETURNING *) SELECT * FROM gone", [(Does.WRITE_ALL, "a")]),
        ("WITH b AS (SELECT 1) UPDATE a SET x = 1", [(Does.WRITE_ALL, "a")]),
        ("WITH b AS (SELECT 1) UPDATE a SET x = 1 WHERE id = 2", []),
        ("SELECT * FROM a FOR UPDATE", []),
        ("INSERT INTO a VALUES (1) ON CONFLICT (id) DO UPDATE SET x = 1", []),
        ("CREATE TRIGGER t BEFORE UPDATE OR DELETE ON a EXECUTE FUNCTION f()", []),
        ("DROP INDEX CONCURRENTLY IF EXISTS i", [(Does.CONCURRENT, "i")]),
        ("CREATE UNIQUE INDEX CONCURRENTLY i ON a (x)", [(Does.CONCURRENT, "a")]),
        (
            "CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON a (x)",
            [(Does.CONCURRENT, "a"), (Does.SKIPS_INVALID, "a")],
        ),
        ("CREATE INDEX i ON a (x)", []),
        ("DROP MATERIALIZED VIEW v", [(Does.DROP_OBJECT, "v")]),
        ("DROP TRIGGER t ON a", [(Does.LOCK, "a")]),
        ("SET LOCAL lock_timeout = '5s'", [(Does.TIMEOUT, "?")]),
        ("DO $$ BEGIN IF true THEN DROP TABLE a; END IF; END $$", [(Does.DROP_TABLE, "a")]),
        ("DO $$ BEGIN EXECUTE 'DROP TABLE ' || x; END $$", [(Does.COMPUTED, "?")]),
        ("CREATE FUNCTION f() RETURNS void LANGUAGE sql AS 'DROP TABLE a'", [(Does.CREATE_OBJECT, "f")]),
        ("ALTER TABLE ? DROP x", [(Does.DROP_COLUMN, "x")]),
        ("COMMENT ON TABLE a IS 'DROP TABLE a;'", []),
    ],
)  # fmt: skip
def test_a_statement_is_judged_by_its_words(sql: str, expected: list[tuple[Does, str]]) -> None:
    assert [(one.does, one.what) for _, one in actions_of(sql)] == expected


DAY = date(2026, 11, 23)


@pytest.mark.parametrize(
    ("line", "reason", "until", "holds"),
    [
        ("# ccops: allow=A_B reason=it is empty", "it is empty", "", True),
        ("# ccops: allow=A_B reason=it is empty until=2026-11-23", "it is empty", "2026-11-23", True),
        ("# ccops: allow=A_B until=2026-11-23 reason=it is empty", "it is empty", "2026-11-23", True),
        ("# ccops: allow=A_B reason=\"a 'b'\" until=2026-11-22", "a 'b", "2026-11-22", False),
        ("# ccops: allow=A_B reason=x until=never", "x", "never", False),
        ("# ccops: allow=A_B", "", "", False),
        ("# ccops: allow=A_B reason= until=2027-01-01", "", "2027-01-01", False),
        ("<!-- ccops: allow=A_B reason=an until=day is said --> ", "an until=day is said", "", True),
    ],
)
def test_reason_and_day_come_in_either_order(line: str, reason: str, until: str, holds: bool) -> None:
    (one,) = read_allowed([line])
    assert (one.code, one.reason, one.until, one.holds(DAY)) == ("A_B", reason, until, holds)


@given(
    st.text("AB0_", max_size=6).map("C{}".format),
    st.text("ab ,.:=", max_size=20).map("x{}y".format),
    st.dates(),
    st.booleans(),
)
def test_what_was_written_is_what_is_read(code: str, reason: str, day: date, first: bool) -> None:
    parts = [f"until={day}", f"reason={reason}"]
    written = " ".join(parts if first else parts[::-1])
    assert read_allowed([f"x = 1  # ccops: allow={code} {written}"]) == [
        Allowed(code, 1, 1, reason, str(day))
    ]


def test_several_comments_above_a_line_all_speak_of_it() -> None:
    lines = ["# ccops: allow=A reason=x", "# ccops: allow=B reason=y", "code()"]
    assert [(one.code, one.covers) for one in read_allowed(lines)] == [("A", 3), ("B", 3)]
