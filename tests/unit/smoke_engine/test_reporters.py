"""What reporters make of the events of a run."""

from __future__ import annotations

import io
import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from ccops.core.errors import ExitCode, UsageError
from ccops.core.masking import Masker
from ccops.core.output import console
from ccops.smoke.events import (
    ActDone,
    AssertionDone,
    Event,
    InvariantSampled,
    PartDone,
    RunDone,
    RunStarted,
    Sighting,
    StepDone,
    StepStarted,
    Verdict,
)
from ccops.smoke.events_mask import masked
from ccops.smoke.model import Text
from ccops.smoke.reporters.console import ConsoleReporter, padded
from ccops.smoke.reporters.data import DataReporter
from ccops.smoke.reporters.files import reporter
from tests.fakes.probes import HERE

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
STARTED = RunStarted(
    "journey", "r1", Text("A day", "하루"), "dev", {"http": "127.0.0.1:8000"}, 1, ("no prom",)
)
STEP = StepStarted("journey", "buy", 4, Text("buy a charm", "부적 구매"), TRACE, HERE)
ACT = ActDone("journey", "buy", 4, "http", "POST /api/shop/buy → 200", 143.0, TRACE, "request_id 0b0f")
SEEN = (
    Sighting(184.0, '{"amount": 1000, "balance_after": 2510}', "e1:4", True),
    Sighting(191.0, '{"amount": 1000, "balance_after": 3510}', "e1:5", True),
)
BAD = AssertionDone(
    "journey",
    4,
    "buy",
    "ws",
    "feed",
    "reward once",
    HERE,
    "exactly 1 within 500ms (settle 1s)",
    "2 matching",
    Verdict.FAILED,
    1184.0,
    TRACE,
    "e1:4, e1:5",
    sightings=SEEN,
    elsewhere=("✓ postgres  gold_ledger:id=1", "✗ postgres  gold_ledger: missing"),
)
GOOD = AssertionDone(
    "journey",
    4,
    "buy",
    "sql",
    "sql",
    "one row",
    HERE,
    "exactly 1",
    '{"id": 1}',
    Verdict.PASSED,
    12.0,
    TRACE,
    "shop_transactions:id=1",
)
LOST = AssertionDone(
    "journey",
    4,
    "buy",
    "kafka",
    "records",
    "one record",
    HERE,
    "exactly 1",
    "",
    Verdict.NOT_EVALUATED,
    0.0,
    TRACE,
    "",
    reason="all brokers are down",
    lost=True,
)
PART = PartDone(
    "journey",
    4,
    Text("Buy twice", "상점 구매"),
    Verdict.FAILED,
    {"http": 0, "sql": 1, "ws": 1},
    ("http",),
    TRACE,
    900.0,
)
BROKEN = InvariantSampled("journey", "no_negative_gold", HERE, 12, 2, Verdict.FAILED, "1 rows", True)
DONE = RunDone("journey", ExitCode.NEGATIVE, 1, 2, 1, 2000.0)
ALL: tuple[Event, ...] = (
    STARTED,
    STEP,
    ACT,
    BAD,
    GOOD,
    LOST,
    StepDone("journey", "buy", 4, Verdict.FAILED, 200.0),
    PART,
    BROKEN,
    DONE,
)


def drawn(*events: Event, language: str = "en") -> str:
    stream = io.StringIO()
    heard = ConsoleReporter(console(stream), language)
    for event in events:
        heard.hear(event)
    return stream.getvalue()


def test_a_failure_says_wanted_got_when_where_and_how_to_run_it_again() -> None:
    text = drawn(STARTED, STEP, ACT, BAD)

    for part in (
        "FAIL journey › buy › feed: reward once    scenarios/x.yaml:7:3",
        "wanted  exactly 1 within 500ms (settle 1s)",
        "got     2 matching",
        "+184 ms",
        "+191 ms",
        "[e1:5]",
        f"same moment elsewhere  (trace {TRACE})",
        "✗ postgres  gold_ledger: missing",
        "re-run  ccops smoke run journey --to buy",
    ):
        assert part in text


def test_a_part_ends_with_its_trace_command_and_names_what_nobody_looked_at() -> None:
    text = drawn(PART)

    assert f"ccops smoke trace {TRACE}" in text
    assert "nothing was evaluated on: http" in text


def test_korean_titles_are_shown_to_who_asked_for_them() -> None:
    assert "상점 구매" in drawn(PART, language="ko")
    assert "Buy twice" in drawn(PART)
    assert "부적 구매" in drawn(STEP, ACT, StepDone("journey", "buy", 4, Verdict.PASSED, 1.0), language="ko")


def test_hangul_takes_two_cells() -> None:
    assert padded("하루", 6) == "하루  "


def test_an_unevaluated_assertion_says_why() -> None:
    assert "? buy › records not evaluated: all brokers are down" in drawn(LOST)


def test_data_lists_assertions_by_part_and_system_with_their_ids() -> None:
    heard = DataReporter()
    for event in ALL:
        heard.hear(event)
    run = json.loads(json.dumps(heard.data()))["runs"][0]

    part = run["parts"][0]
    assert part["verdict"] == "failed"
    assert part["missing"] == ["http"]
    assert part["systems"]["sql"][0]["evidence"] == "shop_transactions:id=1"
    assert part["systems"]["sql"][0]["trace_id"] == TRACE
    assert part["systems"]["kafka"][0]["lost"] is True
    assert run["invariants"][0]["broken"] == 2
    assert run["exit_code"] == 1


def junit(path: Path, *events: Event) -> ET.Element:
    heard = reporter(f"junit={path}")
    for event in events:
        heard.hear(event)
    heard.close()
    return ET.parse(path).getroot()


def test_junit_has_a_case_per_assertion(tmp_path: Path) -> None:
    suite = junit(tmp_path / "j.xml", *ALL)[0]

    assert suite.attrib["tests"] == "4"
    assert (suite.attrib["failures"], suite.attrib["errors"]) == ("2", "1")


def test_junit_is_well_formed_when_the_run_was_cut_off(tmp_path: Path) -> None:
    suite = junit(tmp_path / "j.xml", STARTED, STEP, ACT, GOOD)[0]

    assert suite.find("testcase/error") is not None
    assert suite.attrib["errors"] == "1"


def test_junit_survives_control_characters(tmp_path: Path) -> None:
    ugly = AssertionDone(
        "journey", 0, "x", "sql", "sql", "nul \x00", HERE, "", "\x1b[0m\x00", Verdict.FAILED, 0.0, "", ""
    )

    assert junit(tmp_path / "j.xml", STARTED, ugly)[0].find("testcase/failure") is not None


def test_ndjson_has_one_object_per_event(tmp_path: Path) -> None:
    heard = reporter(f"ndjson={tmp_path / 'e.ndjson'}")
    for event in ALL:
        heard.hear(event)
    heard.close()
    lines = [json.loads(line) for line in (tmp_path / "e.ndjson").read_text().splitlines()]

    assert [line["event"] for line in lines] == [type(event).__name__ for event in ALL]
    assert lines[3]["place"] == "scenarios/x.yaml:7:3"
    assert lines[3]["verdict"] == "failed"


@pytest.mark.parametrize("spec", ["html=x", "junit", "junit=", "junit=/nowhere/at/all/x.xml"])
def test_an_unusable_report_is_refused_before_anything_runs(spec: str) -> None:
    with pytest.raises(UsageError):
        reporter(spec)


def test_every_text_of_an_event_is_masked() -> None:
    secret = "s3cret-word"
    event = AssertionDone(
        "journey",
        1,
        "x",
        "sql",
        "sql",
        secret,
        HERE,
        secret,
        f"a {secret}",
        Verdict.FAILED,
        0.0,
        TRACE,
        secret,
        sightings=(Sighting(1.0, secret, secret, False),),
        elsewhere=(f"x {secret}",),
    )
    safe = masked(event, Masker([secret]))

    assert secret not in repr(safe)
    assert safe.trace == TRACE
    assert safe.verdict is Verdict.FAILED
    assert safe.place is HERE
