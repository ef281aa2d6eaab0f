"""Growth is never overstated, and what is missed is only what nobody could see."""

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from ccops.core.exposition import Exposition, Series
from ccops.monitor.counting import STARTED, Growth, Growths
from ccops.monitor.wanted import parse_delta

HITS, OPEN = Series("hits_total"), Series("open")
TYPES = {"hits_total": "counter", "open": "gauge"}


def scrape(hits: float, started: float | None = None, opened: float = 0.0) -> Exposition:
    samples = {HITS: hits, OPEN: opened}
    if started is not None:
        samples[Series(STARTED)] = started
    return Exposition(samples, TYPES)


def grown(*scrapes: Exposition) -> float:
    one = Growth()
    for now in scrapes:
        one.feed(now)
    return one.grown[HITS]


def test_growth_starts_at_the_first_scrape() -> None:
    assert grown(scrape(7)) == 0
    assert grown(scrape(7), scrape(9)) == 2


def test_a_process_that_began_anew_counts_from_zero_though_it_is_already_higher() -> None:
    assert grown(scrape(2, started=1), scrape(5, started=2)) == 5


def test_the_same_process_does_not() -> None:
    assert grown(scrape(2, started=1), scrape(5, started=1)) == 3


def test_a_value_that_fell_is_a_restart_also_without_a_start_time() -> None:
    one = Growth()
    one.feed(scrape(9))
    one.feed(scrape(4))
    assert (one.grown[HITS], one.restarts) == (4, 1)


def test_a_gauge_that_fell_is_not() -> None:
    one = Growth()
    one.feed(scrape(9, opened=5))
    one.feed(scrape(9, opened=2))
    assert (one.grown[OPEN], one.restarts) == (-3, 0)


def test_a_series_that_appears_later_has_grown_from_zero() -> None:
    late = Exposition({HITS: 1.0, Series("hits_total", (("a", "b"),)): 4.0}, TYPES)
    one = Growth()
    one.feed(scrape(1))
    one.feed(late)
    assert one.grown[Series("hits_total", (("a", "b"),))] == 4


@dataclass
class Process:
    """A counter that is lost with its process, as real ones are."""

    hits: int = 0
    started: int = 1
    since_scrape: int = 0
    total: int = 0
    lost: int = 0
    tells_start: bool = True
    scrapes: list[Exposition] = field(default_factory=list)

    def hit(self, times: int) -> None:
        self.hits += times
        self.since_scrape += times
        self.total += times

    def restart(self) -> None:
        self.lost += self.since_scrape
        self.hits = self.since_scrape = 0
        self.started += 1

    def look(self) -> None:
        self.since_scrape = 0
        self.scrapes.append(scrape(self.hits, self.started if self.tells_start else None))


ACTS = st.lists(st.one_of(st.integers(0, 9), st.sampled_from(["restart", "look"])), max_size=30)


def lived(acts: list[int | str], tells_start: bool) -> Process:
    process = Process(tells_start=tells_start)
    process.look()
    process.total = 0
    for act in acts:
        if act == "restart":
            process.restart()
        elif act == "look":
            process.look()
        else:
            process.hit(int(act))
    process.look()
    return process


@given(ACTS)
def test_growth_is_exactly_what_happened_less_what_died_unseen(acts: list[int | str]) -> None:
    process = lived(acts, tells_start=True)
    assert grown(*process.scrapes) == process.total - process.lost


@given(ACTS)
def test_without_a_start_time_growth_is_never_overstated(acts: list[int | str]) -> None:
    process = lived(acts, tells_start=False)
    assert 0 <= grown(*process.scrapes) <= process.total - process.lost


@given(ACTS, st.data())
def test_looking_more_often_never_shows_less(acts: list[int | str], data: st.DataObject) -> None:
    every = lived(acts, tells_start=True).scrapes
    middle = data.draw(st.lists(st.booleans(), min_size=len(every), max_size=len(every)))
    fewer = [one for place, one in enumerate(every) if middle[place] or place in {0, len(every) - 1}]
    assert grown(*fewer) <= grown(*every)


@given(st.lists(ACTS, min_size=1, max_size=3))
def test_several_processes_add_up(lives: list[list[int | str]]) -> None:
    growths = Growths()
    processes = {f"backend-{number}": lived(acts, tells_start=True) for number, acts in enumerate(lives)}
    for name, process in processes.items():
        for now in process.scrapes:
            growths.feed({name: now})
    wanted = sum(process.total - process.lost for process in processes.values())
    assert parse_delta(f"hits_total == {wanted}").judge(growths).holds
    assert not parse_delta(f"hits_total == {wanted + 1}").judge(growths).holds
