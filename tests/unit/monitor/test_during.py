"""A command is run to its end, and ended when we are interrupted."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ccops.core.errors import ExitCode, UsageError
from ccops.core.exposition import Exposition, Series
from ccops.monitor.counting import Growths
from ccops.monitor.during import parse_command, run_during, settle
from ccops.monitor.metrics import Verified
from ccops.monitor.scraping import Scraper
from ccops.monitor.wanted import parse_delta
from tests.kafka_kit import until

HITS = Series("hits_total")


class Scrapes(Scraper):
    """Counts one more hit at each look; `interrupts` raises Ctrl-C at the second one."""

    def __init__(self, *, interrupts: bool = False) -> None:
        self.places, self.looks, self.interrupts = {"backend": "http://x"}, 0, interrupts

    def scrape(self) -> dict[str, Exposition]:
        self.looks += 1
        if self.interrupts and self.looks > 1:
            raise KeyboardInterrupt
        return {"backend": Exposition({HITS: float(self.looks)}, {"hits_total": "counter"})}

    try_scrape = scrape


def test_the_exit_code_is_the_commands() -> None:
    assert run_during([sys.executable, "-c", "raise SystemExit(7)"], Scrapes(), Growths()) == 7


def test_counters_are_read_while_it_runs() -> None:
    scrapes, growths = Scrapes(), Growths()
    run_during([sys.executable, "-c", "import time; time.sleep(0.8)"], scrapes, growths)
    assert scrapes.looks >= 3
    assert growths.by_place["backend"].grown[HITS] == scrapes.looks - 1


def test_an_interrupt_ends_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ccops.monitor.during._END_S", 0.2)
    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run_during([sys.executable, "-c", "import time; time.sleep(60)"], Scrapes(interrupts=True), Growths())
    assert time.monotonic() - begun < 30


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_no_signal_leaves_the_command_behind(number: signal.Signals, tmp_path: Path) -> None:
    """Also when it comes twice, as from who is impatient, and the command does not care for it."""
    seen = tmp_path / "pid"
    program = f"""
import signal, sys
from ccops.monitor import during
from ccops.monitor.counting import Growths
from tests.unit.monitor.test_during import Scrapes
deaf = "import os, signal, time; [signal.signal(one, signal.SIG_IGN) for one in (1, 2, 15)]; "
deaf += "open('{seen}', 'w').write(str(os.getpid())); time.sleep(60)"
during.run_during([sys.executable, "-c", deaf], Scrapes(), Growths())
"""
    child = subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.DEVNULL)
    try:
        assert until(lambda: seen.exists() and seen.read_text().isdigit())
        pid = int(seen.read_text())
        child.send_signal(number)
        time.sleep(0.3)
        child.send_signal(number)
        child.wait(15)
    finally:
        child.kill()
        child.wait()
    assert until(lambda: not Path(f"/proc/{pid}").exists())


def test_growth_that_comes_late_is_waited_for_and_then_no_longer() -> None:
    delta = parse_delta("hits_total >= 3")
    assert settle([delta], Scrapes(), Growths(), 30.0)[0].holds
    assert not settle([delta], Scrapes(), Growths(), 0.0)[0].holds


@pytest.mark.parametrize("text", ["", "   ", "'unclosed"])
def test_what_is_no_command_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_command(text)
    assert caught.value.code == "METRICS_COMMAND_INVALID"


def test_a_program_that_is_not_there_is_a_usage_error() -> None:
    with pytest.raises(UsageError) as caught:
        run_during(["/nowhere/at-all"], Scrapes(), Growths())
    assert caught.value.code == "METRICS_COMMAND_INVALID"


@pytest.mark.parametrize(
    ("code", "ends"),
    [(0, ExitCode.OK), (3, ExitCode.REFUSED), (7, ExitCode.NEGATIVE), (-9, ExitCode.NEGATIVE)],
)
def test_a_code_that_is_not_ours_is_a_one(code: int, ends: ExitCode) -> None:
    assert Verified({}, command_code=code).exit_code is ends
