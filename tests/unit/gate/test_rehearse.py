"""The order of a rehearsal, where it starts, and what stops it; on a stage that only remembers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ccops.core.clock import SystemClock
from ccops.core.errors import UsageError
from ccops.gate import restore as restoring
from ccops.gate.rehearse import Rehearsal, Route, Step, lost_rows, rehearse, route_of
from ccops.gate.rehearse_stack import settings_of
from ccops.gate.restore import errors_of, restore
from ccops.migrations.graph import Graph
from ccops.migrations.revision import Revision

PLAIN = ["prepare", "upgrade", "start", "journey", "stop", "downgrade", "upgrade again"]


@dataclass
class Stage:
    """Remembers what it was asked for; `breaks` names the call that fails."""

    dump_at: str = ""
    breaks: str = ""
    counts: list[dict[str, int]] = field(default_factory=lambda: [{"users": 3}, {"users": 3}])
    said: list[str] = field(default_factory=list)

    def _say(self, what: str) -> str:
        self.said.append(what)
        if what == self.breaks:
            raise UsageError("BROKEN", "it broke", evidence="a line\nanother")
        return what

    def prepare(self) -> str:
        self._say("prepare")
        return self.dump_at

    def move(self, direction: str, target: str) -> Sequence[str]:
        return [self._say(f"{direction} {target}")]

    def start(self) -> str:
        return self._say("start")

    def journey(self) -> str:
        return self._say("journey")

    def stop(self) -> str:
        return self._say("stop")

    def rows(self) -> Mapping[str, int]:
        return self.counts.pop(0)


def _route(start: str = "bb", *, fixed: bool = False) -> Route:
    return Route(start, "dd", "", frozenset({"aa", "bb", "cc"}), fixed)


def _run(stage: Stage, route: Route, *, twice: bool = False) -> tuple[Rehearsal, list[Step]]:
    told: list[Step] = []
    return rehearse(stage, route, SystemClock(), told.append, twice=twice), told


def test_it_goes_up_lives_a_day_goes_down_and_up_again() -> None:
    stage = Stage()
    done, told = _run(stage, _route())
    assert stage.said == [
        "prepare", "up bb", "up dd", "start", "journey", "stop", "down bb", "up dd",
    ]  # fmt: skip
    assert [step.name for step in done.steps] == PLAIN
    assert told == done.steps
    assert (done.failed, done.left, done.marks) == (False, [], [])


def test_twice_walks_the_journey_on_what_went_down_and_up() -> None:
    stage = Stage()
    _run(stage, _route(), twice=True)
    assert stage.said[-2:] == ["start", "journey"]


@pytest.mark.parametrize("at", range(7))
def test_the_first_failure_ends_it_and_names_what_was_not_begun(at: int) -> None:
    calls = ["prepare", "up dd", "start", "journey", "stop", "down bb", "up dd"]
    stage = Stage(breaks=calls[at])
    if at == 6:
        stage = _SecondTime()
    done, _ = _run(stage, _route())
    assert [step.name for step in done.steps] == PLAIN[: at + 1]
    assert done.left == PLAIN[at + 1 :]
    assert done.failed
    assert done.steps[-1].failed == "BROKEN: it broke"
    assert done.steps[-1].lines == ("a line", "another")
    assert [mark.code for mark in done.marks] == ["REHEARSE_FAILED"]


class _SecondTime(Stage):
    def move(self, direction: str, target: str) -> Sequence[str]:
        self.breaks = f"{direction} {target}" if "down bb" in self.said else ""
        return super().move(direction, target)


def test_ctrl_c_goes_through() -> None:
    class Interrupted(Stage):
        def journey(self) -> str:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _run(Interrupted(), _route())


def test_a_dump_says_itself_where_it_starts() -> None:
    stage = Stage(dump_at="cc")
    done, _ = _run(stage, _route("bb"))
    assert stage.said[:2] == ["prepare", "up dd"]
    assert done.start == "cc"
    assert stage.said[-2:] == ["down cc", "up dd"]


@pytest.mark.parametrize(("at", "fixed"), [("zz", False), ("dd", False), ("aa, bb", False), ("cc", True)])
def test_a_dump_from_somewhere_else_is_not_rehearsed(at: str, fixed: bool) -> None:
    done, _ = _run(Stage(dump_at=at), _route("bb", fixed=fixed))
    assert done.steps[0].failed.startswith("REHEARSE_START")
    assert done.left == PLAIN[1:]


def test_rows_that_the_way_back_costs_are_listed_and_new_ones_are_not() -> None:
    (mark,) = lost_rows({"kept": 2, "less": 5, "gone": 1, "empty": 0}, {"kept": 2, "less": 4, "new": 9})
    assert mark.detail == "gone: 1 of 1 rows\nless: 1 of 5 rows"
    assert lost_rows({"a": 1}, {"a": 2}) == []
    done, _ = _run(Stage(counts=[{"users": 3}, {}]), _route())
    assert [mark.code for mark in done.marks] == ["REHEARSE_ROWS_LOST"]
    assert not done.failed


def _graph(*pairs: tuple[str, tuple[str, ...]]) -> Graph:
    return Graph([Revision(ident, down, Path(f"{ident}.py")) for ident, down in pairs])


CHAIN = (("aa", ()), ("bb", ("aa",)), ("cc", ("bb",)))
FORK = (("aa", ()), ("bb", ("aa",)), ("cc", ("aa",)), ("dd", ("bb", "cc")))


@pytest.mark.parametrize(
    ("pairs", "released", "wanted", "start"),
    [
        (CHAIN, "aa", "", "aa"),
        (CHAIN, "aa bb", "", "bb"),
        (CHAIN, "aa bb cc", "", "bb"),
        (CHAIN, "", "", "bb"),
        (CHAIN, "aa bb", "aa", "aa"),
        (CHAIN, "aa", "base", "base"),
        (CHAIN[:1], "", "", "base"),
        (FORK, "aa bb cc", "", "base"),
        (FORK, "aa bb", "", "bb"),
    ],
)
def test_it_starts_at_what_is_released_or_where_it_is_told(
    pairs: tuple[tuple[str, tuple[str, ...]], ...], released: str, wanted: str, start: str
) -> None:
    assert route_of(_graph(*pairs), dict.fromkeys(released.split(), ""), wanted).start == start


@pytest.mark.parametrize("wanted", ["zz", "cc"])
def test_a_start_that_is_not_before_the_head_is_a_usage_error(wanted: str) -> None:
    with pytest.raises(UsageError):
        route_of(_graph(*CHAIN), {}, wanted)
    with pytest.raises(UsageError):
        route_of(_graph(*FORK[:3]), {}, "aa")


def test_the_tools_own_settings_of_an_environment_are_left_behind(tmp_path: Path) -> None:
    path = tmp_path / "prod.env"
    path.write_text(
        "\ufeffCCOPS_STACK=external\nexport CCOPS_DATABASE_URL=postgresql://p\nAPP_ENV=dev\n"
        "  CCOPS_PROM_URL=http://p\n\texport \tCCOPS_KAFKA=p\r\nX=CCOPS_"
    )
    assert settings_of(path) == "APP_ENV=dev\nX=CCOPS_\n"


@pytest.mark.parametrize(
    ("head", "code", "fine"), [(b"PGDMP", 1, True), (b"PGDMP", 2, False), (b"--", 3, False)]
)
def test_a_restore_that_breaks_off_without_a_word_is_no_restore(
    head: bytes, code: int, fine: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\nexit {code}\n")
    program.chmod(0o755)
    monkeypatch.setattr(restoring, "_program", lambda name: str(program))
    dump = tmp_path / "casino.dump"
    dump.write_bytes(head)

    if fine:
        restore("postgresql://nobody@127.0.0.1:9/nothing", dump)
        return
    with pytest.raises(UsageError, match="restored") as error:
        restore("postgresql://nobody@127.0.0.1:9/nothing", dump)
    assert f"ended with {code}" in error.value.evidence


@pytest.mark.parametrize("text", [b"", b"\x1f\x8b\x08packed"])
def test_what_is_no_dump_is_refused_before_anything_runs(text: bytes, tmp_path: Path) -> None:
    path = tmp_path / "casino.dump"
    path.write_bytes(text)
    with pytest.raises(UsageError) as error:
        restore("postgresql://nobody@127.0.0.1:9/nothing", path)
    assert error.value.code == "REHEARSE_DUMP"


def test_only_errors_that_mean_a_gap_count() -> None:
    said = (
        'psql:x:3: ERROR:  role "app" does not exist\npsql:x:9: NOTICE:  fine\n'
        'pg_restore: error: could not execute query: ERROR:  role "app" does not exist\n'
        'psql:x:12: ERROR:  relation "users" already exists\n'
    )
    assert errors_of(said) == ['psql:x:12: ERROR:  relation "users" already exists']
